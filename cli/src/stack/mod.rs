//! A deployment on one machine: tables, functions and what calls these, as a template says.
//!
//! ```text
//! client ── gateway ───┐                       ┌── Runtime API ── function process ──┬── DynamoDB
//! AWS SDK ── invoke ───┼── pool of a function ─┤                                     │      │
//! ┌── mapping ─────────┤                       └── Runtime API ── function process ──┴── event bus
//! │   event bus ───────┘                                                                    │
//! └── stream of a table                                                               events.jsonl
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
mod bus;
mod demo;
mod engine;
mod error;
mod event;
mod failure;
mod gateway;
mod invoke;
mod journal;
mod logs;
mod mapping;
mod options;
mod page;
mod pool;
mod process;
mod routes;
mod runtime_api;
mod stream;
mod tables;
mod unattended;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use axum::body::Bytes;
use serde_json::Value;
use tokio::time;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::template::{Rule, Template};
use bus::Bus;
use failure::Failures;
use invoke::Invoke;
use journal::Journal;
use mapping::Mappings;
use pool::{Functions, Pool};
use stream::Beginning;
use unattended::{Backoff, Unattended};

pub use demo::Demo;
pub use error::Error;
pub use logs::{LogLines, Logs};
pub use options::{Options, Store};
pub use process::Outcome;

/// A running deployment. Dropping it ends its processes.
pub struct Stack {
    url: String,
    dynamodb_url: String,
    dynamodb: Client,
    tables: BTreeMap<String, String>,
    functions: Arc<Functions>,
    mappings: Mappings,
    bus: Arc<Bus>,
    failures: Arc<Failures>,
    unattended: Arc<Unattended>,
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

        let (listener, address) = gateway::listen(options.port)?;
        let url = format!("http://{address}");
        let engine = match &options.store {
            Store::Url(_) => None,
            store => Some(engine::start(store, options.dynamodb_port, &life)?),
        };
        let dynamodb_url = match (&options.store, &engine) {
            (Store::Url(url), _) => url.clone(),
            (_, engine) => engine.as_ref().map(|engine| engine.url.clone()).unwrap_or_default(),
        };
        let dynamodb = aws::dynamodb(&dynamodb_url);
        tables::create(&dynamodb, &dynamodb_url, &template.tables, &options.store).await?;

        let functions = Arc::new(functions(&options, &template, &url, &dynamodb_url, &life)?);
        let journal = |name| Journal::open(&options.store, name).map_err(|source| Error::Journal { name, source });
        let failures = Arc::new(Failures { journal: journal("failures")?, logs: options.logs.clone() });
        let unattended = Unattended::new(Arc::clone(&failures), Backoff(options.backoff), life.clone());
        let unattended = Arc::new(unattended);
        let bus = Arc::new(Bus {
            names: template.buses.iter().cloned().chain(["default".to_owned()]).collect(),
            rules: rules(&template, &functions),
            published: journal("events")?,
            refusal: Mutex::default(),
            unattended: Arc::clone(&unattended),
            logs: options.logs.clone(),
        });
        let made_up = match functions.environment() {
            Some(environment) => demo::prepare(options.demo, environment).await?,
            None => false,
        };
        // Demo contacts are no news: they stand for what was there before anybody subscribed.
        let beginning = if made_up { Beginning::Now } else { Beginning::AsWanted };
        let mappings = Mappings::start(&options, &template, engine, beginning, &functions, &failures, &life)?;
        let api = Invoke { functions: Arc::clone(&functions), unattended: Arc::clone(&unattended) };
        gateway::serve(listener, &template, api, Arc::clone(&bus), options.page.then_some(options.demo), &life);

        let tables = template.tables.into_iter().map(|table| (table.logical_id, table.name));
        Ok(Self {
            url,
            dynamodb_url,
            dynamodb,
            tables: tables.collect(),
            functions,
            mappings,
            bus,
            failures,
            unattended,
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

    /// The events published so far, as a subscriber gets them; with a directory, those of earlier runs too.
    pub fn events(&self) -> Vec<Value> {
        self.bus.events()
    }

    /// From now on, publishing an entry of PutEvents fails if this says so.
    pub fn refuse_events(&self, refuse: impl FnMut(&Value) -> bool + Send + 'static) {
        self.bus.refuse(refuse);
    }

    /// What has been given up so far: each a `destination` and the `message` Lambda would send there.
    pub fn failures(&self) -> Vec<Value> {
        self.failures.journal.documents()
    }

    /// Waits until all changes made so far, and all events, have been delivered or given up, and whatever came of
    /// them as well. A mapping whose function fails for ever, and may, is waited for for ever.
    pub async fn caught_up(&self) {
        let mut before = None;
        loop {
            let now = Some((self.mappings.caught_up().await, self.unattended.over().await));
            if now == before {
                return;
            }
            before = now;
        }
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

fn functions(
    options: &Options,
    template: &Template,
    url: &str,
    dynamodb_url: &str,
    life: &Life,
) -> Result<Functions, Error> {
    let mut pools = Vec::new();
    for function in &template.functions {
        let binary = options.binaries.get(&function.binary).ok_or_else(|| Error::NoBinary {
            function: function.logical_id.clone(),
            binary: function.binary.clone(),
        })?;
        let launch = process::Launch::new(function, binary, url, dynamodb_url, options.logs.clone());
        pools.push((function.logical_id.clone(), Pool::new(launch, options.processes, life.clone())));
    }
    Ok(Functions::new(pools))
}

/// The rules of all buses, with their functions.
fn rules(template: &Template, functions: &Functions) -> Vec<(Rule, Arc<Pool>)> {
    let rules = template.functions.iter().filter_map(|function| {
        let pool = functions.find(&function.binary)?;
        Some(function.rules.iter().map(|rule| (rule.clone(), Arc::clone(pool))))
    });
    rules.flatten().collect()
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
