//! The rate limit: an exact sliding window of 60 s per token.
//!
//! The access table records the times of a token's last calls, at most as many as the limit. A call is
//! accepted if the record has a free slot, or if the oldest recorded call has left the window; the new
//! call then replaces it. Each case is one conditional UpdateItem, so the limit holds across all processes
//! if their clocks agree. A rejected call is not recorded. After the limit of a token was lowered, its record
//! holds more calls than the limit: the oldest of the last `limit` calls then decides, and the calls before it are removed.
//!
//! The same request counts the call under its UTC day, so that counting takes no request of its own: `usage.rs` reads
//! these counts. A day's count is an attribute of the record, named by the number of days since 2026-01-01.
//!
//! A recorded call takes seven bytes, and a day's count at most nine: a name of four digits, and five bytes for a count
//! of seven digits, which the largest limit needs. Seven days of them fit into what a full record leaves
//! of its last KB, so they never cost a write unit: with a full record, a call costs 1 write unit with a limit of up
//! to 120 and 7 with 1,000, the largest limit. A rejected call costs as much.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use super::error::Error;
use crate::model::Timestamp;
use crate::store::{self, AccessTable, CallRecord, RecordedCall, Slot};

/// The length of the window in tenths of a second: 60.1 s, because the two times that are compared are
/// rounded down to tenths.
const WINDOW: i64 = 601;
/// Times are counted from 2026-01-01T00:00:00Z, because smaller numbers make smaller items.
const EPOCH: i64 = 1_767_225_600;
/// The maximum number of UpdateItem requests per call, not counting repetitions after throttling. More than two are needed only if another process
/// or TTL changes the record between two of them.
const MAX_ATTEMPTS: usize = 4;
/// The largest `Retry-After`, in seconds. The window is a tenth of a second longer than that.
const MAX_RETRY_AFTER: u64 = 60;
/// How many records a process remembers. When the number is reached, it forgets all of them.
const MAX_REMEMBERED: usize = 1_000;
/// Tenths of a second in a UTC day.
const DAY: i64 = 864_000;
/// How many UTC days a record counts calls of: today and the six before.
pub(super) const COUNTED_DAYS: i64 = 7;
/// How many days after its last call DynamoDB may delete a record, which also holds when the token was last used.
pub(super) const RECORD_DAYS: i64 = 90;
/// How many days DynamoDB may take to delete an expired item. It documents a few.
const MAX_TTL_DELAY: i64 = 14;

/// The status of a token's rate limit after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitStatus {
    /// The number of calls that are accepted in any 60 s.
    pub limit: u32,
    /// The number of calls that would be accepted now.
    pub remaining: u32,
    /// Seconds until the next call is accepted; `None` if this call was accepted.
    pub retry_after: Option<u64>,
}

impl RateLimitStatus {
    /// Fails if the call was rejected.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn check(self) -> Result<(), Error> {
        match self.retry_after {
            None => Ok(()),
            Some(retry_after) => Err(Error::RateLimited { retry_after }),
        }
    }

    /// After a call that was accepted at `now` and recorded in `calls`.
    fn accepted(limit: u32, calls: &[i64], now: i64) -> Self {
        let counted = calls.iter().filter(|call| **call > now - WINDOW).count();
        let remaining = limit.saturating_sub(counted.try_into().unwrap_or(limit));
        RateLimitStatus { limit, remaining, retry_after: None }
    }

    /// After a call that was rejected at `now`, because the call at `oldest` is still in the window.
    fn rejected(limit: u32, oldest: i64, now: i64) -> Self {
        let retry_after = u64::try_from(oldest + WINDOW - now).unwrap_or(0).div_ceil(10).clamp(1, MAX_RETRY_AFTER);
        RateLimitStatus { limit, remaining: 0, retry_after: Some(retry_after) }
    }
}

/// Counts calls. Remembers how many calls records hold, so that the first slot it tries is the right one.
#[derive(Default)]
pub(super) struct RateLimit(Mutex<HashMap<String, Remembered>>);

