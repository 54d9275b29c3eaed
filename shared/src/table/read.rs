//! Reading contacts: of one tenant, and as they are now. Only an index may lag a moment behind.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::Table;
use super::fault::fault;
use super::items::read;
use super::keys::{self, EMAIL_INDEX, EMAIL_KEY, ITEM, Item, TENANT_ID, WRITE_ID, s};
use super::retry::Retry;
use super::save::Events;
use crate::access::Tenant;
use crate::contact::{Contact, ContactId, Email, EventId, Tag, Tags};
use crate::error::Error;

/// How many items DynamoDB gives in one batch.
const BATCH: usize = 100;

/// What a write needs to know beforehand.
#[derive(Default)]
pub(super) struct Seen {
    /// The contact as it stands.
    pub(super) contact: Option<Contact>,
    /// Which write made it so.
    pub(super) write_id: Option<AttributeValue>,
    /// Tags, of those asked about, that have a definition.
    pub(super) defined: HashSet<Tag>,
    /// Events, of those asked about, that were applied.
    pub(super) applied: HashSet<EventId>,
}

impl Seen {
    /// The contact turns out to be this item.
    pub(super) fn set_contact(&mut self, item: Item) -> Result<(), Error> {
        self.write_id = item.get(WRITE_ID).cloned();
        self.contact = Some(read(item)?);
        Ok(())
    }
}

impl Table {
    /// The contact with this id. One request.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Internal`].
    pub async fn get(&self, tenant: &Tenant, id: ContactId) -> Result<Option<Contact>, Error> {
        self.item(tenant, id).await?.map(read).transpose()
    }

    async fn item(&self, tenant: &Tenant, id: ContactId) -> Result<Option<Item>, Error> {
        let get = self.client.0.get_item().table_name(&self.name).set_key(Some(keys::contact(tenant, id)));
        Ok(get.consistent_read(true).send().await.map_err(fault("GetItem of a contact"))?.item)
    }

    /// The contacts with this address, in no order. Two requests: the index knows keys only, and
    /// what it knows may be a moment old, so each contact is read and asked itself.
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
            found.push(item.map_err(fault("Query of index email"))?);
        }
        let mut contacts = self.fetch(tenant, &found).await?;
        contacts.retain(|contact| contact.email.as_ref().is_some_and(|stored| stored.same_as(email)));
        Ok(contacts)
    }

    /// The contacts behind the rows of a keys-only index, in no order.
    pub(super) async fn fetch(&self, tenant: &Tenant, rows: &[Item]) -> Result<Vec<Contact>, Error> {
        let mut contacts = Vec::with_capacity(rows.len());
        for rows in rows.chunks(BATCH) {
            let keys = rows.iter().map(primary_key).collect();
            for item in self.batch(tenant, keys).await? {
                contacts.push(read(item)?);
            }
        }
        Ok(contacts)
    }

    /// The contact, which of `tags` have a definition, and which of `events` were applied: one
    /// request for all of it.
    pub(super) async fn see(
        &self,
        tenant: &Tenant,
        id: ContactId,
        tags: Option<&Tags>,
        events: &Events<'_>,
    ) -> Result<Seen, Error> {
        let mut seen = Seen::default();
        let tags = tags.into_iter().flat_map(Tags::iter);
        let mut others: HashMap<Option<String>, Other<'_>> = HashMap::new();
        let mut wanted = vec![keys::contact(tenant, id)];
        let mut also = |key: Item, other| {
            // DynamoDB refuses a batch that asks for something twice.
            if others.insert(sort_key(&key), other).is_none() {
                wanted.push(key);
            }
        };
        tags.for_each(|tag| also(keys::definition(tenant, tag), Other::Definition(tag)));
        events.ids.iter().for_each(|event| also(keys::event(tenant, events.kind, event), Other::Event(event)));
        if wanted.len() == 1 {
            if let Some(item) = self.item(tenant, id).await? {
                seen.set_contact(item)?;
            }
            return Ok(seen);
        }
        for item in self.batch(tenant, wanted).await? {
            match others.get(&sort_key(&item)) {
                Some(Other::Definition(tag)) => drop(seen.defined.insert((*tag).clone())),
                Some(Other::Event(event)) => drop(seen.applied.insert((*event).clone())),
                None => seen.set_contact(item)?,
            }
        }
        Ok(seen)
    }

    /// The items under `keys`, at most [`BATCH`]. What a busy table leaves out is asked for again.
    async fn batch(&self, tenant: &Tenant, keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        debug_assert!(keys.iter().all(|key| key.get(TENANT_ID) == Some(&s(tenant.id().to_string()))));
        let mut items = Vec::with_capacity(keys.len());
        let mut left = keys;
        let mut retry = Retry::new();
        while !left.is_empty() {
            let wanted = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| Error::Internal(error.to_string()))?;
            let answer = self.client.0.batch_get_item().request_items(&self.name, wanted).send();
            let answer = answer.await.map_err(fault("BatchGetItem"))?;
            items.extend(answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default());
            let rest = answer.unprocessed_keys.unwrap_or_default().remove(&self.name);
            left = rest.map(|rest| rest.keys).unwrap_or_default();
            if !left.is_empty() {
                retry.pause(Error::Throttled).await?;
            }
        }
        Ok(items)
    }
}

/// What is looked at beside a contact.
enum Other<'a> {
    Definition(&'a Tag),
    Event(&'a EventId),
}

fn sort_key(item: &Item) -> Option<String> {
    item.get(ITEM)?.as_s().ok().cloned()
}

/// The key of the item behind a row of an index.
fn primary_key(row: &Item) -> Item {
    [TENANT_ID, ITEM].into_iter().filter_map(|name| Some((name.to_owned(), row.get(name)?.clone()))).collect()
}
