//! DynamoDB: the embedded engine, the template's tables, and their streams.
//!
//! This module owns what is stored, and knows nothing of functions: event source mappings in
//! [`lambda`](crate::lambda) read the streams and report how far they came. Invariants: a table that exists has the
//! keys and indexes of the template, and a stream record stays until every mapping of its table is past it, or for a
//! day. Start reading at `tables`, then `stream`.

mod endpoint;
pub(crate) mod engine;
pub(crate) mod stream;
pub(crate) mod tables;
