//! How fast a command of an operator reads.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Bounds the read units per second of a verification or an export, and adds them up.
///
/// It is an average: a page of a Query takes up to 128 units at once, or 256 with strongly consistent reads, and the next
/// request waits until they fit.
#[derive(Debug)]
pub struct Pace {
    /// Read units per second; `None` for as fast as the table answers.
    rate: Option<f64>,
    /// When the next request may be sent.
    next: Instant,
    units: f64,
}

impl Pace {
    /// At most this many read units per second, as an average; 0 means as fast as the table answers.
    pub fn new(rate: u32) -> Self {
        Pace { rate: (rate > 0).then_some(f64::from(rate)), next: Instant::now(), units: 0.0 }
    }

    /// The read units so far.
    pub fn units(&self) -> f64 {
        self.units
    }

    /// Adds what a request has consumed.
    pub fn add(&mut self, units: f64) {
        self.units += units;
        if let Some(rate) = self.rate {
            self.next = self.next.max(Instant::now()) + Duration::from_secs_f64(units / rate);
        }
    }

    /// Waits until the next request may be sent.
    pub async fn wait(&self) {
        sleep_until(self.next).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_wait_until_their_units_fit() {
        let begun = Instant::now();
        let mut pace = Pace::new(1_000);
        for _ in 0..4 {
            pace.wait().await;
            pace.add(50.0);
        }
        let waited = begun.elapsed();
        assert!(waited >= Duration::from_millis(150), "{waited:?}");
        assert_eq!(pace.units(), 200.0);

        let mut pace = Pace::new(0);
        pace.add(1e9);
        pace.wait().await;
        assert!(begun.elapsed() < waited + Duration::from_secs(60));
    }
}
