//! Reading contacts by id and by email address, and reading what a write is based on.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_sdk_dynamodb::types::builders::KeysAndAttributesBuilder;

use super::batch::{BATCH, batch_get};
use super::contacts_table::ContactsTable;
use super::error::{Error, map_sdk_error};
use super::items::{read_or_skip, stored};
use super::keys::{self, DELETED_AT, EMAIL_INDEX, EMAIL_KEY, ITEM, Item, TENANT_ID, s, sort_key};
use super::query::Range;
use super::snapshot::{Consistency, Snapshot, Target};
use crate::model::{Contact, ContactKey, Email, EventId, SearchRow, Tag, Tags, Tenant};

/// How many redirects a look-up follows. A former id leads to its contact with one, and each change of the number between
/// two reads adds one.
const MAX_REDIRECTS: usize = 8;

impl ContactsTable {
    /// The contact that a call names; `None` if there is none, or it was deleted. Strongly consistent; one GetItem, and
    /// one more for an id that the contact had before its number was changed.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Unreadable`], [`Error::Internal`]; [`Error::Conflict`]
    /// after eight redirects, when the number is changed meanwhile.
    pub async fn get(&self, tenant: &Tenant, key: impl Into<ContactKey>) -> Result<Option<Contact>, Error> {
        let mut key = key.into();
        for _ in 0..MAX_REDIRECTS {
            let item = self.item(keys::contact(tenant, key.id()), Consistency::Strong).await?;
            let Some(stored) = item.map(stored).transpose()? else { return Ok(None) };
            match key.redirected(&stored) {
                Some(next) => key = next,
                None => return Ok(stored.into_contact()),
            }
        }
        Err(Error::Conflict)
    }

    /// The oldest contact with this email address, by creation time and then by id.
    ///
    /// Cost: one Query of the email index, which holds keys only, and one GetItem. The index is eventually
    /// consistent: for a moment after a write, the contact may be missing, and each entry that is outdated or cannot be
    /// read (it is logged by its id) costs one more GetItem.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Internal`].
    pub async fn oldest_with_email(&self, tenant: &Tenant, email: &Email) -> Result<Option<Contact>, Error> {
        // The pages are small, because the first entry is nearly always the one.
        let mut entries = self.email_entries(tenant, email).limit(10).into_paginator().items().send();
        while let Some(entry) = entries.next().await {
            let key = primary_key(&entry.map_err(map_sdk_error("Query of index email"))?);
            let contact = self.item(key, Consistency::Strong).await?.and_then(read_or_skip::<Contact>);
            let has_email = |contact: &Contact| contact.email.as_ref().is_some_and(|stored| stored.same_as(email));
            if contact.as_ref().is_some_and(has_email) {
                return Ok(contact);
            }
        }
        Ok(None)
    }

    /// A Query of the entries of an email address in the email index, oldest contact first.
    pub(super) fn email_entries(&self, tenant: &Tenant, email: &Email) -> QueryFluentBuilder {
        self.query(tenant, EMAIL_KEY, Range::Only(&email.key())).index_name(EMAIL_INDEX)
    }

