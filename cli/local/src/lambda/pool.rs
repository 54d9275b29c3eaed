//! The processes of each function.
//!
//! As in Lambda, a process has one invocation at a time and is used again for the next one; when invocations overlap,
//! more processes start. Beyond the limit, invocations wait in the order in which they came.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Semaphore;
use tokio::time;

use super::launch::Launch;
use super::outcome::InvocationOutcome;
use super::process::Process;
use crate::lock::lock;
use crate::shutdown::Shutdown;

/// How long a log tail waits for lines that a process has written but that were not read yet.
const LOG_DELAY: Duration = Duration::from_millis(20);

/// The functions of a stack.
pub(crate) struct Functions {
    by_binary: BTreeMap<String, Arc<Pool>>,
    binary_by_id: BTreeMap<String, String>,
}

impl Functions {
    /// From logical ids and pools.
    pub(crate) fn new(pools: Vec<(String, Pool)>) -> Self {
        let ids = pools.iter().map(|(id, pool)| (id.clone(), pool.launch.name.clone()));
        let binary_by_id = ids.collect();
        let pools = pools.into_iter().map(|(_, pool)| (pool.launch.name.clone(), Arc::new(pool)));
        Self { by_binary: pools.collect(), binary_by_id }
    }

    /// The functions by their local names, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.by_binary.values()
    }

    /// The function with this executable or logical id.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Pool>> {
        self.by_binary.get(self.binary_by_id.get(name).map_or(name, String::as_str))
    }
}

/// The processes of one function.
pub(crate) struct Pool {
    /// The function.
    pub(crate) launch: Launch,
    idle: Mutex<Vec<Process>>,
    /// One permit per process that may run. Tokio's semaphore is fair.
    permits: Arc<Semaphore>,
    started: AtomicUsize,
    shutdown: Shutdown,
}

impl Pool {
    /// A pool of at most `processes` processes, at least one.
    pub(crate) fn new(launch: Launch, processes: usize, shutdown: Shutdown) -> Self {
        Self {
            launch,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(processes.max(1))),
            started: AtomicUsize::new(0),
            shutdown,
        }
    }

    /// How many processes have been started so far.
    pub(crate) fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    /// Whether invocations fail because the stack has been told to stop.
    pub(crate) fn has_stopped(&self) -> bool {
        self.shutdown.has_begun()
    }

    /// Invokes the function. An invocation that has begun goes on when the caller stops waiting, so that its process
    /// can be used again.
    pub(crate) async fn invoke(self: &Arc<Self>, event: Bytes) -> InvocationOutcome {
        self.begin(event, false).await.0
    }

    /// Invokes the function; also returns the last lines that it logged meanwhile, at most 4 KB.
    pub(crate) async fn invoke_with_logs(self: &Arc<Self>, event: Bytes) -> (InvocationOutcome, String) {
        self.begin(event, true).await
    }

    async fn begin(self: &Arc<Self>, event: Bytes, with_logs: bool) -> (InvocationOutcome, String) {
        let permit = tokio::select! {
            biased;
            () = self.shutdown.begun() => return stopped(),
            permit = Arc::clone(&self.permits).acquire_owned() => permit,
        };
        let pool = Arc::clone(self);
        let invocation = self.shutdown.spawn(async move {
            let outcome = pool.run(event, with_logs).await;
            drop(permit);
            outcome
        });
        invocation.await.unwrap_or_else(|_| stopped())
    }

    async fn run(&self, event: Bytes, with_logs: bool) -> (InvocationOutcome, String) {
        let process = match self.idle() {
            Some(process) => process,
            None => {
                self.started.fetch_add(1, Ordering::Relaxed);
                match Process::start(&self.launch, &self.shutdown).await {
                    Ok(process) => process,
                    Err(error) => {
                        let outcome = InvocationOutcome::failure("Runtime.InvalidEntrypoint", &error.to_string());
                        return (outcome, String::new());
                    }
                }
            }
        };
        let tail = process.log_tail();
        tail.clear();
        let (outcome, process) = process.invoke(event, self.launch.timeout).await;
        let mut logs = String::new();
        if with_logs {
            time::sleep(LOG_DELAY).await;
            logs = tail.text();
        }
        lock(&self.idle).extend(process);
        (outcome, logs)
    }

    /// A process that waits for work. Processes that ended while they waited are forgotten.
    fn idle(&self) -> Option<Process> {
        let mut idle = lock(&self.idle);
        idle.retain(Process::is_alive);
        idle.pop()
    }
}

fn stopped() -> (InvocationOutcome, String) {
    (InvocationOutcome::failure("ServiceException", "the local stack stopped"), String::new())
}
