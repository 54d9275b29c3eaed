//! Trying again: bounded, and never all at the same moment.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::Error;

/// How long a call keeps trying. A function has ten seconds.
const PATIENCE: Duration = Duration::from_secs(6);
/// The first pause is at most this long, and each one after it twice as long as the last,
const FIRST: Duration = Duration::from_millis(5);
/// up to this.
const LONGEST: Duration = Duration::from_millis(160);

/// The attempts of one call at one thing.
pub(super) struct Retry {
    until: Instant,
    longest: Duration,
    exhausted: Option<Error>,
}

impl Retry {
    /// Patience for a while; after it, the given error.
    pub(super) fn new(exhausted: Error) -> Self {
        Retry { until: Instant::now() + PATIENCE, longest: FIRST, exhausted: Some(exhausted) }
    }

    /// Waits before another attempt: for a random time, so that those who collided part.
    ///
    /// # Errors
    /// The one given to [`new`](Retry::new), once patience has run out.
    pub(super) async fn pause(&mut self) -> Result<(), Error> {
        if Instant::now() >= self.until {
            return Err(self.exhausted.take().unwrap_or(Error::Throttled));
        }
        sleep(self.longest.mul_f64(fastrand::f64())).await;
        self.longest = LONGEST.min(self.longest * 2);
        Ok(())
    }
}
