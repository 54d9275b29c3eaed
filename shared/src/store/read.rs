//! Reading contacts. Reads of the table are strongly consistent; the email index is eventually
//! consistent.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::contacts_table::ContactsTable;
use super::error::{Error, map_sdk_error};
use super::items::{read, read_or_skip};
use super::keys::{self, EMAIL_INDEX, EMAIL_KEY, ITEM, Item, TENANT_ID, s};
use super::retry::Retry;
use super::snapshot::{EventIds, Snapshot};
use crate::model::{Contact, ContactId, Email, EventId, Tag, Tags, Tenant};

/// The maximum number of items of one BatchGetItem.
const BATCH: usize = 100;

impl ContactsTable {
    /// The contact with this id. Strongly consistent; one GetItem.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Internal`].
    pub async fn get(&self, tenant: &Tenant, id: ContactId) -> Result<Option<Contact>, Error> {
        self.item(tenant, id).await?.map(read).transpose()
    }

    async fn item(&self, tenant: &Tenant, id: ContactId) -> Result<Option<Item>, Error> {
        let get = self.client.0.get_item().table_name(&self.name).set_key(Some(keys::contact(tenant, id)));
        Ok(get.consistent_read(true).send().await.map_err(map_sdk_error("GetItem of a contact"))?.item)
    }

    /// The contacts with this email address, unordered.
    ///
    /// Cost: one Query of the email index, and one BatchGetItem per 100 contacts. The index is eventually
    /// consistent and holds keys only, so every contact is read and compared again; for a moment after a
    /// write, a contact may be missing. The number of contacts is not limited.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Internal`].
    pub async fn with_email(&self, tenant: &Tenant, email: &Email) -> Result<Vec<Contact>, Error> {
        let query = self.client.0.query().table_name(&self.name).index_name(EMAIL_INDEX);
        let mut pages = query
            .key_condition_expression("#tenant = :tenant AND #email = :email")
            .expression_attribute_names("#tenant", TENANT_ID)
            .expression_attribute_names("#email", EMAIL_KEY)
            .expression_attribute_values(":tenant", s(tenant.id().to_string()))
            .expression_attribute_values(":email", s(email.key()))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            found.push(item.map_err(map_sdk_error("Query of index email"))?);
        }
        let mut contacts = self.fetch(tenant, &found).await?;
        contacts.retain(|contact| contact.email.as_ref().is_some_and(|stored| stored.same_as(email)));
        Ok(contacts)
    }

    /// The contacts that rows of a keys-only index refer to, unordered. One that cannot be read is skipped and
    /// logged by its id.
    pub(super) async fn fetch(&self, tenant: &Tenant, rows: &[Item]) -> Result<Vec<Contact>, Error> {
        let mut contacts = Vec::with_capacity(rows.len());
        for rows in rows.chunks(BATCH) {
            let keys = rows.iter().map(primary_key).collect();
            contacts.extend(self.batch(tenant, keys).await?.into_iter().filter_map(read_or_skip::<Contact>));
        }
        Ok(contacts)
    }

    /// Reads what a write is based on: the contact, which of `tags` are in the tag catalogue, and which
    /// of `events` were applied before. One GetItem; with `tags` or `events` one BatchGetItem of
    /// at most 96 keys.
    pub(super) async fn snapshot(
        &self,
        tenant: &Tenant,
        id: ContactId,
        tags: Option<&Tags>,
        events: &EventIds<'_>,
    ) -> Result<Snapshot, Error> {
        let mut snapshot = Snapshot::default();
        let tags = tags.into_iter().flat_map(Tags::iter);
        let mut extras: HashMap<Option<String>, Extra<'_>> = HashMap::new();
        let mut wanted = vec![keys::contact(tenant, id)];
        let mut also = |key: Item, extra| {
            // DynamoDB refuses a batch that names a key twice.
            if extras.insert(sort_key(&key), extra).is_none() {
                wanted.push(key);
            }
        };
        tags.for_each(|tag| also(keys::definition(tenant, tag), Extra::Definition(tag)));
        events.ids.iter().for_each(|event| also(keys::event(tenant, events.kind, event), Extra::Event(event)));
        if wanted.len() == 1 {
            if let Some(item) = self.item(tenant, id).await? {
                snapshot.set_contact(item)?;
            }
            return Ok(snapshot);
        }
        for item in self.batch(tenant, wanted).await? {
            match extras.get(&sort_key(&item)) {
                Some(Extra::Definition(tag)) => drop(snapshot.defined.insert((*tag).clone())),
                Some(Extra::Event(event)) => drop(snapshot.applied.insert((*event).clone())),
                None => snapshot.set_contact(item)?,
            }
        }
        Ok(snapshot)
    }

    /// The items under `keys`, at most [`BATCH`]. DynamoDB leaves keys unprocessed when it throttles or
    /// the response grows too large; they are requested again, with backoff, for 8 s, or
    /// four times if none is processed.
    async fn batch(&self, tenant: &Tenant, keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        debug_assert!(keys.iter().all(|key| key.get(TENANT_ID) == Some(&s(tenant.id().to_string()))));
        let mut items = Vec::with_capacity(keys.len());
        let mut left = keys;
        let mut retry = Retry::new();
        while !left.is_empty() {
            let wanted_count = left.len();
            let wanted = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| Error::Internal(error.to_string()))?;
            let answer = self.client.0.batch_get_item().request_items(&self.name, wanted).send();
            let answer = answer.await.map_err(map_sdk_error("BatchGetItem"))?;
            items.extend(answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default());
            let rest = answer.unprocessed_keys.unwrap_or_default().remove(&self.name);
            left = rest.map(|rest| rest.keys).unwrap_or_default();
            if left.len() == wanted_count {
                retry.pause_after_throttling().await?;
            } else if !left.is_empty() {
                retry.pause(Error::Throttled).await?;
            }
        }
        Ok(items)
    }
}

/// An item read together with a contact.
enum Extra<'a> {
    Definition(&'a Tag),
    Event(&'a EventId),
}

fn sort_key(item: &Item) -> Option<String> {
    item.get(ITEM)?.as_s().ok().cloned()
}

/// The key of the item that an index row refers to.
fn primary_key(row: &Item) -> Item {
    [TENANT_ID, ITEM].into_iter().filter_map(|name| Some((name.to_owned(), row.get(name)?.clone()))).collect()
}