/// What a process knows about a record.
#[derive(Clone, Copy, Default)]
struct Remembered {
    /// How many calls it held last.
    recorded: usize,
    /// The day on which this process last removed the counts of expired days. No process counts calls of the past, so
    /// once a day is enough.
    cleaned: Option<i64>,
}

impl RateLimit {
    /// Counts a call of the token with this digest, or rejects it. One UpdateItem; two if the record is full
    /// and this process does not know it yet, or if DynamoDB has deleted the record.
    pub(super) async fn count(
        &self,
        table: &AccessTable,
        digest: &str,
        limit: u32,
    ) -> Result<RateLimitStatus, store::Error> {
        let key = key(digest);
        let Remembered { recorded, cleaned } = self.remembered(&key);
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut slot = if recorded >= size { Slot::ReplaceOldest { recorded } } else { Slot::Append };
        for _ in 0..MAX_ATTEMPTS {
            let now = now();
            let day = now.div_euclid(DAY);
            let call = RecordedCall {
                now,
                window_start: now - WINDOW,
                limit: size,
                day,
                expired_days: if cleaned == Some(day) { RangeInclusive::new(1, 0) } else { expired_days(day) },
                expires_at: EPOCH + (day + 1 + RECORD_DAYS) * DAY / 10,
            };
            let calls = match table.record_call(&key, &call, slot).await? {
                CallRecord::Recorded(calls) => {
                    self.remember(key, Remembered { recorded: calls.len(), cleaned: Some(day) });
                    return Ok(RateLimitStatus::accepted(limit, &calls, now));
                }
                CallRecord::SlotTaken(calls) => calls,
            };
            slot = match calls.len().checked_sub(size) {
                Some(surplus) => {
                    if let Some(oldest) = calls.get(surplus).filter(|oldest| **oldest > call.window_start) {
                        self.remember(key, Remembered { recorded: calls.len(), cleaned });
                        return Ok(RateLimitStatus::rejected(limit, *oldest, now));
                    }
                    Slot::ReplaceOldest { recorded: calls.len() }
                }
                None => Slot::Append,
            };
        }
        Err(store::Error::Conflict)
    }

    fn remembered(&self, key: &str) -> Remembered {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or_default()
    }

    fn remember(&self, key: String, record: Remembered) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= MAX_REMEMBERED {
            records.clear();
        }
        records.insert(key, record);
    }
}

/// The key of the record of the token with this digest. It does not contain the limit, so that a changed limit counts
/// the calls before the change too.
pub(super) fn key(digest: &str) -> String {
    format!("calls#{digest}")
}

/// The days whose counts a record may still have on this day although they are no longer kept: it was last cleaned on
/// the day of an earlier call, which its expiry limits.
fn expired_days(day: i64) -> RangeInclusive<i64> {
    let latest = day - COUNTED_DAYS;
    (latest - RECORD_DAYS - MAX_TTL_DELAY).max(0)..=latest
}

/// The time of a recorded call.
pub(super) fn time_of(call: i64) -> Option<Timestamp> {
    Timestamp::from_second(EPOCH + call.div_euclid(10)).ok()
}

/// The beginning of a counted day, in Unix time in seconds.
pub(super) fn start_of(day: i64) -> i64 {
    EPOCH + day * DAY / 10
}

/// The day on which calls are counted now.
pub(super) fn today() -> i64 {
    now().div_euclid(DAY)
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
    fn calls_in_the_window_reduce_the_remaining_number() {
        let calls = [0, 100, 200, 650];
        for (now, remaining) in [(650, 2), (700, 2), (701, 3), (801, 4), (1251, 5)] {
            assert_eq!(RateLimitStatus::accepted(5, &calls, now).remaining, remaining, "{now}");
        }
    }

    #[test]
    fn retry_after_ends_when_the_oldest_call_leaves_the_window() {
        for (now, retry_after) in [(0, 60), (1, 60), (591, 1), (600, 1)] {
            assert_eq!(RateLimitStatus::rejected(5, 0, now).retry_after, Some(retry_after), "{now}");
            // Up to a tenth of a second too early, because `Retry-After` is at most 60.
            assert!(now + i64::try_from(retry_after).unwrap() * 10 >= WINDOW - 1, "{now}");
        }
    }
}
