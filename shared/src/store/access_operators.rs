//! What operators do with the access table: listing, writing and deleting tenants and tokens. No function calls any of
//! it, and the functions' IAM policies do not permit it. It has the only `Scan`.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::access_table::{AccessTable, KEY};
use super::error::{Error, map_sdk_error};
use super::items::{attributes, read};
use super::keys::{Item, TENANT_ID, s};
use super::retry::Retry;
use super::transaction::{Attempt, transact, unbuilt};
use crate::model::TenantId;

/// The condition of a write that keeps items of other tenants.
const OF_TENANT: &str = "attribute_not_exists(#tenant) OR #tenant = :tenant";

/// Items by tenant: `tenant_id` / `key`, without the secret namespace. Only operators read it.
const TENANT_INDEX: &str = "tenant";

/// Changes of attributes of one item that has to exist, and the values that other attributes must still have.
#[derive(Clone, Default)]
pub(crate) struct Changes {
    names: Vec<&'static str>,
    values: Vec<AttributeValue>,
    set: Vec<String>,
    remove: Vec<String>,
    conditions: Vec<String>,
}

impl Changes {
    /// Sets an attribute, or removes it if there is no value.
    ///
    /// # Errors
    /// [`Error::Internal`] for a value that DynamoDB cannot hold.
    pub(crate) fn set<T: Serialize>(mut self, name: &'static str, value: Option<&T>) -> Result<Self, Error> {
        let name = self.name(name);
        match value {
            Some(value) => {
                let value = self.value(value)?;
                self.set.push(format!("{name} = {value}"));
            }
            None => self.remove.push(name),
        }
        Ok(self)
    }

    /// The changes are made only if the attribute has this value, or is absent if there is none.
    ///
    /// # Errors
    /// [`Error::Internal`] for a value that DynamoDB cannot hold.
    pub(crate) fn if_still<T: Serialize>(mut self, name: &'static str, value: Option<&T>) -> Result<Self, Error> {
        let name = self.name(name);
        let condition = match value {
            Some(value) => format!("{name} = {}", self.value(value)?),
            None => format!("attribute_not_exists({name})"),
        };
        self.conditions.push(condition);
        Ok(self)
    }

    /// The placeholder of an attribute's name.
    fn name(&mut self, name: &'static str) -> String {
        let place = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        format!("#n{place}")
    }

    /// The placeholder of a value.
    fn value<T: Serialize>(&mut self, value: &T) -> Result<String, Error> {
        let value = serde_dynamo::to_attribute_value(value)
            .map_err(|error| Error::Internal(format!("an attribute could not be serialized: {error}")))?;
        self.values.push(value);
        Ok(format!(":v{}", self.values.len() - 1))
    }

    fn update_expression(&self) -> String {
        let clause = |verb: &str, parts: &[String]| match parts {
            [] => String::new(),
            parts => format!("{verb} {} ", parts.join(", ")),
        };
        clause("SET", &self.set) + &clause("REMOVE", &self.remove)
    }

    fn condition_expression(&self) -> String {
        let exists = "attribute_exists(#key)".to_owned();
        std::iter::once(&exists).chain(&self.conditions).map(String::as_str).collect::<Vec<_>>().join(" AND ")
    }

    fn names(&self) -> impl Iterator<Item = (String, String)> {
        let names = self.names.iter().enumerate().map(|(n, name)| (format!("#n{n}"), (*name).to_owned()));
        names.chain([("#key".to_owned(), KEY.to_owned())])
    }

    /// `None` if there are no values, which DynamoDB requires to be left out then.
    fn values(&self) -> Option<Item> {
        let values = self.values.iter().enumerate().map(|(n, value)| (format!(":v{n}"), value.clone()));
        (!self.values.is_empty()).then(|| values.collect())
    }
}

/// The result of [`AccessTable::create_with`].
pub(crate) enum Created<T> {
    /// All of it was written.
    Written,
    /// Nothing was written now, because an item exists under the key of the new one.
    Exists(T),
    /// Nothing was written, because the other item is absent or has changed, or because another transaction was
    /// writing one of the items.
    Lost,
}

