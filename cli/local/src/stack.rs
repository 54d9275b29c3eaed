//! A stack: the deployment of a template on one machine.
//!
//! ```text
//! client ── http_api ──────────┐                       ┌── Runtime API ── function process ──┬── DynamoDB
//! AWS SDK ── invoke_api ───────┼── pool of a function ─┤                                     │      │
//! ┌── event_source_mapping ────┤                       └── Runtime API ── function process ──┴── event bus
//! │   event bus ───────────────┘                                                                    │
//! └── stream of a table                                                                       events.jsonl
//! ```
//!
//! The functions are the executables that AWS would run, started as Lambda starts them: the environment is the
//! template's, and each process has a Runtime API to talk to and one invocation at a time.
//!
//! A [`Stack`] owns everything it starts and shares nothing, so several may run in one process, as in tests. All of it
//! listens on 127.0.0.1 only.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use axum::body::Bytes;
use serde_json::Value;
use tokio_util::sync::DropGuard;

use crate::aws;
use crate::data_dir::{DataDir, RunningStack};
use crate::dynamodb::{engine, tables};
use crate::error::Error;
use crate::event_log::EventLog;
use crate::eventbridge::bus::{EventBuses, EventRefusal, Target};
use crate::http_api::gateway::Gateway;
use crate::lambda::async_invoke::AsyncInvoke;
use crate::lambda::dead_letters::DeadLetters;
use crate::lambda::event_source_mapping::{MappingContext, Mappings};
use crate::lambda::invoke_api::InvokeApi;
use crate::lambda::launch::Launch;
use crate::lambda::outcome::InvocationOutcome;
use crate::lambda::pool::{Functions, Pool};
use crate::options::{Options, Store};
use crate::seed::StreamStart;
use crate::server::{self, Apis};
use crate::shutdown::Shutdown;
use crate::template::{QueueRule, Rule, Template};

/// A running deployment. Dropping it ends its processes.
pub struct Stack {
    url: String,
    dynamodb_url: String,
    dynamodb: Client,
    tables: BTreeMap<String, String>,
    functions: Arc<Functions>,
    mappings: Mappings,
    buses: Arc<EventBuses>,
    dead_letters: Arc<DeadLetters>,
    async_invoke: Arc<AsyncInvoke>,
    shutdown: Shutdown,
    _stop_on_drop: DropGuard,
    // Dropped last: nothing else uses the directory by then.
    data_dir: Option<DataDir>,
}

impl Stack {
    /// Starts the engine, creates the tables, runs the seed, and answers requests from then on. Processes of functions
    /// start with their first invocations.
    ///
    /// # Errors
    /// [`Error`]: the template, an executable, a port, the data directory, a table, the streams or the seed.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let template = Template::read(&options.template, &options.parameters)?;
        let shutdown = Shutdown::default();
        let stop_on_drop = shutdown.stop_on_drop();

        let data_dir = match &options.store {
            Store::Dir(dir) => Some(DataDir::open(dir)?),
            Store::Memory | Store::Url(_) => None,
        };
        let (listener, address) = server::listen(options.port)?;
        let url = format!("http://{address}");
        let (engine, dynamodb_url) = match &options.store {
            Store::Url(url) => (None, url.clone()),
            Store::Memory | Store::Dir(_) => {
                let file = data_dir.as_ref().map(DataDir::database);
                let engine = engine::start(file.as_deref(), options.dynamodb_port, &shutdown)?;
                let url = engine.url.clone();
                (Some(engine), url)
            }
        };
        let dynamodb = aws::dynamodb(&dynamodb_url);
        tables::create(&dynamodb, &dynamodb_url, &template.tables, &options.store).await?;

        let functions = Arc::new(functions(&options, &template, &url, &dynamodb_url, &shutdown)?);
        let log = |name| EventLog::open(&options.store, name).map_err(|source| Error::EventLog { name, source });
        let dead_letters = Arc::new(DeadLetters { log: log("failures")?, logs: options.logs.clone() });
        let async_invoke = AsyncInvoke::new(Arc::clone(&dead_letters), options.backoff, shutdown.clone());
        let async_invoke = Arc::new(async_invoke);
        let buses = Arc::new(EventBuses {
            names: template.buses.iter().cloned().chain(["default".to_owned()]).collect(),
            rules: rules(&template, &functions),
            published: log("events")?,
            refuse: Mutex::default(),
            async_invoke: Arc::clone(&async_invoke),
            dead_letters: Arc::clone(&dead_letters),
            logs: options.logs.clone(),
        });

        let start = seed(&options, &functions).await?;
        let context = MappingContext {
            functions: &functions,
            dead_letters: &dead_letters,
            backoff: options.backoff,
            shutdown: &shutdown,
        };
        let mappings = Mappings::start(&template, engine, start, &context)?;
        let invoke = InvokeApi {
            functions: Arc::clone(&functions),
            async_invoke: Arc::clone(&async_invoke),
            logs: options.logs.clone(),
        };
        let gateway = Gateway::new(&template, Arc::clone(&functions), options.logs);
        let apis = Apis { gateway, invoke, buses: Arc::clone(&buses), pages: options.pages };
        server::serve(listener, apis, &shutdown);

