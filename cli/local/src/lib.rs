//! A SAM template's deployment on one machine.
//!
//! [`Stack`] reads a `template.yaml` and runs what it describes: an embedded DynamoDB, the real function executables
//! behind a Lambda Runtime API, an HTTP API in front of them, event source mappings and event buses. The
//! executables are the deployed ones; the services around them are local implementations.
//!
//! Nothing here is specific to contacts. A program that uses this crate brings the executables and, if it
//! wants, a [`Seed`] for the tables and pages to serve beside the API.
//!
//! The modules, top to bottom; each uses only those below it:
//!
//! | module | owns |
//! |---|---|
//! | `stack` | wiring, start and shutdown |
//! | `server` | the port that all HTTP clients use |
//! | `http_api` | API Gateway: routes, payload format 2.0 |
//! | `eventbridge` | event buses: PutEvents, rules |
//! | `lambda` | processes, Invoke API, event source mappings, asynchronous invocations |
//! | `dynamodb` | the engine, its tables and streams |
//! | [`template`] | what `template.yaml` says |
//! | `options`, `seed`, `data_dir`, `event_log`, `logs`, `shutdown`, `listen`, `origin`, `body`, `error`, [`aws`], `lock` | what several of them use |
//!
//! Start reading at [`Stack::start`].

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod aws;
mod body;
mod data_dir;
mod dynamodb;
mod error;
mod event_log;
mod eventbridge;
mod http_api;
mod lambda;
mod listen;
mod lock;
mod logs;
mod options;
mod origin;
mod seed;
mod server;
mod shutdown;
mod stack;
pub mod template;

pub use data_dir::{RunningStack, check_data_dir};
pub use error::{BoxError, Error, TemplateError};
pub use eventbridge::bus::EventRefusal;
pub use lambda::batch_response::failed_items;
pub use lambda::outcome::InvocationOutcome;
pub use listen::check_port;
pub use logs::{LogLines, Logs};
pub use options::{Options, Store};
pub use seed::{Seed, StreamStart};
pub use stack::Stack;
