//! Quotas: how many calls a token may make in any minute.
//!
//! For every token the table logs its last calls, as many as it may make. A call is let in when
//! there is room at the end of the log, or when the oldest call is more than a minute old, whose
//! place it takes. That is one conditional write: all processes agree, a call is let in exactly
//! when fewer than the quota were in the minute before it, as far as the processes' clocks agree, and
//! one that is turned away leaves no trace.
//!
//! A logged call takes seven bytes, so a log of up to 120 costs one write unit a call, and one of
//! 1,000 seven.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::error::Error;
use crate::table::{AccessTable, Call, Logged, Room};

/// How long a call counts, in tenths of a second. One more than a minute has, because both ends
/// are rounded down.
const COUNTS: i64 = 601;
/// Moments are counted from 2026-01-01T00:00:00Z: a shorter number, and a smaller log.
const EPOCH: i64 = 1_767_225_600;
/// How often a guess about the log may be wrong. Twice is possible: DynamoDB removes idle logs.
const GUESSES: usize = 4;
/// The largest quota there is: a log of so many calls is far from DynamoDB's largest item.
pub(super) const MOST_CALLS: u32 = 10_000;
/// How many logs are remembered to be full; a process that knows more starts over.
const MOST: usize = 1_000;

/// How a token stands with its quota, after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many calls it may make in any minute.
    pub limit: u32,
    /// How many of them are left right now.
    pub remaining: u32,
    /// Seconds until the next call is let in, if this one was not.
    pub wait: Option<u64>,
}

impl Standing {
    /// Whether the call was let in.
    ///
    /// # Errors
    /// [`Error::TooManyCalls`] if it was not.
    pub fn check(self) -> Result<(), Error> {
        self.wait.map_or(Ok(()), |wait| Err(Error::TooManyCalls(wait)))
    }

    /// After a call that was let in at `now`, and is in the log.
    fn let_in(limit: u32, calls: &[i64], now: i64) -> Self {
        let counted = calls.iter().filter(|call| **call > now - COUNTS).count();
        let remaining = limit.saturating_sub(counted.try_into().unwrap_or(limit));
        Standing { limit, remaining, wait: None }
    }

    /// After a call that was turned away at `now`, because `oldest` still counts.
    fn turned_away(limit: u32, oldest: i64, now: i64) -> Self {
        let wait = u64::try_from(oldest + COUNTS - now).unwrap_or(0).div_ceil(10).max(1);
        Standing { limit, remaining: 0, wait: Some(wait) }
    }
}

/// Which logs are full: they stay so, and the guess where the room is comes true.
#[derive(Default)]
pub(super) struct Quota(Mutex<HashSet<String>>);

impl Quota {
    /// Counts a call of the token with this digest, or turns it away. One request, if the guess
    /// where the log has room is right; after the first call of a process it is.
    pub(super) async fn count(&self, table: &AccessTable, digest: &str, limit: u32) -> Result<Standing, Error> {
        // A token whose quota is changed gets a new log: a log never has more than its limit.
        let key = format!("calls#{limit}#{digest}");
        let mut room = if self.is_full(&key) { Room::OfOldest } else { Room::AtEnd };
        for _ in 0..GUESSES {
            let now = now();
            let call = Call { now, gone: now - COUNTS, limit, expires_at: EPOCH + (now + 2 * COUNTS) / 10 };
            let log = match table.log(&key, &call, room).await? {
                Logged::Done(calls) => {
                    self.remember(key, calls.len() as u64 >= u64::from(limit));
                    return Ok(Standing::let_in(limit, &calls, now));
                }
                Logged::NoRoom(calls) => calls,
            };
            room = match log.first() {
                Some(oldest) if log.len() as u64 >= u64::from(limit) => {
                    if *oldest > call.gone {
                        self.remember(key, true);
                        return Ok(Standing::turned_away(limit, *oldest, now));
                    }
                    Room::OfOldest
                }
                _ => Room::AtEnd,
            };
        }
        Err(Error::Conflict)
    }

    fn is_full(&self, key: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    fn remember(&self, key: String, full: bool) {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logs.len() >= MOST {
            logs.clear();
        }
        if full {
            logs.insert(key);
        } else {
            logs.remove(&key);
        }
    }
}

/// Tenths of a second since [`EPOCH`].
fn now() -> i64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis() / 100).unwrap_or(i64::MAX) - EPOCH * 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_the_last_minute_did_not_use() {
        let calls = [0, 100, 200, 650];
        for (now, remaining) in [(650, 2), (700, 2), (701, 3), (801, 4), (1251, 5)] {
            assert_eq!(Standing::let_in(5, &calls, now).remaining, remaining, "{now}");
        }
    }

    #[test]
    fn the_wait_is_over_when_the_oldest_call_no_longer_counts() {
        for (now, wait) in [(0, 61), (1, 60), (591, 1), (600, 1)] {
            assert_eq!(Standing::turned_away(5, 0, now).wait, Some(wait), "{now}");
            assert!(now + i64::try_from(wait).unwrap() * 10 >= COUNTS, "{now}");
        }
    }
}
