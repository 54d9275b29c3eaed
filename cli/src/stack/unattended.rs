//! Calls that nobody waits for: made again when they fail, and reported when that doesn't help.
//!
//! Events of a bus come this way, and calls through the Invoke API of type `Event`. They are in memory: what hasn't
//! succeeded when the stack stops is gone.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::watch;
use tokio::time;

use super::Life;
use super::failure::{self, Failures};
use super::pool::Pool;
use super::process::Outcome;

/// Makes such calls.
pub(super) struct Unattended {
    failures: Arc<Failures>,
    backoff: Backoff,
    life: Life,
    /// How many have been begun, and how many of them aren't over.
    count: watch::Sender<(usize, usize)>,
}

impl Unattended {
    pub(super) fn new(failures: Arc<Failures>, backoff: Backoff, life: Life) -> Self {
        Self { failures, backoff, life, count: watch::Sender::new((0, 0)) }
    }

    /// Begins a call.
    pub(super) fn call(self: &Arc<Self>, function: Arc<Pool>, event: Bytes) {
        self.count.send_modify(|(begun, running)| (*begun, *running) = (*begun + 1, *running + 1));
        let this = Arc::clone(self);
        self.life.tasks.spawn(async move {
            tokio::select! {
                () = this.life.stop.cancelled() => {}
                () = this.attempts(&function, event) => {}
            }
            this.count.send_modify(|(_, running)| *running -= 1);
        });
    }

    async fn attempts(&self, function: &Arc<Pool>, event: Bytes) {
        let launch = &function.launch;
        for retry in 0.. {
            let outcome = function.call(event.clone()).await;
            if matches!(outcome, Outcome::Answered(_)) {
                return;
            }
            if retry == launch.retries {
                let message = failure::of_call(&launch.name, &event, &outcome, retry + 1);
                self.failures.report("an event", &launch.name, launch.on_failure.as_deref(), &message);
                return;
            }
            time::sleep(self.backoff.before(retry)).await;
        }
    }

    /// Waits until no call is under way; says how many have been begun so far.
    pub(super) async fn over(&self) -> usize {
        let mut count = self.count.subscribe();
        // The sender lives as long as this.
        count.wait_for(|(_, running)| *running == 0).await.map_or(0, |count| count.0)
    }
}

/// How long to wait before an attempt is repeated: twice as long each time, up to a limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff(pub(super) Duration);

impl Backoff {
    /// Waits grow to this many times the first.
    const LIMIT: u32 = 20;

    /// The wait before that retry, counted from 0.
    pub(super) fn before(self, retry: u32) -> Duration {
        self.0 * 2_u32.saturating_pow(retry).min(Self::LIMIT)
    }
}
