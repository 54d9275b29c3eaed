//! What can go wrong with a stack, in words for its user.

use std::io;

use crate::template;

/// Why a stack can't start, or a call can't be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template can't be used.
    #[error(transparent)]
    Template(#[from] template::Error),
    /// The template names an executable nobody built.
    #[error("template: {function}: there is no executable `{binary}`")]
    NoBinary {
        /// The function's logical id.
        function: String,
        /// The executable it names.
        binary: String,
    },
    /// Something listens on the port.
    #[error("port {port} is in use; choose another with {option}")]
    PortTaken {
        /// The port.
        port: u16,
        /// The option that sets it.
        option: &'static str,
    },
    /// The port can't be had for another reason.
    #[error("can't listen on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The embedded engine doesn't start.
    #[error("the embedded DynamoDB doesn't start: {0}")]
    Engine(String),
    /// The streams of the embedded engine can't be read.
    #[error("the tables' streams: {0}")]
    Streams(String),
    /// A journal can't be written.
    #[error("can't write {name}.jsonl: {source}")]
    Journal {
        /// Its name.
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A table can't be made.
    #[error("table {table} at {url}: {reason}")]
    Table {
        /// Its name.
        table: String,
        /// The server.
        url: String,
        /// What the server said.
        reason: String,
    },
    /// A table exists already, with other keys or indexes.
    #[error("table {table} in {place} was made from another template; {remedy}")]
    StaleTable {
        /// Its name.
        table: String,
        /// Where it is.
        place: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The demo data can't be written.
    #[error("the demo data: {0}")]
    Demo(String),
    /// A call names a function the template doesn't have.
    #[error("there is no function `{0}`")]
    NoFunction(String),
}
