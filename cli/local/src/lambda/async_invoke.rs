//! Asynchronous invocations: retried with exponential backoff when they fail, and reported as dead letters at the end.
//!
//! Events of an event bus come this way, and Invoke API calls of type `Event`. They are in memory only: those that have
//! not succeeded when the stack stops are lost.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::watch;
use tokio::time;

use super::backoff::Backoff;
use super::dead_letters::{self, DeadLetters};
use super::outcome::InvocationOutcome;
use super::pool::Pool;
use crate::shutdown::Shutdown;

/// Makes asynchronous invocations.
pub(crate) struct AsyncInvoke {
    dead_letters: Arc<DeadLetters>,
    backoff: Backoff,
    shutdown: Shutdown,
    /// How many were begun, and how many of them have not ended.
    count: watch::Sender<(usize, usize)>,
}

impl AsyncInvoke {
    /// `backoff` is the pause before the first retry.
    pub(crate) fn new(dead_letters: Arc<DeadLetters>, backoff: Duration, shutdown: Shutdown) -> Self {
        Self { dead_letters, backoff: Backoff(backoff), shutdown, count: watch::Sender::new((0, 0)) }
    }

    /// Begins an invocation.
    pub(crate) fn invoke(self: &Arc<Self>, function: Arc<Pool>, event: Bytes) {
        self.count.send_modify(|(begun, running)| (*begun, *running) = (*begun + 1, *running + 1));
        let this = Arc::clone(self);
        self.shutdown.spawn(async move {
            tokio::select! {
                () = this.shutdown.begun() => {}
                () = this.attempts(&function, event) => {}
            }
            this.count.send_modify(|(_, running)| *running -= 1);
        });
    }

    async fn attempts(&self, function: &Arc<Pool>, event: Bytes) {
        let launch = &function.launch;
        for retry in 0.. {
            let outcome = function.invoke(event.clone()).await;
            if matches!(outcome, InvocationOutcome::Answered(_)) {
                return;
            }
            if retry == launch.retries {
                let message = dead_letters::of_invocation(&launch.name, &event, &outcome, retry + 1);
                self.dead_letters.report("an event", &launch.name, launch.on_failure.as_deref(), &message);
                return;
            }
            time::sleep(self.backoff.before(retry)).await;
        }
    }

    /// Waits until no invocation is under way. Returns how many were begun so far.
    pub(crate) async fn finished(&self) -> usize {
        let mut count = self.count.subscribe();
        // The sender lives as long as `self`.
        count.wait_for(|(_, running)| *running == 0).await.map_or(0, |count| count.0)
    }
}
