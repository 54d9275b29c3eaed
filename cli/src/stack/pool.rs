//! The processes of each function.
//!
//! As in Lambda, a process has one call at a time and the next one after it; when calls overlap,
//! more processes start. Beyond the limit, calls wait in the order they came.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use tokio::sync::Semaphore;

use super::process::{Launch, Outcome, Process};
use super::{Life, lock};

/// The functions of a stack.
pub(super) struct Functions {
    by_binary: BTreeMap<String, Arc<Pool>>,
    binary_by_id: BTreeMap<String, String>,
}

impl Functions {
    /// From logical ids and pools.
    pub(super) fn new(pools: Vec<(String, Pool)>) -> Self {
        let ids = pools.iter().map(|(id, pool)| (id.clone(), pool.launch.name.clone()));
        let binary_by_id = ids.collect();
        let pools = pools.into_iter().map(|(_, pool)| (pool.launch.name.clone(), Arc::new(pool)));
        Self { by_binary: pools.collect(), binary_by_id }
    }

    /// The environment of one of them; where the tables are, they all know alike.
    pub(super) fn environment(&self) -> Option<&BTreeMap<String, String>> {
        self.by_binary.values().next().map(|pool| &pool.launch.environment)
    }

    /// The function with this executable or logical id.
    pub(super) fn find(&self, name: &str) -> Option<&Arc<Pool>> {
        self.by_binary.get(self.binary_by_id.get(name).map_or(name, String::as_str))
    }
}

/// The processes of one function.
pub(super) struct Pool {
    pub(super) launch: Launch,
    idle: Mutex<Vec<Process>>,
    /// One permit per process that may run. Tokio's semaphore serves in order of arrival.
    turns: Arc<Semaphore>,
    started: AtomicUsize,
    life: Life,
}

impl Pool {
    pub(super) fn new(launch: Launch, processes: usize, life: Life) -> Self {
        Self {
            launch,
            idle: Mutex::default(),
            turns: Arc::new(Semaphore::new(processes.max(1))),
            started: AtomicUsize::new(0),
            life,
        }
    }

    /// How many processes have been started so far.
    pub(super) fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    /// Whether calls fail because the stack has stopped.
    pub(super) fn has_stopped(&self) -> bool {
        self.life.stop.is_cancelled()
    }

    /// Calls the function. A call that has its turn goes on when the caller turns away, so that its
    /// process comes back.
    pub(super) async fn call(self: &Arc<Self>, event: Bytes) -> Outcome {
        let turn = tokio::select! {
            biased;
            () = self.life.stop.cancelled() => return stopped(),
            turn = Arc::clone(&self.turns).acquire_owned() => turn,
        };
        let pool = Arc::clone(self);
        let call = self.life.tasks.spawn(async move {
            let outcome = pool.run(event).await;
            drop(turn);
            outcome
        });
        call.await.unwrap_or_else(|_| stopped())
    }

    async fn run(&self, event: Bytes) -> Outcome {
        let process = match self.idle() {
            Some(process) => process,
            None => {
                self.started.fetch_add(1, Ordering::Relaxed);
                match Process::start(&self.launch, &self.life).await {
                    Ok(process) => process,
                    Err(error) => return Outcome::failure("Runtime.InvalidEntrypoint", &error.to_string()),
                }
            }
        };
        let (outcome, process) = process.call(event, self.launch.timeout).await;
        lock(&self.idle).extend(process);
        outcome
    }

    /// A process that waits for work. Those that died while waiting are forgotten.
    fn idle(&self) -> Option<Process> {
        let mut idle = lock(&self.idle);
        idle.retain(Process::is_alive);
        idle.pop()
    }
}

fn stopped() -> Outcome {
    Outcome::failure("ServiceException", "the local stack stopped")
}
