//! Trying again: bounded, and never all at the same moment.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::Error;

/// How long a call keeps trying. Less than the ten seconds of a function; its door ends what takes
/// longer all the same.
const PATIENCE: Duration = Duration::from_secs(8);
/// The second pause is at most this long, and each one after it twice as long as the last,
const SHORTEST: Duration = Duration::from_millis(5);
/// up to this: a few times what a write takes. Longer pauses would leave the field to newcomers,
/// and those who have lost most often would go on losing.
const LONGEST: Duration = Duration::from_millis(40);

/// The attempts of one call at one thing.
pub(super) struct Retry {
    until: Instant,
    longest: Duration,
}

impl Retry {
    pub(super) fn new() -> Self {
        Retry { until: Instant::now() + PATIENCE, longest: Duration::ZERO }
    }

    /// Waits before another attempt. The first time not at all: failing once may be a wrong guess.
    /// Then for a random time, so that those who collided part.
    ///
    /// # Errors
    /// `otherwise`, once patience has run out.
    pub(super) async fn pause(&mut self, otherwise: Error) -> Result<(), Error> {
        if Instant::now() >= self.until {
            return Err(otherwise);
        }
        sleep(self.longest.mul_f64(fastrand::f64())).await;
        self.longest = (self.longest * 2).clamp(SHORTEST, LONGEST);
        Ok(())
    }
}
