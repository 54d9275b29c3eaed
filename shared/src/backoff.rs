//! Exponential backoff with full jitter.

use std::time::Duration;

use tokio::time::sleep;

/// The pauses between retries: each lasts a random time between 0 and a bound that doubles with every
/// pause, up to a maximum. The caller limits the number of retries.
///
/// Full jitter separates clients that failed at the same moment. Source: AWS Architecture Blog,
/// "Exponential Backoff And Jitter".
#[derive(Debug, Clone)]
pub struct Backoff {
    bound: Duration,
    max: Duration,
}

impl Backoff {
    /// A backoff whose first pause lasts up to `first`, and later ones up to `max`.
    pub const fn new(first: Duration, max: Duration) -> Self {
        Backoff { bound: first, max }
    }

    /// Waits before the next retry.
    pub async fn pause(&mut self) {
        sleep(self.bound.mul_f64(fastrand::f64())).await;
        self.bound = (self.bound * 2).min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_maximum() {
        let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(3));
        let mut bounds = vec![backoff.bound];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for _ in 0..3 {
            runtime.block_on(backoff.pause());
            bounds.push(backoff.bound);
        }
        assert_eq!(bounds, [1, 2, 3, 3].map(Duration::from_millis));
    }
}
