//! Carnet's own tool, and the local stack it is made of.
//!
//! - [`template`] reads `template.yaml`, the one description of tables, routes and functions.
//! - [`stack`] runs what it describes: an embedded DynamoDB, the real function executables behind a
//!   Lambda Runtime API, an HTTP API in front. End-to-end tests use it directly.
//! - [`dev`] is the command around it: it compiles, starts a stack and keeps it until told to stop.

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod dev;
pub mod pattern;
pub mod stack;
pub mod template;
