//! The access table: tokens, tenants and the rate limit's call records, each under its own key. What only operators do
//! with it is in `access_operators.rs`.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::Client;
use super::error::{Error, map_sdk_error};
use super::items::read;
use super::keys::{EXPIRES_AT, Item, s};
use super::retry::Retry;
use super::units::ConsumedUnits;

/// Partition key of the table, and sort key of the index `tenant`.
pub(super) const KEY: &str = "key";

/// How many recorded calls one request removes at most, because DynamoDB limits an expression to 4 KB, of which the removed
/// days take one.
const MAX_REMOVED: usize = 200;

/// A call to be recorded. Times are whole numbers in the caller's unit.
pub(crate) struct RecordedCall {
    /// When the call is made.
    pub(crate) now: i64,
    /// A call recorded at this time or before has left the window.
    pub(crate) window_start: i64,
    /// How many calls the record is to hold at most.
    pub(crate) limit: usize,
    /// The day under which the call is counted.
    pub(crate) day: i64,
    /// Days whose counts are removed.
    pub(crate) expired_days: RangeInclusive<i64>,
    /// Second since 1970 from which DynamoDB may delete the record.
    pub(crate) expires_at: i64,
}

/// The slot of the record that a call takes.
#[derive(Clone, Copy)]
pub(crate) enum Slot {
    /// A new one at the end: the record holds fewer calls than the limit.
    Append,
    /// That of the oldest of the last `limit` calls, which has left the window: the record holds this many calls, which
    /// are as many as the limit, or more if the limit was lowered. The calls before it are removed too.
    ReplaceOldest {
        /// How many calls the record holds.
        recorded: usize,
    },
}

/// The result of recording a call, with the times of the recorded calls, oldest first.
pub(crate) enum CallRecord {
    /// The call was recorded.
    Recorded(Vec<i64>),
    /// The slot was not available, so the call was not recorded.
    SlotTaken(Vec<i64>),
}

#[derive(Default, Deserialize)]
struct Calls {
    #[serde(default)]
    calls: Vec<i64>,
}

/// The table in which [`access`](crate::access) keeps its items.
pub struct AccessTable {
    pub(super) client: Client,
    /// For requests that must not be repeated unless they certainly were not applied.
    once: Client,
    pub(super) name: String,
}

impl AccessTable {
    /// The table with this name.
    pub fn new(client: Client, name: String) -> Self {
        let once = client.without_retries();
        AccessTable { client, once, name }
    }

    /// What all requests of the process's client have consumed since the last time.
    pub(crate) fn take_units(&self) -> Option<ConsumedUnits> {
        self.client.take_units()
    }

    /// The item under `key`. A strongly consistent read, so that a token works as soon as it is issued.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let get = self.client.0.get_item().table_name(&self.name).key(KEY, s(key));
        get.consistent_read(true)
            .send()
            .await
            .map_err(map_sdk_error("GetItem of the access table"))?
            .item
            .map(read)
            .transpose()
    }

    /// Records a call under `key` in `slot` and counts it under its day, if that slot is available: one conditional
    /// UpdateItem, sent at most four times if it is throttled. After any other failure it is not repeated, because it may
    /// have been applied: a repetition would record the call twice, or find that it has taken the last slot itself.
    pub(crate) async fn record_call(&self, key: &str, call: &RecordedCall, slot: Slot) -> Result<CallRecord, Error> {
        let number = |n: i64| AttributeValue::N(n.to_string());
        let size = |n: usize| AttributeValue::N(n.to_string());
        let mut update = self
            .once
            .0
            .update_item()
            .table_name(&self.name)
            .key(KEY, s(key))
            .expression_attribute_names("#calls", "calls")
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_names("#day", day_name(call.day))
            .expression_attribute_values(":expires", number(call.expires_at))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut removed = Vec::new();
        for day in call.expired_days.clone() {
            let name = format!("#d{day}");
            update = update.expression_attribute_names(&name, day_name(day));
            removed.push(name);
        }
        let set = match slot {
            Slot::Append => {
                update = update
                    .condition_expression("attribute_not_exists(#calls) OR size(#calls) < :size")
                    .expression_attribute_values(":size", size(call.limit))
                    .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
                    .expression_attribute_values(":call", AttributeValue::L(vec![number(call.now)]));
                "#calls = list_append(if_not_exists(#calls, :none), :call)".to_owned()
            }
            // Setting an element past the end appends it; the indexes are those before the update.
            Slot::ReplaceOldest { recorded } => {
                let surplus = recorded.saturating_sub(call.limit);
                removed.extend((0..=surplus).take(MAX_REMOVED).map(|n| format!("#calls[{n}]")));
                update = update
                    .condition_expression(format!("size(#calls) = :size AND #calls[{surplus}] <= :window_start"))
                    .expression_attribute_values(":size", size(recorded))
                    .expression_attribute_values(":call", number(call.now))
                    .expression_attribute_values(":window_start", number(call.window_start));
                format!("#calls[{recorded}] = :call")
            }
        };
        let remove = if removed.is_empty() { String::new() } else { format!(" REMOVE {}", removed.join(", ")) };
        let update = update.update_expression(format!("SET {set}, #expires = :expires{remove} ADD #day :one"));
        let calls =
            |item: Option<Item>| item.map(read::<Calls>).transpose().map(|record| record.unwrap_or_default().calls);
        let mut retry = Retry::new();
        loop {
            let refusal = match update.clone().send().await {
                Ok(done) => return calls(done.attributes).map(CallRecord::Recorded),
                Err(refusal) => refusal,
            };
            if let Some(UpdateItemError::ConditionalCheckFailedException(failed)) = refusal.as_service_error() {
                return calls(failed.item.clone()).map(CallRecord::SlotTaken);
            }
            match map_sdk_error("UpdateItem of a call record")(refusal) {
                Error::Throttled => retry.pause_after_throttling().await?,
                error => return Err(error),
            }
        }
    }
}

/// The name of the attribute that holds the number of calls of a day.
fn day_name(day: i64) -> String {
    day.to_string()
}
