//! Retries of a write or a read, with exponential backoff and full jitter. Lost races and throttling are distinguished:
//! after a lost race another writer has made progress, after throttling none has.

use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;
use super::transaction::Attempt;
use crate::backoff::Backoff;

/// The time after which no new attempt follows a lost race. Each write of a call has its own; the event source cancels
/// the whole call 500 ms before Lambda's timeout.
const RACE_TIME_LIMIT: Duration = Duration::from_secs(8);
/// How often a write is attempted while other writers win. Forty simultaneous writers of one contact succeed even if
/// each attempt of all of them has only one winner.
const MAX_RACES: u32 = 40;
/// The bounds of the first and of every pause after a lost race: from the duration of a write to that of forty. With
/// longer pauses, writers that have lost often would wait while new ones overtake them, and would keep losing.
const RACE_PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(160)];
/// How often a throttled request is sent. Callers retry too, and their retries multiply these.
const MAX_THROTTLED: u32 = 4;
/// The bounds of the first and of every pause after throttling.
const THROTTLING_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// The retries of one operation.
pub(super) struct Retry {
    /// `None` for an operation that only its number of attempts limits.
    until: Option<Instant>,
    lost: u32,
    races: Backoff,
    throttled: u32,
    throttling: Backoff,
}

impl Retry {
    pub(super) fn new() -> Self {
        let [races, throttling] = [RACE_PAUSES, THROTTLING_PAUSES].map(|[first, max]| Backoff::new(first, max));
        let until = Some(Instant::now() + RACE_TIME_LIMIT);
        Retry { until, lost: 0, races, throttled: 0, throttling }
    }

    /// Retries of an operation that itself waits between its attempts, for longer than a call may last.
    pub(super) fn without_time_limit() -> Self {
        Retry { until: None, ..Retry::new() }
    }

    /// Whether this attempt has written; if not, waits before the next one.
    ///
    /// # Errors
    /// Those of [`pause_after_race`](Retry::pause_after_race) and of
    /// [`pause_after_throttling`](Retry::pause_after_throttling).
    pub(super) async fn has_written(&mut self, attempt: &Attempt) -> Result<bool, Error> {
        match attempt {
            Attempt::Written => return Ok(true),
            Attempt::Lost(_) => self.pause_after_race().await?,
            Attempt::Throttled => self.pause_after_throttling().await?,
        }
        Ok(false)
    }

    /// Waits before the next attempt after a lost race. The first retry follows at once, because the first attempt
    /// may have failed on an outdated read.
    ///
    /// # Errors
    /// [`Error::Conflict`] after 40 attempts, or once 8 s have passed, unless there is no time limit.
    pub(super) async fn pause_after_race(&mut self) -> Result<(), Error> {
        self.lost += 1;
        if self.lost >= MAX_RACES || self.until.is_some_and(|until| Instant::now() >= until) {
            return Err(Error::Conflict);
        }
        if self.lost > 1 {
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
