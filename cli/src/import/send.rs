//! Sending a row to DynamoDB, with retries.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contacts::backoff::Backoff;
use contacts::import::{ApplyError, Problem, Row, apply, predict};
use contacts::model::Tenant;
use contacts::store::{ContactsTable, Error, Outcome};

use super::pace::Pace;

/// How often a row is sent while DynamoDB cannot be reached, with pauses of up to 10 s: some half a minute.
const MAX_UNAVAILABLE: u32 = 8;

/// What all rows of an import share.
pub(super) struct Job {
    table: ContactsTable,
    pub(super) tenant: Tenant,
    pace: Pace,
    is_dry_run: bool,
    is_stopping: AtomicBool,
}

/// What became of a row.
pub(super) enum Sent {
    /// It was applied, or in a dry run would be.
    Applied(Outcome),
    /// It does not fit what is stored.
    Invalid(Problem),
    /// The import was stopped before the row was sent, or while DynamoDB throttled it.
    Stopped,
    /// DynamoDB refuses, or has not been reached for long.
    Failed(Error),
}

impl Job {
    pub(super) fn new(table: ContactsTable, tenant: Tenant, rate: u32, is_dry_run: bool) -> Self {
        Job { table, tenant, pace: Pace::new(rate), is_dry_run, is_stopping: AtomicBool::new(false) }
    }

    /// Rows that wait for their turn are not sent any more, unless one may have been written already.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// How often DynamoDB has throttled rows.
    pub(super) fn throttled(&self) -> u64 {
        self.pace.throttled()
    }

    /// Sends a row. While DynamoDB throttles it or other writers are faster, it is sent again, after growing pauses: that is not a
    /// failure of the row.
    pub(super) async fn send(&self, row: &Row) -> Sent {
        let mut pauses = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        let mut unavailable = 0;
        loop {
            self.pace.turn().await;
            // A row whose response was lost may have been written: it is sent again, so that its outcome is known.
            if unavailable == 0 && self.is_stopping.load(Ordering::Relaxed) {
                return Sent::Stopped;
            }
            let applied = if self.is_dry_run {
                predict(&self.table, &self.tenant, row).await
            } else {
                apply(&self.table, &self.tenant, row).await
            };
            match applied {
                Ok(outcome) => return Sent::Applied(outcome),
                Err(ApplyError::Invalid(problem)) => return Sent::Invalid(problem),
                Err(ApplyError::Store(Error::Throttled | Error::Conflict)) => self.pace.slow_down(),
                Err(ApplyError::Store(Error::Unavailable(_))) if unavailable < MAX_UNAVAILABLE => unavailable += 1,
                Err(ApplyError::Store(Error::Unreadable(_))) => {
                    return Sent::Invalid(Problem::new("contact", "The stored contact cannot be read."));
                }
                Err(ApplyError::Store(error)) => return Sent::Failed(error),
            }
            pauses.pause().await;
        }
    }
}
