//! The table of tokens: items by their key, in a table of their own.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::fault::fault;
use super::items::{attributes, read};
use super::keys::{EXPIRES_AT, Item, s};
use crate::error::Error;

/// A call to be logged. Moments are whole numbers, in whichever unit the caller counts.
pub(crate) struct Call {
    /// When it is made.
    pub(crate) now: i64,
    /// A call logged then or before no longer counts.
    pub(crate) gone: i64,
    /// How many calls the log holds, at most.
    pub(crate) limit: u32,
    /// Second since 1970 from which DynamoDB may remove the log.
    pub(crate) expires_at: i64,
}

/// Where a log may have room for a call.
#[derive(Clone, Copy)]
pub(crate) enum Room {
    /// It holds fewer calls than it may.
    AtEnd,
    /// It is full, and its oldest call no longer counts.
    OfOldest,
}

/// What became of it, with the calls that are in the log now, in the order they were made.
pub(crate) enum Logged {
    Done(Vec<i64>),
    NoRoom(Vec<i64>),
}

#[derive(Default, Deserialize)]
struct Log {
    #[serde(default)]
    calls: Vec<i64>,
}

/// The table [`access`](crate::access) keeps its items in.
pub struct AccessTable {
    client: Client,
    name: String,
}

impl AccessTable {
    /// The table of that name.
    pub fn new(client: Client, name: String) -> Self {
        AccessTable { client, name }
    }

    /// The item under `key`. Consistent: a token works from the moment it was granted.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let get = self.client.0.get_item().table_name(&self.name).key("key", s(key));
        get.consistent_read(true).send().await.map_err(fault("GetItem of the access table"))?.item.map(read).transpose()
    }

    /// Logs a call under `key`, if there is room where it should be. One request. When DynamoDB's
    /// answer is lost and it is asked again, the call is logged twice.
    pub(crate) async fn log(&self, key: &str, call: &Call, room: Room) -> Result<Logged, Error> {
        let number = |n: i64| AttributeValue::N(n.to_string());
        let update = self
            .client
            .0
            .update_item()
            .table_name(&self.name)
            .key("key", s(key))
            .expression_attribute_names("#calls", "calls")
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_values(":expires", number(call.expires_at))
            .expression_attribute_values(":limit", number(call.limit.into()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = match room {
            Room::AtEnd => update
                .condition_expression("attribute_not_exists(#calls) OR size(#calls) < :limit")
                .update_expression("SET #calls = list_append(if_not_exists(#calls, :none), :call), #expires = :expires")
                .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
                .expression_attribute_values(":call", AttributeValue::L(vec![number(call.now)])),
            // An element past the end is put at the end; then the first one goes.
            Room::OfOldest => update
                .condition_expression("size(#calls) = :limit AND #calls[0] <= :gone")
                .update_expression(format!("SET #calls[{}] = :call, #expires = :expires REMOVE #calls[0]", call.limit))
                .expression_attribute_values(":call", number(call.now))
                .expression_attribute_values(":gone", number(call.gone)),
        };
        let calls = |item: Option<Item>| item.map(read::<Log>).transpose().map(|log| log.unwrap_or_default().calls);
        match update.send().await {
            Ok(done) => calls(done.attributes).map(Logged::Done),
            Err(refusal) => match refusal.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    calls(failed.item.clone()).map(Logged::NoRoom)
                }
                _ => Err(fault("UpdateItem of a log")(refusal)),
            },
        }
    }

    /// Puts `value` under `key`.
    pub(crate) async fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<(), Error> {
        let mut item = attributes(value)?;
        item.insert("key".to_owned(), s(key));
        self.client
            .0
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .send()
            .await
            .map_err(fault("PutItem of the access table"))?;
        Ok(())
    }
}
