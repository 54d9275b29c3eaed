//! What operators learn about the use of tokens, from the counts that the rate limit keeps with each call.

use std::collections::BTreeMap;

use super::error::Error;
use super::lookup::Access;
use super::rate_limit::{self, COUNTED_DAYS};
use super::token::ListedToken;
use crate::model::Timestamp;

/// How many UTC days of calls are kept: today and the six before.
pub const USAGE_DAYS: i64 = COUNTED_DAYS;
/// How long the last use of a token is kept, in days.
pub const LAST_USE_DAYS: i64 = rate_limit::RECORD_DAYS;

/// The accepted HTTP calls of a token. Calls that the rate limit rejects are not counted, and neither are calls while the
/// token's limit is 0, nor events, which have no token. A call whose count failed or was not answered within a second may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// When the last call was made; `None` if none was in the last [`LAST_USE_DAYS`] days.
    pub last_call: Option<Timestamp>,
    /// How many calls were made on each of the last [`USAGE_DAYS`] UTC days, today included, by the beginning of the
    /// day; days without calls are missing.
    pub by_day: BTreeMap<Timestamp, u64>,
}

impl TokenUsage {
    /// The beginnings of the last `count` UTC days, today included, the earliest first.
    pub fn days(count: i64) -> Vec<Timestamp> {
        let today = rate_limit::today();
        (today - count + 1..=today).filter_map(start_of).collect()
    }
}

impl Access {
    /// The use of these tokens, in their order. Strongly consistent; one BatchGetItem per 100 tokens, at 1 read unit
    /// per token, or 2 with a limit above some 550.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn token_usage(&self, tokens: &[ListedToken]) -> Result<Vec<TokenUsage>, Error> {
        let keys: Vec<String> = tokens.iter().map(|token| rate_limit::key(token.id())).collect();
        let mut records = self.table.counted_calls(&keys).await?;
        let today = rate_limit::today();
        // A record that no call has changed for a while has counts of earlier days too. Clocks differ by a moment, so
        // tomorrow is included.
        let kept = today - COUNTED_DAYS + 1..=today + 1;
        let usage = keys.iter().map(|key| {
            let calls = records.remove(key).unwrap_or_default();
            let by_day = calls.by_day.into_iter().filter(|(day, _)| kept.contains(day));
            TokenUsage {
                last_call: calls.last.and_then(rate_limit::time_of),
                by_day: by_day.filter_map(|(day, calls)| Some((start_of(day)?, calls))).collect(),
            }
        });
        Ok(usage.collect())
    }
}

fn start_of(day: i64) -> Option<Timestamp> {
    Timestamp::from_second(rate_limit::start_of(day)).ok()
}
