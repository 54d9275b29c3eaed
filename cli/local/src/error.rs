//! What can go wrong with a stack, worded for the person who started it.

use std::io;
use std::path::PathBuf;

/// An error of any kind that is only shown.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a stack cannot start, cannot go on, or cannot invoke a function.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The template names an executable that was not given.
    #[error(
        "template: {function}: there is no executable `{binary}`; add it to the build, or correct Metadata.BuildProperties.Binary"
    )]
    NoBinary {
        /// The function's logical id.
        function: String,
        /// The executable it names.
        binary: String,
    },
    /// Another program listens on the port.
    #[error("port {port} is in use; choose another with {option}")]
    PortTaken {
        /// The port.
        port: u16,
        /// The option that sets it.
        option: &'static str,
    },
    /// Listening on the port fails for another reason.
    #[error("can't listen on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// What the system reported.
        source: io::Error,
    },
    /// The data directory belongs to a stack that is running.
    #[error(
        "the data directory {} is in use by another running stack; stop that one, choose another directory with \
         --data, or keep the tables in memory with --memory", dir.display()
    )]
    DataDirInUse {
        /// The directory.
        dir: PathBuf,
    },
    /// No running stack uses the data directory.
    #[error("no stack is running with the data directory {}", dir.display())]
    NotRunning {
        /// The directory.
        dir: PathBuf,
    },
    /// The data directory cannot be made or locked.
    #[error("can't use the data directory {}: {source}", dir.display())]
    DataDir {
        /// The directory.
        dir: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
    /// The data directory, or the files in it, were removed or replaced while the stack was running.
    #[error(
        "the data directory {} was deleted while the stack was running; its tables are lost; start the stack again to \
         create new ones", dir.display()
    )]
    DataDirDeleted {
        /// The directory.
        dir: PathBuf,
    },
    /// The embedded engine does not start.
    #[error("the embedded DynamoDB doesn't start: {0}")]
    Engine(String),
    /// The streams of the embedded engine cannot be read.
    #[error("can't read the tables' streams: {0}")]
    Streams(BoxError),
    /// An event log cannot be written.
    #[error("can't write {name}.jsonl: {source}")]
    EventLog {
        /// Its name.
        name: &'static str,
        /// What the system reported.
        source: io::Error,
    },
    /// A table cannot be made.
    #[error("table {table} at {url}: {reason}")]
    Table {
        /// Its name.
        table: String,
        /// The server.
        url: String,
        /// What the server answered.
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
    /// [`Options::seed`](crate::Options::seed) failed.
    #[error("can't write the first data into the tables: {0}")]
    Seed(BoxError),
    /// The template has no function of this name.
    #[error("there is no function `{0}`")]
    NoFunction(String),
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file cannot be read.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
    /// The file is not YAML.
    #[error("template: {0}")]
    Syntax(String),
    /// Something in it is missing, wrong, or not supported locally.
    #[error("template: {place}: {reason}")]
    Invalid {
        /// Logical id of the resource.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
}
