//! The settings of a stack.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;

use crate::logs::Logs;
use crate::seed::Seed;

/// The settings of a stack.
#[derive(Debug, Clone)]
pub struct Options {
    /// Path of the SAM template.
    pub template: PathBuf,
    /// Values of its parameters where they differ from the defaults.
    pub parameters: BTreeMap<String, String>,
    /// Environment variables of every function, beside the template's; where both set one, this value is used.
    pub environment: BTreeMap<String, String>,
    /// Executables of the functions, by `Metadata.BuildProperties.Binary`.
    pub binaries: BTreeMap<String, PathBuf>,
    /// Where the tables are kept.
    pub store: Store,
    /// The port of the HTTP API; 0 takes any free one.
    pub port: u16,
    /// The port of the embedded DynamoDB; 0 takes any free one.
    pub dynamodb_port: u16,
    /// How many processes of one function may run at a time; further invocations wait.
    pub processes: usize,
    /// Where log lines go.
    pub logs: Logs,
    /// Writes first data into the tables.
    pub seed: Option<Seed>,
    /// Pages served beside the API. A request that no page takes goes to the HTTP API.
    pub pages: Option<Router>,
    /// The first pause before a failed asynchronous invocation or batch is retried; it doubles up to 20 times this.
    pub backoff: Duration,
}

impl Options {
    /// The template's defaults, tables in memory, any free ports, ten processes per function, no seed, no pages, a backoff of 50 ms.
    pub fn new(template: impl Into<PathBuf>, binaries: BTreeMap<String, PathBuf>) -> Self {
        Self {
            template: template.into(),
            parameters: BTreeMap::new(),
            environment: BTreeMap::new(),
            binaries,
            store: Store::Memory,
            port: 0,
            dynamodb_port: 0,
            processes: 10,
            logs: Logs::for_stderr(),
            seed: None,
            pages: None,
            backoff: Duration::from_millis(50),
        }
    }
}

/// Where the tables are kept.
#[derive(Debug, Clone)]
pub enum Store {
    /// In the embedded engine, in memory; gone when the stack stops.
    Memory,
    /// In the embedded engine, in files of this directory, which is created if it does not exist.
    Dir(PathBuf),
    /// In the DynamoDB-compatible server at this URL.
    Url(String),
}