        let tables: BTreeMap<_, _> = template.tables.into_iter().map(|table| (table.logical_id, table.name)).collect();
        if let Some(dir) = &data_dir {
            let (url, dynamodb_url, tables) = (url.clone(), dynamodb_url.clone(), tables.clone());
            dir.announce(&RunningStack { url, dynamodb_url, tables })?;
        }
        Ok(Self {
            url,
            dynamodb_url,
            dynamodb,
            tables,
            functions,
            mappings,
            buses,
            dead_letters,
            async_invoke,
            shutdown,
            _stop_on_drop: stop_on_drop,
            data_dir,
        })
    }

    /// The URL of the HTTP API, Lambda and EventBridge, without a slash at its end: `http://127.0.0.1:3000`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of DynamoDB.
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

    /// Invokes a function, by its executable or its logical id, with any event.
    ///
    /// # Errors
    /// [`Error::NoFunction`]. How the invocation ended is in the [`InvocationOutcome`].
    pub async fn invoke(&self, function: &str, event: impl Into<Bytes>) -> Result<InvocationOutcome, Error> {
        Ok(self.pool(function)?.invoke(event.into()).await)
    }

    /// How many processes of a function have been started so far.
    ///
    /// # Errors
    /// [`Error::NoFunction`].
    pub fn processes(&self, function: &str) -> Result<usize, Error> {
        Ok(self.pool(function)?.started())
    }

    /// The events published so far, as a subscriber gets them; with a data directory, those of earlier runs too.
    pub fn events(&self) -> Vec<Value> {
        self.buses.events()
    }

    /// From now on, `refuse` decides which entries of PutEvents, and which whole requests, fail.
    pub fn refuse_events(&self, refuse: impl FnMut(&Value) -> Option<EventRefusal> + Send + 'static) {
        self.buses.refuse(refuse);
    }

    /// The dead letters so far: `{"destination", "message"}`, where `message` is what Lambda, or a rule of an event bus,
    /// would send.
    pub fn failures(&self) -> Vec<Value> {
        self.dead_letters.log.documents()
    }

    /// Waits until all changes and events so far, and all that followed from them, have been processed or given up.
    /// Does not return while a mapping without a limit of retries keeps failing.
    pub async fn caught_up(&self) {
        let mut before = None;
        loop {
            let now = Some((self.mappings.caught_up().await, self.async_invoke.finished().await));
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// Waits for an error that the stack cannot recover from: [`Error::DataDirDeleted`], within half a second. Without
    /// a data directory it does not return.
    pub async fn failed(&self) -> Error {
        match &self.data_dir {
            Some(dir) => dir.deleted().await,
            None => std::future::pending().await,
        }
    }

    /// Stops the stack. Returns when its processes have ended and their output has been collected.
    pub async fn stop(self) {
        self.shutdown.finish().await;
    }

    fn pool(&self, function: &str) -> Result<&Arc<Pool>, Error> {
        let pool = self.functions.find(function);
        pool.ok_or_else(|| Error::NoFunction(function.to_owned()))
    }
}

// Not derived, because the environment of the functions has credentials.
impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("url", &self.url).finish_non_exhaustive()
    }
}

fn functions(
    options: &Options,
    template: &Template,
    url: &str,
    dynamodb_url: &str,
    shutdown: &Shutdown,
) -> Result<Functions, Error> {
    let mut pools = Vec::new();
    for function in &template.functions {
        let binary = options.binaries.get(&function.binary).ok_or_else(|| Error::NoBinary {
            function: function.logical_id.clone(),
            binary: function.binary.clone(),
        })?;
        let mut launch = Launch::new(function, binary, url, dynamodb_url, options.logs.clone());
        launch.environment.extend(options.environment.clone());
        pools.push((function.logical_id.clone(), Pool::new(launch, options.processes, shutdown.clone())));
    }
    Ok(Functions::new(pools))
}

/// The rules of all buses, with their targets.
fn rules(template: &Template, functions: &Functions) -> Vec<(Rule, Target)> {
    let to_functions = template.functions.iter().filter_map(|function| {
        let pool = functions.find(&function.binary)?;
        Some(function.rules.iter().map(|rule| (rule.clone(), Target::Function(Arc::clone(pool)))))
    });
    let to_queues = template
        .queue_rules
        .iter()
        .flat_map(|QueueRule { rule, queues }| queues.iter().map(|queue| (rule.clone(), Target::Queue(queue.clone()))));
    to_functions.flatten().chain(to_queues).collect()
}

/// Runs the seed with the environment of the first function: all of them have the same tables and credentials.
async fn seed(options: &Options, functions: &Functions) -> Result<StreamStart, Error> {
    let environment = functions.iter().next().map(|function| function.launch.environment.clone());
    match (&options.seed, environment) {
        (Some(seed), Some(environment)) => seed.run(environment).await.map_err(Error::Seed),
        _ => Ok(StreamStart::AsConfigured),
    }
}
