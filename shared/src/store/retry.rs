//! Retries: exponential backoff with full jitter, bounded in time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::Error;

/// How long a call keeps retrying: less than the ten seconds of a function. The event source ends calls
/// that take longer.
const RETRY_LIMIT: Duration = Duration::from_secs(8);
/// The upper bound of the second pause. It doubles with every further pause.
const MIN_BACKOFF: Duration = Duration::from_millis(5);
/// The upper bound of every pause: a few times the duration of a write. With longer pauses, writers that
/// have lost often would wait while new ones overtake them, and would keep losing.
const MAX_BACKOFF: Duration = Duration::from_millis(40);

/// The retries of one operation.
pub(super) struct Retry {
    until: Instant,
    max_pause: Duration,
}

impl Retry {
    pub(super) fn new() -> Self {
        Retry { until: Instant::now() + RETRY_LIMIT, max_pause: Duration::ZERO }
    }

    /// Waits before the next attempt: the first time not at all, because the first attempt may have
    /// failed on a wrong assumption; then for a random time, so that colliding writers separate.
    ///
    /// # Errors
    /// `otherwise`, once the time limit has passed.
    pub(super) async fn pause(&mut self, otherwise: Error) -> Result<(), Error> {
        if Instant::now() >= self.until {
            return Err(otherwise);
        }
        sleep(self.max_pause.mul_f64(fastrand::f64())).await;
        self.max_pause = (self.max_pause * 2).clamp(MIN_BACKOFF, MAX_BACKOFF);
        Ok(())
    }
}
