//! What operators read of the rate limit's records. No function calls it.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::access_table::{AccessTable, KEY};
use super::error::{Error, map_sdk_error};
use super::keys::{Item, s};
use super::retry::Retry;

/// The maximum number of keys per request (DynamoDB).
const BATCH: usize = 100;

/// What a record says about the calls of a token. Times and days are in the unit of the caller of
/// [`AccessTable::record_call`].
#[derive(Debug, Default)]
pub(crate) struct CountedCalls {
    /// When the last call was made.
    pub(crate) last: Option<i64>,
    /// How many calls were made on a day.
    pub(crate) by_day: BTreeMap<i64, u64>,
}

impl AccessTable {
    /// The records under these keys, which have to be distinct, by key. A key without a record is missing. Strongly
    /// consistent; one BatchGetItem per 100 keys, 1 read unit per 4 KB of each record.
    pub(crate) async fn counted_calls(&self, keys: &[String]) -> Result<HashMap<String, CountedCalls>, Error> {
        let mut records = HashMap::new();
        for keys in keys.chunks(BATCH) {
            let keys = keys.iter().map(|key| Item::from([(KEY.to_owned(), s(key))])).collect();
            for item in self.batch(keys).await? {
                if let Some(key) = item.get(KEY).and_then(|key| key.as_s().ok()) {
                    records.insert(key.clone(), counted(&item));
                }
            }
        }
        Ok(records)
    }

    /// The items of one BatchGetItem. Keys that DynamoDB leaves unprocessed are requested again after a pause, at most
    /// four times without progress.
    async fn batch(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(keys.len());
        let mut retry = Retry::new();
        loop {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys.clone())).consistent_read(true).build();
            let wanted = wanted.map_err(|error| Error::Internal(format!("a request could not be built: {error}")))?;
            let answer = self.client.0.batch_get_item().request_items(&self.name, wanted).send();
            let answer = answer.await.map_err(map_sdk_error("BatchGetItem of call records"))?;
            items.extend(answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default());
            let left = answer.unprocessed_keys.unwrap_or_default().remove(&self.name).map_or(Vec::new(), |l| l.keys);
            if left.is_empty() {
                return Ok(items);
            }
            if left.len() < keys.len() {
                retry = Retry::new();
            }
            keys = left;
            retry.pause_after_throttling().await?;
        }
    }
}

/// A record's counts: the attributes whose names are numbers.
fn counted(record: &Item) -> CountedCalls {
    let number = |value: &AttributeValue| value.as_n().ok().and_then(|text| text.parse::<i64>().ok());
    let last = record.get("calls").and_then(|calls| calls.as_l().ok()).and_then(|calls| number(calls.last()?));
    let by_day = record.iter().filter_map(|(name, value)| Some((name.parse().ok()?, number(value)?.try_into().ok()?)));
    CountedCalls { last, by_day: by_day.collect() }
}
