//! The table of tokens: items by their key, in a table of their own.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::Client;
use super::fault::fault;
use super::items::{attributes, read};
use crate::error::Error;

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
        let get = self.client.0.get_item().table_name(&self.name).key("key", AttributeValue::S(key.to_owned()));
        get.consistent_read(true).send().await.map_err(fault("GetItem of a token"))?.item.map(read).transpose()
    }

    /// Puts `value` under `key`.
    pub(crate) async fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<(), Error> {
        let mut item = attributes(value)?;
        item.insert("key".to_owned(), AttributeValue::S(key.to_owned()));
        self.client
            .0
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .send()
            .await
            .map_err(fault("PutItem of a token"))?;
        Ok(())
    }
}
