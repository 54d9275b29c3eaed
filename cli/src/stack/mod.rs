//! A deployment on one machine: tables, functions and the HTTP API of a template.
//!
//! ```text
//! client ── gateway ──┐                       ┌── Runtime API ── function process ──┐
//!                     ├── pool of a function ─┤                                     ├── DynamoDB
//! AWS SDK ── invoke ──┘                       └── Runtime API ── function process ──┘
//! ```
//!
//! The functions are the executables AWS would run, spawned as Lambda spawns them: their
//! environment is the template's, each process has a Runtime API to talk to and one call at a time.
//! Nothing is simulated inside them, so what works here fails there only where AWS itself differs.
//!
//! A [`Stack`] owns everything it starts and shares nothing: many may live in one test process, each
//! with an engine, ports and function processes of its own, and dropping one ends them. All of it
//! listens on 127.0.0.1 and nowhere else.

pub(crate) mod aws;
mod body;
mod demo;
mod engine;
mod event;
mod gateway;
mod invoke;
mod logs;
mod page;
mod pool;
mod process;
mod routes;
mod runtime_api;
mod tables;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use axum::body::Bytes;
use tokio::time;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::template::{self, Template};
use pool::{Functions, Pool};

pub use demo::Demo;
pub use logs::{LogLines, Logs};
pub use process::Outcome;

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

/// A running deployment. Dropping it ends its processes.
pub struct Stack {
    url: String,
    dynamodb_url: String,
    dynamodb: Client,
    tables: BTreeMap<String, String>,
    functions: Arc<Functions>,
    life: Life,
    _stop_on_drop: DropGuard,
}

impl Stack {
    /// Starts the engine, makes the tables, and listens. Functions start when they are called.
    ///
    /// # Errors
    /// Whatever stands in the way, in a sentence for the user.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let template = Template::read(&options.template, &options.parameters)?;
        let life = Life::default();
        let stop_on_drop = life.stop.clone().drop_guard();

        let dynamodb_url = match &options.store {
            Store::Url(url) => url.clone(),
            store => engine::start(store, options.dynamodb_port, &life)?,
        };
        let dynamodb = aws::dynamodb(&dynamodb_url);
        tables::create(&dynamodb, &dynamodb_url, &template.tables, &options.store).await?;
        let functions = Arc::new(functions(&options, &template, &dynamodb_url, &life)?);
        if let Some(environment) = functions.environment() {
            demo::prepare(options.demo, environment).await?;
        }

        let address = gateway::serve(options.port, &template, Arc::clone(&functions), options.demo, &life)?;

        let tables = template.tables.into_iter().map(|table| (table.logical_id, table.name));
        Ok(Self {
            url: format!("http://{address}"),
            dynamodb_url,
            dynamodb,
            tables: tables.collect(),
            functions,
            life,
            _stop_on_drop: stop_on_drop,
        })
    }

    /// The address of the HTTP API and of the Lambda API: `http://127.0.0.1:3000`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of DynamoDB.
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// A client of that DynamoDB.
    pub fn dynamodb(&self) -> &Client {
        &self.dynamodb
    }

    /// The name of the table with this logical id.
    pub fn table_name(&self, logical_id: &str) -> Option<&str> {
        self.tables.get(logical_id).map(String::as_str)
    }

    /// Calls a function, by the name of its executable or its logical id, with any event.
    ///
    /// # Errors
    /// [`Error::NoFunction`]; how the call itself went is in the [`Outcome`].
    pub async fn invoke(&self, function: &str, event: impl Into<Bytes>) -> Result<Outcome, Error> {
        Ok(self.pool(function)?.call(event.into()).await)
    }

    /// How many processes of a function have been started so far.
    ///
    /// # Errors
    /// [`Error::NoFunction`].
    pub fn processes(&self, function: &str) -> Result<usize, Error> {
        Ok(self.pool(function)?.started())
    }

    /// Ends the stack, and returns when its processes are gone and their last words collected.
    pub async fn stop(self) {
        self.life.stop.cancel();
        self.life.tasks.close();
        self.life.tasks.wait().await;
    }

    fn pool(&self, function: &str) -> Result<&Arc<Pool>, Error> {
        let pool = self.functions.find(function);
        pool.ok_or_else(|| Error::NoFunction(function.to_owned()))
    }
}

// By hand, because the environment of the functions has credentials.
impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What everything in a stack lives by: told to stop through `stop`, waited for through `tasks`.
#[derive(Clone, Default)]
struct Life {
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// How long requests may still run when the stack stops.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until that ends by itself, or the stack has stopped and a while has passed.
async fn until_overdue(stop: CancellationToken, serving: impl Future) {
    let overdue = async {
        stop.cancelled().await;
        time::sleep(GRACE).await;
    };
    tokio::select! {
        _ = serving => {}
        () = overdue => {}
    }
}

fn functions(options: &Options, template: &Template, dynamodb_url: &str, life: &Life) -> Result<Functions, Error> {
    let mut pools = Vec::new();
    for function in &template.functions {
        let binary = options.binaries.get(&function.binary).ok_or_else(|| Error::NoBinary {
            function: function.logical_id.clone(),
            binary: function.binary.clone(),
        })?;
        let launch = process::Launch::new(function, binary, dynamodb_url, options.logs.clone());
        pools.push((function.logical_id.clone(), Pool::new(launch, options.processes, life.clone())));
    }
    Ok(Functions::new(pools))
}

/// Takes a port of 127.0.0.1; `option` is what a user changes when it is in use.
fn bind(port: u16, option: &'static str) -> Result<std::net::TcpListener, Error> {
    let bind = || {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortTaken { port, option },
        _ => Error::Listen { port, source },
    })
}

/// Says whether a stack could have this port, before any work is put into starting one.
///
/// # Errors
/// [`Error::PortTaken`], [`Error::Listen`].
pub fn check_port(port: u16, option: &'static str) -> Result<(), Error> {
    bind(port, option).map(drop)
}

/// Locks, also after a panic elsewhere: what is kept under these locks is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
