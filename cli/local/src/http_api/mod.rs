//! API Gateway: an HTTP API with payload format 2.0.
//!
//! This module owns routes and the translation between HTTP and events, both ways. It knows nothing of Lambda's or
//! EventBridge's own APIs. Its invariant: every request gets the response that API Gateway would send, its own errors
//! included. Start reading at `gateway`.

mod cors;
mod event;
pub(crate) mod gateway;
mod routes;
