#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod access;
pub mod config;
pub mod contact;
pub mod door;
pub mod error;
pub mod table;
pub mod telemetry;
pub mod time;

pub use door::{Action, Answer, Fields, Flawed, StartError, serve};
pub use error::Error;
