//! What a stack is made from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::demo::Demo;
use super::logs::Logs;

/// What a stack is made from.
#[derive(Debug, Clone)]
pub struct Options {
    /// The template.
    pub template: PathBuf,
    /// Values of its parameters, where not the defaults.
    pub parameters: BTreeMap<String, String>,
    /// Executables of the functions, by the names the template gives them.
    pub binaries: BTreeMap<String, PathBuf>,
    /// Where the tables are.
    pub store: Store,
    /// The port of the HTTP API; 0 takes any.
    pub port: u16,
    /// The port of the embedded DynamoDB; 0 takes any.
    pub dynamodb_port: u16,
    /// How many processes of one function may run at a time.
    pub processes: usize,
    /// Where the functions' output goes.
    pub logs: Logs,
    /// How much demo data to write.
    pub demo: Demo,
    /// Whether there is a page to try the API on, which AWS has not.
    pub page: bool,
    /// How long an event that failed waits before it is delivered again; longer each time.
    pub backoff: Duration,
}

impl Options {
    /// Nothing kept, any port, up to ten processes a function, no demo data.
    pub fn new(template: impl Into<PathBuf>, binaries: BTreeMap<String, PathBuf>) -> Self {
        Self {
            template: template.into(),
            parameters: BTreeMap::new(),
            binaries,
            store: Store::Memory,
            port: 0,
            dynamodb_port: 0,
            processes: 10,
            logs: Logs::Inherit,
            demo: Demo::None,
            page: false,
            backoff: Duration::from_millis(50),
        }
    }
}

/// Where the tables are.
#[derive(Debug, Clone)]
pub enum Store {
    /// In the embedded engine, gone with the stack.
    Memory,
    /// In the embedded engine, kept in this directory.
    Dir(PathBuf),
    /// In the DynamoDB-compatible server at this address.
    Url(String),
}
