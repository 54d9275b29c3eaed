//! How fast rows are sent: at most at the rate that was asked for, and slower while DynamoDB throttles.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The interval between rows after the first throttled one, and the greatest one.
const SLOWED: [Duration; 2] = [Duration::from_millis(2), Duration::from_secs(1)];
/// Rows that were in flight together are throttled together, which is one reason to slow down.
const TOGETHER: Duration = Duration::from_millis(300);
/// How long nothing has to be throttled before the rate grows again, and then between two steps.
const CALM: Duration = Duration::from_secs(1);

/// The pace of an import.
pub(super) struct Pace(Mutex<State>);

struct State {
    /// The interval that was asked for; zero without a limit.
    least: Duration,
    interval: Duration,
    next: Instant,
    changed: Instant,
    /// How many rows were throttled.
    throttled: u64,
}

impl Pace {
    /// A pace of at most `rate` rows a second; 0 means unlimited.
    pub(super) fn new(rate: u32) -> Self {
        let least = if rate == 0 { Duration::ZERO } else { Duration::from_secs(1) / rate };
        let now = Instant::now();
        Pace(Mutex::new(State { least, interval: least, next: now, changed: now, throttled: 0 }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the next row may be sent.
    pub(super) async fn turn(&self) {
        let at = {
            let mut state = self.lock();
            let now = Instant::now();
            if state.interval > state.least && now.duration_since(state.changed) >= CALM {
                state.changed = now;
                let faster = state.interval.mul_f64(0.75);
                state.interval = if faster < SLOWED[0] / 2 { state.least } else { faster.max(state.least) };
            }
            let at = state.next.max(now);
            state.next = at + state.interval;
            at
        };
        sleep_until(at).await;
    }

    /// DynamoDB has throttled a row: the rate is halved.
    pub(super) fn slow_down(&self) {
        let mut state = self.lock();
        let now = Instant::now();
        state.throttled += 1;
        if state.throttled == 1 || now.duration_since(state.changed) >= TOGETHER {
            state.changed = now;
            state.interval = (state.interval * 2).clamp(SLOWED[0], SLOWED[1].max(state.least));
        }
    }

    /// How often DynamoDB has throttled.
    pub(super) fn throttled(&self) -> u64 {
        self.lock().throttled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rows_in(pace: &Pace, time: Duration) -> u32 {
        let end = Instant::now() + time;
        let mut rows = 0;
        while Instant::now() < end {
            pace.turn().await;
            rows += 1;
        }
        rows
    }

    #[tokio::test]
    async fn the_rate_is_bounded_halved_by_throttling_and_recovers() {
        let pace = Pace::new(1_000);
        let second = Duration::from_millis(500);
        let rows = rows_in(&pace, second).await;
        assert!((100..=502).contains(&rows), "{rows}");
        for _ in 0..20 {
            pace.slow_down();
        }
        assert_eq!(pace.lock().interval, SLOWED[0]);
        tokio::time::sleep(TOGETHER).await;
        pace.slow_down();
        assert_eq!(pace.lock().interval, 2 * SLOWED[0]);
        assert!(rows_in(&pace, second).await <= 127);
        for _ in 0..12 {
            pace.lock().changed -= CALM;
            pace.turn().await;
        }
        assert_eq!(pace.throttled(), 21);
        assert_eq!(pace.lock().interval, Duration::from_millis(1));
    }
}
