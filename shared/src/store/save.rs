//! Writing contacts, with optimistic locking.
//!
//! Every write reads a snapshot, applies a pure rule to the contact and calls
//! [`save`](ContactsTable::save), which writes the contact and its memberships in one atomic request on
//! the condition that the contact still has the version read. When another writer was faster, the rule
//! is applied again to the state that writer left.

use std::collections::HashSet;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};

use super::contacts_table::ContactsTable;
use super::error::{Error, map_sdk_error};
use super::items::{self, labels};
use super::keys::{self, ITEM, Item, Label};
use super::outcome::Outcome;
use super::retry::Retry;
use super::snapshot::{EventIds, Snapshot};
use super::transaction::{Attempt, transact, unbuilt};
use crate::model::{Contact, ContactId, EventId, SearchRow, Tag, Tags, Tenant, Timestamp};

/// The maximum number of items of one TransactWriteItems.
const TRANSACTION: usize = 100;

impl ContactsTable {
    /// The maximum number of events of one [`apply`](ContactsTable::apply). A transaction has 100 writes: the
    /// contact, at most 46 memberships and these events. The rule of `apply` must not change tags.
    pub const MAX_EVENTS: usize = 50;

    /// Creates or changes the contact with this id: `rule` returns the new contact for the stored one. The
    /// store sets `version`, and `updated_at` if a field that clients can see differs.
    ///
    /// `tags` are the tags that the rule may add; they are looked up in the tag catalogue.
    ///
    /// Cost: assumes that the contact does not exist. One PutItem for a new contact, two for an existing
    /// one, one if nothing changes (the refused PutItem returns the stored contact and is billed as a
    /// write). A PutItem becomes a TransactWriteItems if memberships change. With a non-empty `tags`, one
    /// BatchGetItem first, and no refused PutItem.
    ///
    /// `rule` runs again whenever another writer was faster. After a lost response, the call recognises its own
    /// write, unless five other writers have followed; then `rule` runs on its own result. Counters therefore
    /// need [`apply`](ContactsTable::apply), which is idempotent.
    ///
    /// # Errors
    /// The errors of `rule`; [`Error::Conflict`], [`Error::Throttled`], [`Error::Internal`].
    pub async fn upsert<R, E>(
        &self,
        tenant: &Tenant,
        id: ContactId,
        tags: Option<&Tags>,
        rule: R,
    ) -> Result<(Contact, Outcome), E>
    where
        R: Fn(Option<Contact>) -> Result<Contact, E> + Send + Sync,
        E: From<Error>,
    {
        let none = EventIds::default();
        let snapshot = match tags.filter(|tags| !tags.is_empty()) {
            Some(tags) => self.snapshot(tenant, id, Some(tags), &none).await?,
            None => Snapshot::default(),
        };
        self.write(tenant, snapshot, none, |stored, _| rule(stored)).await
    }

    /// Changes the contact with this id: `rule` returns the new contact for the stored one.
    ///
    /// `tags` are the tags that the rule may add; they are looked up in the tag catalogue together with
    /// the contact.
    ///
    /// Cost: one GetItem (BatchGetItem with a non-empty `tags`) and, if something changes, one PutItem, or one
    /// TransactWriteItems if memberships, tag catalogue entries or a field of the search row of a tagged
    /// contact change. Each lost attempt adds one write request.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the contact does not exist; otherwise as [`upsert`](ContactsTable::upsert).
    pub async fn update<R, E>(
        &self,
        tenant: &Tenant,
        id: ContactId,
        tags: Option<&Tags>,
        rule: R,
    ) -> Result<(Contact, Outcome), E>
    where
        R: Fn(Contact) -> Result<Contact, E> + Send + Sync,
        E: From<Error>,
    {
        let none = EventIds::default();
        let snapshot = self.snapshot(tenant, id, tags, &none).await?;
        self.write(tenant, snapshot, none, |stored, _| rule(stored.ok_or(Error::NotFound)?)).await
    }