    /// The search rows of the contacts that entries of a keys-only index refer to, unordered. A contact that cannot be
    /// read is skipped and logged by its id. Eventually consistent; one BatchGetItem per 100 entries, which returns
    /// only the attributes of a search row.
    pub(super) async fn fetch(&self, tenant: &Tenant, entries: &[Item]) -> Result<Vec<SearchRow>, Error> {
        // A tombstone is recognised by its own attribute.
        let attributes: Vec<&str> = SearchRow::FIELDS.into_iter().chain([DELETED_AT]).collect();
        let (names, projection) = projection(&attributes);
        // A contact that was created anew can have two entries for a moment. DynamoDB refuses a batch that names a key
        // twice.
        let mut seen = HashSet::new();
        let entries = entries.iter().filter(|&entry| seen.insert(sort_key(entry)));
        let keys: Vec<Item> = entries.map(primary_key).collect();
        let mut rows = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys.to_vec()))
                .consistent_read(false)
                .set_expression_attribute_names(Some(names.clone()))
                .projection_expression(&projection);
            rows.extend(self.batch(tenant, wanted).await?.into_iter().filter_map(read_or_skip::<SearchRow>));
        }
        Ok(rows)
    }

    /// Reads what a write is based on: the contact, which of the tags are in the tag catalogue, and which of the events
    /// were applied before, and the recorded result of a call with an idempotency key. One GetItem; with any of these one BatchGetItem of at most 99 keys, two of each event.
    pub(super) async fn snapshot(&self, target: Target<'_>, consistency: Consistency) -> Result<Snapshot, Error> {
        let Target { tenant, tags, events, .. } = target;
        let id = target.id();
        let mut snapshot = Snapshot::empty(consistency);
        let tags = tags.into_iter().flat_map(Tags::iter);
        let mut extras: HashMap<String, Extra<'_>> = HashMap::new();
        let mut wanted = vec![keys::contact(tenant, id)];
        let mut also = |key: Item, extra| {
            // DynamoDB refuses a batch that names a key twice.
            if extras.insert(sort_key(&key).to_owned(), extra).is_none() {
                wanted.push(key);
            }
        };
        tags.for_each(|tag| also(keys::definition(tenant, tag), Extra::Definition(tag)));
        for event in events.ids {
            also(keys::event(tenant, events.kind, event), Extra::Event(event));
            also(keys::event_by_plain_id(tenant, events.kind, event), Extra::Event(event));
        }
        if let Some(once) = &self.once {
            also(once.key(tenant), Extra::Answer);
        }
        if wanted.len() == 1 {
            if let Some(item) = self.item(keys::contact(tenant, id), consistency).await? {
                snapshot.set_stored(item)?;
            }
            return Ok(snapshot);
        }
        for item in self.batch(tenant, all_attributes(wanted, consistency)).await? {
            match extras.get(sort_key(&item)) {
                Some(Extra::Definition(tag)) => drop(snapshot.defined.insert((*tag).clone())),
                Some(Extra::Event(event)) => drop(snapshot.applied.insert((*event).clone())),
                Some(Extra::Answer) => snapshot.recorded = Some(item),
                None => snapshot.set_stored(item)?,
            }
        }
        Ok(snapshot)
    }

    /// The tags, of those given, that have an entry in the tag catalogue. Strongly consistent; one BatchGetItem.
    pub(super) async fn defined(&self, tenant: &Tenant, tags: &[Tag]) -> Result<HashSet<Tag>, Error> {
        let keys = tags.iter().map(|tag| keys::definition(tenant, tag)).collect();
        let found = self.batch(tenant, all_attributes(keys, Consistency::Strong)).await?;
        let found: HashSet<&str> = found.iter().map(sort_key).collect();
        let is_defined = |tag: &&Tag| found.contains(sort_key(&keys::definition(tenant, tag)));
        Ok(tags.iter().filter(is_defined).cloned().collect())
    }

    async fn item(&self, key: Item, consistency: Consistency) -> Result<Option<Item>, Error> {
        let get = self.client.0.get_item().table_name(&self.name).set_key(Some(key));
        let get = get.consistent_read(consistency == Consistency::Strong).send();
        Ok(get.await.map_err(map_sdk_error("GetItem of a contact"))?.item)
    }

    /// The items of the tenant with these keys: one BatchGetItem of at most [`BATCH`] keys, each once.
    pub(super) async fn batch(&self, tenant: &Tenant, wanted: KeysAndAttributesBuilder) -> Result<Vec<Item>, Error> {
        let of_tenant = |key: &Item| key.get(TENANT_ID) == Some(&s(tenant.id().to_string()));
        debug_assert!(wanted.get_keys().iter().flatten().all(of_tenant));
        batch_get(&self.client, &self.name, wanted, "BatchGetItem").await
    }
}

/// A request for whole items.
pub(super) fn all_attributes(keys: Vec<Item>, consistency: Consistency) -> KeysAndAttributesBuilder {
    KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(consistency == Consistency::Strong)
}

/// The names and the expression that project these attributes. All names are aliased, because many are reserved words.
fn projection(attributes: &[&str]) -> (HashMap<String, String>, String) {
    let names = attributes.iter().enumerate().map(|(n, name)| (format!("#{n}"), (*name).to_owned()));
    let aliases: Vec<String> = (0..attributes.len()).map(|n| format!("#{n}")).collect();
    (names.collect(), aliases.join(", "))
}

/// An item read together with a contact.
enum Extra<'a> {
    Definition(&'a Tag),
    Event(&'a EventId),
    Answer,
}

/// The key of the item that an index row refers to.
fn primary_key(row: &Item) -> Item {
    [TENANT_ID, ITEM].into_iter().filter_map(|name| Some((name.to_owned(), row.get(name)?.clone()))).collect()
}