impl AccessTable {
    /// Stores `value` under `key`. It replaces an item of the same tenant or without a tenant; an item of another
    /// tenant is kept, and the result is `false`. One conditional PutItem.
    pub(crate) async fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<bool, Error> {
        let item = item(key, value)?;
        let put = self.client.0.put_item().table_name(&self.name);
        let put = match item.get(TENANT_ID).cloned() {
            None => put.condition_expression("attribute_not_exists(#tenant)"),
            Some(tenant) => put.condition_expression(OF_TENANT).expression_attribute_values(":tenant", tenant),
        };
        let put = put.expression_attribute_names("#tenant", TENANT_ID).set_item(Some(item));
        match put.send().await {
            Ok(_) => Ok(true),
            Err(refusal) => match refusal.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(map_sdk_error("PutItem of the access table")(refusal)),
            },
        }
    }

    /// Stores two values, each under its key, in one TransactWriteItems on the condition that neither key exists.
    /// Returns `None` if they were stored, and the value under the first key if that exists.
    pub(crate) async fn create<T, U>(&self, first: (&str, &T), second: (&str, &U)) -> Result<Option<T>, Error>
    where
        T: Serialize + DeserializeOwned,
        U: Serialize,
    {
        let writes = vec![self.creation(item(first.0, first.1)?)?, self.creation(item(second.0, second.1)?)?];
        let mut retry = Retry::new();
        loop {
            match self.attempt(&mut retry, &writes).await? {
                Created::Written => return Ok(None),
                Created::Exists(stored) => return Ok(Some(stored)),
                Created::Lost => retry.pause_after_race().await?,
            }
        }
    }

    /// Stores a value under a key that does not exist, changes the existing item under another key and, if `delete` is
    /// given, deletes the item under that key unless it belongs to another tenant: all of it or nothing, in one
    /// TransactWriteItems.
    pub(crate) async fn create_with<T>(
        &self,
        new: (&str, &T),
        (key, changes): (&str, Changes),
        delete: Option<(&str, TenantId)>,
    ) -> Result<Created<T>, Error>
    where
        T: Serialize + DeserializeOwned,
    {
        let update = Update::builder()
            .table_name(&self.name)
            .key(KEY, s(key))
            .update_expression(changes.update_expression())
            .condition_expression(changes.condition_expression())
            .set_expression_attribute_names(Some(changes.names().collect()))
            .set_expression_attribute_values(changes.values())
            .build()
            .map_err(unbuilt)?;
        let mut writes = vec![self.creation(item(new.0, new.1)?)?, TransactWriteItem::builder().update(update).build()];
        if let Some((key, tenant)) = delete {
            writes.push(self.deletion(key, tenant)?);
        }
        self.attempt(&mut Retry::new(), &writes).await
    }

    /// Changes the item under `key`. Returns it as it is afterwards, or `None` if it does not exist or one of the
    /// conditions is not met. One conditional UpdateItem.
    pub(crate) async fn update<T: DeserializeOwned>(&self, key: &str, changes: Changes) -> Result<Option<T>, Error> {
        let update = self.client.0.update_item().table_name(&self.name).key(KEY, s(key));
        let update = update
            .update_expression(changes.update_expression())
            .condition_expression(changes.condition_expression())
            .set_expression_attribute_names(Some(changes.names().collect()))
            .set_expression_attribute_values(changes.values())
            .return_values(ReturnValue::AllNew);
        match update.send().await {
            Ok(done) => done.attributes.map(read).transpose(),
            Err(refusal) => match refusal.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
                _ => Err(map_sdk_error("UpdateItem of the access table")(refusal)),
            },
        }
    }

    /// Deletes the item under `key`, if it exists. One DeleteItem.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), Error> {
        let delete = self.client.0.delete_item().table_name(&self.name).key(KEY, s(key));
        delete.send().await.map(drop).map_err(map_sdk_error("DeleteItem of the access table"))
    }

    /// Deletes the items under two keys, unless they belong to another tenant: both or neither, in one
    /// TransactWriteItems.
    pub(crate) async fn delete_both(&self, keys: [&str; 2], tenant: TenantId) -> Result<(), Error> {
        let writes = keys.map(|key| self.deletion(key, tenant)).into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut retry = Retry::new();
        loop {
            if retry.has_written(&transact(&self.client, writes.clone()).await?).await? {
                return Ok(());
            }
        }
    }

    /// A write that deletes the item under `key`, if it belongs to the tenant or does not exist.
    fn deletion(&self, key: &str, tenant: TenantId) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(&self.name)
            .key(KEY, s(key))
            .condition_expression(OF_TENANT)
            .expression_attribute_names("#tenant", TENANT_ID)
            .expression_attribute_values(":tenant", s(tenant.to_string()))
            .build()
            .map_err(unbuilt)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// The items of a tenant whose keys begin with `prefix`, in the order of their keys. One Query of the index per MB,
    /// eventually consistent.
    pub(crate) async fn list<T: DeserializeOwned>(&self, tenant: TenantId, prefix: &str) -> Result<Vec<T>, Error> {
        let query = self
            .client
            .0
            .query()
            .table_name(&self.name)
            .index_name(TENANT_INDEX)
            .key_condition_expression("#tenant = :tenant AND begins_with(#key, :prefix)")
            .expression_attribute_names("#tenant", TENANT_ID)
            .expression_attribute_names("#key", KEY)
            .expression_attribute_values(":tenant", s(tenant.to_string()))
            .expression_attribute_values(":prefix", s(prefix));
        let items: Result<Vec<Item>, _> = query.into_paginator().items().send().collect().await;
        items.map_err(map_sdk_error("Query of the index tenant"))?.into_iter().map(read).collect()
    }

    /// The items of all tenants whose keys begin with `prefix`, in no order. One Scan of the index per MB, eventually
    /// consistent. It reads the tenants, slugs and tokens of all tenants, at 0.5 read units per 4 KB, whatever the
    /// prefix; the rate limit's records are not in the index, and neither is the secret namespace.
    pub(crate) async fn list_all<T: DeserializeOwned>(&self, prefix: &str) -> Result<Vec<T>, Error> {
        let scan = self
            .client
            .0
            .scan()
            .table_name(&self.name)
            .index_name(TENANT_INDEX)
            .filter_expression("begins_with(#key, :prefix)")
            .expression_attribute_names("#key", KEY)
            .expression_attribute_values(":prefix", s(prefix));
        let items: Result<Vec<Item>, _> = scan.into_paginator().items().send().collect().await;
        items.map_err(map_sdk_error("Scan of the index tenant"))?.into_iter().map(read).collect()
    }

    /// A write of an item whose key must not exist; a refusal returns the stored one.
    fn creation(&self, item: Item) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", KEY)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        put.map(|put| TransactWriteItem::builder().put(put).build()).map_err(unbuilt)
    }

    /// Sends a transaction whose first write creates a `T`, again while it is throttled.
    async fn attempt<T: DeserializeOwned>(
        &self,
        retry: &mut Retry,
        writes: &[TransactWriteItem],
    ) -> Result<Created<T>, Error> {
        loop {
            match transact(&self.client, writes.to_vec()).await? {
                Attempt::Written => return Ok(Created::Written),
                Attempt::Lost(Some(stored)) => return read(stored).map(Created::Exists),
                Attempt::Lost(None) => return Ok(Created::Lost),
                Attempt::Throttled => retry.pause_after_throttling().await?,
            }
        }
    }
}

/// The item that holds `value` under `key`.
fn item<T: Serialize>(key: &str, value: &T) -> Result<Item, Error> {
    let mut item = attributes(value)?;
    item.insert(KEY.to_owned(), s(key));
    Ok(item)
}
