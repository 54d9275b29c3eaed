//! Retries of a write or a read: exponential backoff, bounded in time.

use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;
use crate::backoff::Backoff;

/// The time after which no new attempt starts. Each read or write of a call has its own; the event source
/// cancels the whole call 500 ms before Lambda's timeout.
const TIME_LIMIT: Duration = Duration::from_secs(8);
/// The bound of the first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// The bound of every pause: a few times the duration of a write. With longer pauses, writers that have
/// lost often would wait while new ones overtake them, and would keep losing.
const MAX_PAUSE: Duration = Duration::from_millis(40);

/// The retries of one operation.
pub(super) struct Retry {
    until: Instant,
    is_first: bool,
    backoff: Backoff,
}

impl Retry {
    pub(super) fn new() -> Self {
        let backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE);
        Retry { until: Instant::now() + TIME_LIMIT, is_first: true, backoff }
    }

    /// Waits before the next attempt. The first retry follows at once, because the first attempt may have
    /// failed on a wrong assumption.
    ///
    /// # Errors
    /// `otherwise`, once the time limit has passed.
    pub(super) async fn pause(&mut self, otherwise: Error) -> Result<(), Error> {
        if Instant::now() >= self.until {
            return Err(otherwise);
        }
        if !std::mem::take(&mut self.is_first) {
            self.backoff.pause().await;
        }
        Ok(())
    }
}
