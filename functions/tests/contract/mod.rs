//! The wire contract: what every client can rely on. Each rule has one test.
//!
//! | file | owns |
//! |---|---|
//! | `authentication.rs` | tokens, tenants, what one tenant sees of another, and that logs hold no personal data |
//! | `all_endpoints.rs` | the order of checks, errors, request bodies, values, unknown paths, request ids |
//! | `qyvo.rs` | Qyvo's endpoints, one after the other |
//! | `flowiq.rs` | FlowIQ's endpoints |
//! | `invalid_input.rs` | every limit of every field, and the message when it is exceeded |
//! | `n8n_node.rs` | the requests of Qyvo's node for n8n |
//! | `preconditions.rs` | `ETag`, `If-Match`, `If-None-Match` |
//! | `rate_limit.rs` | the rate limit, its headers and 429 |
//! | `idempotency.rs` | the header `Idempotency-Key` |
//! | `repetitions.rs` | that header together with conditions, changes of number and outdated reads |
//! | `strict.rs` | `Prefer: handling=strict` |
//! | `openapi.rs` | the OpenAPI document: its routes, its examples, how it is served |

mod all_endpoints;
mod authentication;
mod flowiq;
mod idempotency;
mod invalid_input;
mod n8n_node;
mod openapi;
mod preconditions;
mod qyvo;
mod rate_limit;
mod repetitions;
mod strict;
