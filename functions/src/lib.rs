//! What every Lambda function needs around its action: configuration, events in, answers out.
//!
//! Each file beside `src/`, except `build.rs`, is one Lambda function. Most implement [`Action`] and call
//! [`serve`], [`serve_events`] or [`serve_batches`]; this crate parses the event, authenticates HTTP callers, runs the action
//! and answers in the protocol of the event source. A module imports only modules in lower rows:
//!
//! ```text
//! ../*.rs                                one file per Lambda function
//! serve                                  start-up, and the loop over Lambda's Runtime API
//! http  stream                           HTTP requests; consumers of the table's stream
//! events  mcp                            direct invocation, SQS, EventBridge; tools for agents
//! contact_batch                          several contacts of a request
//! action  contact_fields  contact_lookup  contact_ref  tag_filter
//!                                        Action, BatchAction, Call, Reply; what requests say about contacts
//! conditions  input  json                If-Match and If-None-Match; typed fields of a request; serialization of answers
//! error
//! config  deadline  telemetry
//! crate contacts: access, store, model
//! ```
//!
//! | module | owns |
//! |---|---|
//! | [`serve`] | start-up, and the dispatch of Lambda events to the event sources |
//! | `http` | API Gateway (HTTP API, REST API), function URLs, load balancers; the only module that knows HTTP statuses, headers and error bodies |
//! | `events` | direct invocation, SQS and EventBridge: envelopes, batches, error types |
//! | `mcp` | the Model Context Protocol: messages, revisions, and the tools |
//! | `stream` | records of the table's stream, published as change events on EventBridge |
//! | [`action`](Action) | the interface between event sources and functions |
//! | [`conditions`](Conditions) | the conditional headers of a request, against the version of a contact |
//! | `input` | the fields of a request, as typed values, with all violations |

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod action;
mod conditions;
mod config;
mod contact_batch;
mod contact_fields;
mod contact_lookup;
mod contact_ref;
mod deadline;
mod error;
mod events;
mod http;
mod input;
mod json;
mod mcp;
mod serve;
mod stream;
mod tag_filter;
mod telemetry;

pub use action::{Action, BatchAction, Call, Dialect, InputSource, Reply};
pub use conditions::{Conditions, Preconditions};
pub use config::{ChangeFeedConfig, Config, ConfigError, EventDetail};
pub use contact_batch::{ContactBatch, Upserted};
pub use contact_fields::{ContactFields, CreatedContact};
pub use contact_lookup::{ContactLookup, LookupErrors};
pub use contact_ref::ContactRef;
pub use error::Error;
pub use http::{ItemAnswer, openapi};
pub use input::{Input, Invalid};
pub use mcp::TOOLS as MCP_TOOLS;
pub use serve::{
    StartError, serve, serve_batches, serve_caller, serve_change_feed, serve_events, serve_mcp, serve_openapi,
};
pub use tag_filter::{MatchesNothing, TagFilter};

/// The allocator of every function. A warm call takes fewer instructions with it than with the C library's.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
