#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that can't go on says so by panicking"))]

pub mod access;
mod aws;
pub mod config;
pub mod contact;
pub mod door;
pub mod error;
pub mod feed;
pub mod openapi;
pub mod table;
pub mod telemetry;
pub mod time;

pub use door::{
    Action, Answer, Dialect, Fields, Flawed, StartError, Who, serve, serve_caller, serve_contract, serve_feed,
};
pub use error::Error;
