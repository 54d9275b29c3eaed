//! End-to-end tests: they run the real executables on an embedded DynamoDB, with a deployment that is started from
//! `template.yaml`, and read real answers and events.
//!
//! | directory | owns |
//! |---|---|
//! | `contract/` | the rules of the wire contract: statuses, bodies, headers, authentication, rate limit, the OpenAPI document |
//! | `endpoints/` | what one endpoint does, step by step, one file per endpoint or group of endpoints |
//! | `events/` | direct invocation, SQS, EventBridge, the table's stream, and the functions that take events only |
//! | `dynamodb/` | what the functions ask of DynamoDB: cost, concurrency, injected faults, random histories |
//! | `mcp/` | the MCP server: its protocol and its tools |
//! | `stored/` | items as every earlier version stored them, and every function over them |
//! | `layers.rs`, `invariants.rs` | rules about the sources |
//! | `recorded/` | events as AWS tools and `lambda_http` have recorded them |
//! | `hostile/` | the stress test, which is an executable of its own |
//! | `support/` | the deployment under test, and how tests talk to it |
//!
//! A rule that holds for several endpoints is tested once, in `contract/`. All files are one executable, so that they
//! are linked once.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod contract;
mod dynamodb;
mod endpoints;
mod events;
mod invariants;
mod layers;
mod mcp;
mod stored;
mod support;