    /// Applies events to the contact with this id. Idempotent: each event id is applied at most once
    /// within 31 days, however often it is delivered and to however many processes.
    ///
    /// `rule` returns the new contact for the stored one and the ids that were applied before. `ids` holds
    /// at most [`ContactsTable::MAX_EVENTS`] ids; ids of different kinds are independent.
    ///
    /// Cost: one BatchGetItem and one TransactWriteItems; the read alone if
    /// `rule` returns the stored contact unchanged, in which case no event is recorded.
    ///
    /// # Errors
    /// The errors of `rule`; otherwise as [`upsert`](ContactsTable::upsert).
    pub async fn apply<R, E>(
        &self,
        tenant: &Tenant,
        id: ContactId,
        kind: &str,
        ids: &[EventId],
        rule: R,
    ) -> Result<(Contact, Outcome), E>
    where
        R: Fn(Option<Contact>, &HashSet<EventId>) -> Result<Contact, E> + Send + Sync,
        E: From<Error>,
    {
        let events = EventIds { kind, ids };
        let snapshot = self.snapshot(tenant, id, None, &events).await?;
        self.write(tenant, snapshot, events, rule).await
    }

    async fn write<R, E>(
        &self,
        tenant: &Tenant,
        mut snapshot: Snapshot,
        events: EventIds<'_>,
        rule: R,
    ) -> Result<(Contact, Outcome), E>
    where
        R: Fn(Option<Contact>, &HashSet<EventId>) -> Result<Contact, E> + Send + Sync,
        E: From<Error>,
    {
        let mut retry = Retry::new();
        let write_id = format!("{:016x}", fastrand::u64(..));
        loop {
            let mut new = rule(snapshot.contact.clone(), &snapshot.applied)?;
            let outcome = match &snapshot.contact {
                None => Outcome::Created,
                Some(old) if *old == new => return Ok((new, Outcome::Unchanged)),
                Some(old) => {
                    new.version = old.version + 1;
                    if !new.differences(old).is_empty() {
                        new.updated_at = Timestamp::now();
                    }
                    Outcome::Updated
                }
            };
            let attempt = self.save(tenant, &snapshot, &new, events, &write_id).await?;
            match attempt {
                Attempt::Written => return Ok((new, outcome)),
                // The other writer may also have applied some of the events: read everything again.
                Attempt::Lost(Some(item)) if events.ids.is_empty() => snapshot.set_contact(item)?,
                Attempt::Lost(_) => snapshot = self.snapshot(tenant, new.id, Some(&new.tags), &events).await?,
                Attempt::Throttled => {
                    retry.pause_after_throttling().await?;
                    continue;
                }
            }
            // This call's own write was applied, but its response was lost. Other writers may have followed.
            if snapshot.write_ids.contains(&write_id) {
                return Ok((snapshot.contact.unwrap_or(new), outcome));
            }
            retry.pause(Error::Conflict).await?;
        }
    }

