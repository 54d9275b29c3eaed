//! Carnet's own tool, and the local stack it is made of.
//!
//! - [`template`] reads `template.yaml`, the one description of tables, routes and functions.
//! - [`stack`] runs what it describes: an embedded DynamoDB, the real function executables behind a
//!   Lambda Runtime API, an HTTP API in front, streams and event buses beside it. End-to-end tests use it directly.
//! - [`pattern`] says which events a function wants.
//! - [`dev`] is the command around it: it compiles, starts a stack and keeps it until told to stop.
//! - [`events`] and [`send`] are commands too: an event ready-made, and an event handed to a function.

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod dev;
pub mod events;
pub mod pattern;
pub mod send;
pub mod stack;
pub mod template;
