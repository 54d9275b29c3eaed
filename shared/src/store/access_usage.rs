//! What operators read of the rate limit's records. No function calls it.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::access_table::{AccessTable, KEY};
use super::batch::{BATCH, batch_get};
use super::error::Error;
use super::keys::{Item, s};

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
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
            for item in batch_get(&self.client, &self.name, wanted, "BatchGetItem of call records").await? {
                if let Some(key) = item.get(KEY).and_then(|key| key.as_s().ok()) {
                    records.insert(key.clone(), counted(&item));
                }
            }
        }
        Ok(records)
    }
}

/// A record's counts: the attributes whose names are numbers.
fn counted(record: &Item) -> CountedCalls {
    let number = |value: &AttributeValue| value.as_n().ok().and_then(|text| text.parse::<i64>().ok());
    let last = record.get("calls").and_then(|calls| calls.as_l().ok()).and_then(|calls| number(calls.last()?));
    let by_day = record.iter().filter_map(|(name, value)| Some((name.parse().ok()?, number(value)?.try_into().ok()?)));
    CountedCalls { last, by_day: by_day.collect() }
}