    /// Writes `new` over the snapshot. This is the only function that writes contacts.
    ///
    /// It compares old and new and sends the cheapest atomic request: one conditional PutItem, or one
    /// TransactWriteItems if memberships, tag catalogue entries or events have to be written too. If a
    /// tag is missing from the snapshot's `defined` but exists, the attempt fails and is repeated.
    async fn save(
        &self,
        tenant: &Tenant,
        snapshot: &Snapshot,
        new: &Contact,
        events: EventIds<'_>,
        write_id: &str,
    ) -> Result<Attempt, Error> {
        let old = snapshot.contact.as_ref();
        let contact = self.put_over(items::contact(tenant, new, snapshot.write_ids_with(write_id))?, old)?;
        let mut writes = self.membership_writes(tenant, old, new)?;
        let added = new.tags.iter().filter(|tag| !old.is_some_and(|old| old.tags.contains(tag)));
        let undefined: Vec<&Tag> = added.filter(|tag| !snapshot.defined.contains(*tag)).collect();
        let now = Timestamp::now();
        let applied: HashSet<&EventId> = events.ids.iter().filter(|id| !snapshot.applied.contains(*id)).collect();
        for id in applied {
            let put = self.put_over(items::event(tenant, events.kind, id, now), None)?;
            writes.push(TransactWriteItem::builder().put(put).build());
        }
        if writes.is_empty() && undefined.is_empty() {
            return self.put_alone(contact).await;
        }
        // Only the first contact with a tag writes its catalogue entry. Later transactions leave the
        // entry alone, because otherwise all writers of a popular tag would conflict on it. Entries that
        // exceed the transaction's limit are written before it.
        let room = TRANSACTION - 1 - writes.len();
        let (together, ahead) = undefined.split_at(undefined.len().min(room));
        for tag in ahead {
            // An entry that exists already is as good as written.
            match self.put_alone(self.definition(tenant, tag)?).await? {
                Attempt::Written | Attempt::Lost(Some(_)) => {}
                lost => return Ok(lost),
            }
        }
        for tag in together {
            writes.push(TransactWriteItem::builder().put(self.definition(tenant, tag)?).build());
        }
        writes.insert(0, TransactWriteItem::builder().put(contact).build());
        transact(&self.client, writes).await
    }

    /// The memberships to write and to delete. Unchanged memberships are not written.
    fn membership_writes(
        &self,
        tenant: &Tenant,
        old: Option<&Contact>,
        new: &Contact,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let had: Vec<Label<'_>> = old.map(labels).unwrap_or_default();
        let has = labels(new);
        let same_row = old.is_some_and(|old| SearchRow::from(old) == SearchRow::from(new));
        let mut writes = Vec::new();
        let rewritten: Vec<_> = has.iter().filter(|label| !same_row || !had.contains(label)).collect();
        if !rewritten.is_empty() {
            let search_row = items::search_row(new)?;
            for label in rewritten {
                let put = self.put(items::membership(tenant, new.id, &search_row, *label)).build().map_err(unbuilt)?;
                writes.push(TransactWriteItem::builder().put(put).build());
            }
        }
        for label in had.iter().filter(|label| !has.contains(label)) {
            let key = keys::membership(tenant, *label, new.id);
            let delete = Delete::builder().table_name(&self.name).set_key(Some(key)).build().map_err(unbuilt)?;
            writes.push(TransactWriteItem::builder().delete(delete).build());
        }
        Ok(writes)
    }

    fn put(&self, item: Item) -> PutBuilder {
        Put::builder().table_name(&self.name).set_item(Some(item))
    }

    /// A put of a tag catalogue entry, on the condition that it does not exist.
    fn definition(&self, tenant: &Tenant, tag: &Tag) -> Result<Put, Error> {
        self.put_over(items::definition(tenant, tag, Timestamp::now())?, None)
    }

    /// A put of an item on the condition that the stored one still has the version of `old`, or does not
    /// exist. A refusal returns the stored item.
    fn put_over(&self, item: Item, old: Option<&Contact>) -> Result<Put, Error> {
        let put = self.put(item).return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match old {
            None => put.condition_expression("attribute_not_exists(#item)").expression_attribute_names("#item", ITEM),
            Some(old) => put
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", AttributeValue::N(old.version.to_string())),
        };
        put.build().map_err(unbuilt)
    }

    async fn put_alone(&self, put: Put) -> Result<Attempt, Error> {
        let request = self.client.0.put_item().table_name(put.table_name).set_item(Some(put.item));
        let request = request
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_names(put.expression_attribute_names)
            .set_expression_attribute_values(put.expression_attribute_values)
            .set_return_values_on_condition_check_failure(put.return_values_on_condition_check_failure);
        let Err(refusal) = request.send().await else { return Ok(Attempt::Written) };
        match refusal.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(Attempt::Lost(failed.item.clone())),
            Some(PutItemError::TransactionConflictException(_)) => Ok(Attempt::Lost(None)),
            _ => Err(map_sdk_error("PutItem")(refusal)),
        }
    }
}
