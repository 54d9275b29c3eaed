//! Retries of a write or a read, with exponential backoff. Lost races and throttling are distinguished: after a lost
//! race another writer has made progress, after throttling none has.

use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;
use crate::backoff::Backoff;

/// The time after which no new attempt starts. Each read or write of a call has its own; the event source
/// cancels the whole call 500 ms before Lambda's timeout.
const TIME_LIMIT: Duration = Duration::from_secs(8);
/// The bounds of the first and of every pause after a lost race: a few times the duration of a write. With longer
/// pauses, writers that have lost often would wait while new ones overtake them, and would keep losing.
const RACE_PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(40)];
/// The bounds of the first and of every pause after throttling.
const THROTTLING_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
/// How often a throttled request is sent. Callers retry too, and their retries multiply these.
const MAX_THROTTLED: u32 = 4;

/// The retries of one operation.
pub(super) struct Retry {
    until: Instant,
    is_first: bool,
    races: Backoff,
    throttling: Backoff,
    throttled: u32,
}

impl Retry {
    pub(super) fn new() -> Self {
        let [race, throttling] = [RACE_PAUSES, THROTTLING_PAUSES].map(|[first, max]| Backoff::new(first, max));
        Retry { until: Instant::now() + TIME_LIMIT, is_first: true, races: race, throttling, throttled: 0 }
    }

    /// Waits before the next attempt after a lost race. The first retry follows at once, because the first attempt
    /// may have failed on a wrong assumption.
    ///
    /// # Errors
    /// `otherwise`, once the time limit has passed.
    pub(super) async fn pause(&mut self, otherwise: Error) -> Result<(), Error> {
        if Instant::now() >= self.until {
            return Err(otherwise);
        }
        if !std::mem::take(&mut self.is_first) {
            self.races.pause().await;
        }
        Ok(())
    }

    /// Waits before the next attempt after throttling.
    ///
    /// # Errors
    /// [`Error::Throttled`] once the request has been sent four times.
    pub(super) async fn pause_after_throttling(&mut self) -> Result<(), Error> {
        self.throttled += 1;
        if self.throttled >= MAX_THROTTLED {
            return Err(Error::Throttled);
        }
        self.throttling.pause().await;
        Ok(())
    }
}
