//! Exponential backoff between the attempts of an invocation.

use std::time::Duration;

/// The pauses between attempts: the first one, doubled before each further attempt, up to 20 times the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff(pub(super) Duration);

impl Backoff {
    const LIMIT: u32 = 20;

    /// The pause before a retry, counted from 0.
    pub(super) fn before(self, retry: u32) -> Duration {
        self.0 * 2_u32.saturating_pow(retry).min(Self::LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit() {
        let backoff = Backoff(Duration::from_millis(50));
        let pauses = [0, 1, 2, 4, 5, 100].map(|retry| backoff.before(retry).as_millis());
        assert_eq!(pauses, [50, 100, 200, 800, 1000, 1000]);
    }
}
