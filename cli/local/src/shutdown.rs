//! Shutdown: how the parts of a stack learn that it stops, and how the stack waits for them.
//!
//! Every task of a stack is spawned through here, so that [`Shutdown::finish`] returns only when all of them have
//! ended.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// How long requests may still run after the stack was told to stop.
const GRACE: Duration = Duration::from_secs(1);

/// The stop signal of a stack and its running tasks. Clones share both.
#[derive(Clone, Default)]
pub(crate) struct Shutdown {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// Spawns a task that [`finish`](Self::finish) waits for.
    pub(crate) fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.tasks.spawn(task)
    }

    /// Whether the stack has been told to stop.
    pub(crate) fn has_begun(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits for the stop signal. The future owns what it needs.
    pub(crate) fn begun(&self) -> impl Future<Output = ()> + Send + 'static {
        self.stop.clone().cancelled_owned()
    }

    /// A token that is cancelled with the stack, or earlier by its owner.
    pub(crate) fn child_token(&self) -> CancellationToken {
        self.stop.child_token()
    }

    /// Sends the stop signal when the guard is dropped.
    pub(crate) fn stop_on_drop(&self) -> DropGuard {
        self.stop.clone().drop_guard()
    }

    /// Runs a server until it ends by itself, or until 1 s after the stop signal.
    pub(crate) async fn serve(self, server: impl Future) {
        let overdue = async {
            self.begun().await;
            time::sleep(GRACE).await;
        };
        tokio::select! {
            _ = server => {}
            () = overdue => {}
        }
    }

    /// Sends the stop signal and waits until every task has ended.
    pub(crate) async fn finish(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
