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
use super::snapshot::{Consistency, EventIds, Snapshot, Target};
use super::transaction::{Attempt, transact, unbuilt};
use crate::model::{Contact, ContactId, EventId, SearchRow, Stored, Tag, Tags, Tenant, Timestamp};

/// The maximum number of items of one TransactWriteItems.
const TRANSACTION: usize = 100;

impl ContactsTable {
    /// The maximum number of events of one [`apply`](ContactsTable::apply). A transaction has 100 writes: the
    /// contact, at most 46 memberships and these events. The rule of `apply` must not change tags.
    /// They are read with 2 keys each, and the contact, in one BatchGetItem of 100.
    pub const MAX_EVENTS: usize = 49;

    /// Creates or changes the contact with this id: `rule` returns the new contact for the stored one. The
    /// store sets `version`, and `updated_at` if a field that clients can see differs.
    ///
    /// For a contact that was deleted, `rule` gets `None`, and the store restores the opt-out that its tombstone
    /// remembers.
    ///
    /// `tags` are the tags that the rule may add; they are looked up in the tag catalogue together with the contact.
    ///
    /// Cost: one eventually consistent GetItem (BatchGetItem with a non-empty `tags`), then one PutItem, or one
    /// TransactWriteItems if memberships or tag catalogue entries change. If nothing changes, or `rule` fails, the
    /// second request is the same read again, strongly consistent. An outdated read costs one refused write.
    ///
    /// `rule` runs again whenever another writer was faster. After a lost response, the call recognises its own
    /// write, unless 64 others have followed, or five others and 6 s; then `rule` runs on its own result. Counters therefore
    /// need [`apply`](ContactsTable::apply), which is idempotent.
    ///
    /// # Errors
    /// The errors of `rule`; [`Error::Conflict`], [`Error::Throttled`], [`Error::Unavailable`],
    /// [`Error::Unreadable`], [`Error::Internal`].
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
        let target = Target { tenant, id, tags, events: EventIds::default() };
        let rule = |stored: Option<Stored>, _: &_| rule(stored.and_then(Stored::into_contact)).map(Stored::Contact);
        self.write(target, Consistency::Eventual, rule).await?.contact().map_err(E::from)
    }

    /// As [`upsert`](ContactsTable::upsert), with a `rule` that also sees the tombstone of a deleted contact.
    ///
    /// # Errors
    /// As [`upsert`](ContactsTable::upsert).
    pub async fn upsert_over<R, E>(
        &self,
        tenant: &Tenant,
        id: ContactId,
        tags: Option<&Tags>,
        rule: R,
    ) -> Result<(Contact, Outcome), E>
    where
        R: Fn(Option<Stored>) -> Result<Contact, E> + Send + Sync,
        E: From<Error>,
    {
        let target = Target { tenant, id, tags, events: EventIds::default() };
        let rule = |stored: Option<Stored>, _: &_| rule(stored).map(Stored::Contact);
        self.write(target, Consistency::Eventual, rule).await?.contact().map_err(E::from)
    }

    /// Changes the contact with this id: `rule` returns the new contact for the stored one.
    ///
    /// `tags` are the tags that the rule may add; they are looked up in the tag catalogue together with
    /// the contact.
    ///
    /// Cost: one GetItem (BatchGetItem with a non-empty `tags`) and, if something changes, one PutItem, or one
    /// TransactWriteItems if memberships, tag catalogue entries or a field of the search row of a tagged
    /// contact change; one more TransactWriteItems if that many tags change that their catalogue entries do not
    /// fit. Each lost attempt adds one write request, and one read unless the refusal returned the contact.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the contact does not exist or was deleted; otherwise as [`upsert`](ContactsTable::upsert).
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
        let target = Target { tenant, id, tags, events: EventIds::default() };
        let rule = |stored: Option<Stored>, _: &_| {
            rule(stored.and_then(Stored::into_contact).ok_or(Error::NotFound)?).map(Stored::Contact)
        };
        self.write(target, Consistency::Strong, rule).await?.contact().map_err(E::from)
    }

    /// Applies events to the contact with this id. Idempotent: each event id is applied at most once
    /// within 31 days, however often it is delivered and to however many processes.
    ///
    /// `rule` returns what to store for what is stored and the ids that were applied before. It sees the tombstone of a
    /// deleted contact, because an event that occurred before the deletion must not create the contact again; the store
    /// restores the opt-out that a tombstone remembers in a contact that replaces it. `ids` holds at most
    /// [`ContactsTable::MAX_EVENTS`] ids; ids of different kinds are independent. Events whose effect does not depend on
    /// how often they are applied need no ids.
    ///
    /// Cost: one BatchGetItem and one TransactWriteItems; without `ids` one GetItem and what
    /// [`update`](ContactsTable::update) writes; the read alone if `rule` returns what is stored, in which case no event
    /// is recorded.
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
    ) -> Result<(Stored, Outcome), E>
    where
        R: Fn(Option<Stored>, &HashSet<EventId>) -> Result<Stored, E> + Send + Sync,
        E: From<Error>,
    {
        let target = Target { tenant, id, tags: None, events: EventIds { kind, ids } };
        let written = self.write(target, Consistency::Strong, rule).await?;
        Ok((written.new, written.outcome))
    }

    pub(super) async fn write<R, E>(&self, target: Target<'_>, first_read: Consistency, rule: R) -> Result<Written, E>
    where
        R: Fn(Option<Stored>, &HashSet<EventId>) -> Result<Stored, E> + Send + Sync,
        E: From<Error>,
    {
        let mut snapshot = self.snapshot(target, first_read).await?;
        let mut retry = Retry::new();
        let call = format!("{:012x}", fastrand::u64(..1 << 48));
        loop {
            let ruled = rule(snapshot.stored.clone(), &snapshot.applied);
            let changes = ruled.as_ref().is_ok_and(|new| snapshot.stored.as_ref() != Some(new));
            // DynamoDB checks the version only when something is written. A decision not to write is therefore made again
            // on a strongly consistent read.
            if !changes && snapshot.consistency == Consistency::Eventual {
                snapshot = self.snapshot(target, Consistency::Strong).await?;
                continue;
            }
            let mut new = ruled?;
            let tags = new.contact().map(|contact| &contact.tags);
            let undefined = tags.map(|tags| snapshot.undefined(tags, target.tags)).unwrap_or_default();
            if !changes {
                self.define(target.tenant, undefined).await?;
                return Ok(Written { old: snapshot.stored, new, outcome: Outcome::Unchanged });
            }
            let outcome = follow(snapshot.stored.as_ref(), &mut new);
            let (attempt, undefined) = self.save(target, &snapshot, &new, undefined, &call).await?;
            let refused = match attempt {
                Attempt::Written => {
                    self.define(target.tenant, undefined).await?;
                    return Ok(Written { old: snapshot.stored, new, outcome });
                }
                Attempt::Lost(item) => item,
                Attempt::Throttled => {
                    retry.pause_after_throttling().await?;
                    continue;
                }
            };
            let old = snapshot.stored.take();
            match refused {
                // The other writer may also have applied some of the events: read everything again.
                Some(item) if target.events.ids.is_empty() => {
                    snapshot.set_stored(item)?;
                    snapshot.consistency = Consistency::Strong;
                }
                _ => {
                    let target = Target { tags: new.contact().map(|contact| &contact.tags).or(target.tags), ..target };
                    snapshot = self.snapshot(target, Consistency::Strong).await?;
                }
            }
            // This call's own write was applied, but its response was lost. Other writers may have followed.
            if snapshot.is_written_by(&call) {
                self.define(target.tenant, undefined).await?;
                // A later deletion of the contact, or a later creation of the deleted one, is not this call's answer.
                let now = snapshot.stored.filter(|now| now.contact().is_some() == new.contact().is_some());
                return Ok(Written { old, new: now.unwrap_or(new), outcome });
            }
            retry.pause_after_race().await?;
        }
    }

    /// Writes `new`, a contact or the tombstone of a deleted one, over the snapshot. This is the only function that
    /// writes contacts.
    ///
    /// It compares old and new and sends the cheapest atomic request: one conditional PutItem, or one
    /// TransactWriteItems if memberships, tag catalogue entries or events have to be written too. Catalogue entries
    /// of `undefined` tags that exceed the limit of the transaction are returned; they are written after it. If a
    /// tag of `undefined` is defined already, the attempt fails and is repeated.
    pub(super) async fn save(
        &self,
        target: Target<'_>,
        snapshot: &Snapshot,
        new: &Stored,
        mut undefined: Vec<Tag>,
        call: &str,
    ) -> Result<(Attempt, Vec<Tag>), Error> {
        let Target { tenant, id, events, .. } = target;
        let write_ids = snapshot.write_ids_with(call);
        let item = match new {
            Stored::Contact(contact) => items::contact(tenant, contact, write_ids)?,
            Stored::Deleted(tombstone) => items::tombstone(tenant, id, tombstone, write_ids)?,
        };
        let contact = self.put_over(item, snapshot.stored.as_ref())?;
        let mut writes = self.membership_writes(tenant, id, snapshot, new.contact())?;
        let now = Timestamp::now();
        let applied: HashSet<&EventId> = events.ids.iter().filter(|id| !snapshot.applied.contains(*id)).collect();
        for id in applied {
            let put = self.put_over(items::event(tenant, events.kind, id, now), None)?;
            writes.push(TransactWriteItem::builder().put(put).build());
        }
        // Only the first contact with a tag writes its catalogue entry. Later transactions leave the
        // entry alone, because otherwise all writers of a popular tag would conflict on it.
        let room = TRANSACTION - 1 - writes.len();
        let later = undefined.split_off(undefined.len().min(room));
        for tag in &undefined {
            writes.push(TransactWriteItem::builder().put(self.definition(tenant, tag)?).build());
        }
        if writes.is_empty() {
            return Ok((self.put_alone(contact).await?, later));
        }
        writes.insert(0, TransactWriteItem::builder().put(contact).build());
        Ok((self.transact(writes).await?, later))
    }

    /// Writes the catalogue entries of tags that a contact has, in one TransactWriteItems. Another writer may define
    /// some of the tags at the same time.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the entries could not be written, even after throttling: the contact has been
    /// written. A repetition of the call finds the contact unchanged and writes the missing entries.
    async fn define(&self, tenant: &Tenant, mut tags: Vec<Tag>) -> Result<(), Error> {
        let mut retry = Retry::new();
        while !tags.is_empty() {
            let puts =
                tags.iter().map(|tag| Ok(TransactWriteItem::builder().put(self.definition(tenant, tag)?).build()));
            let attempt = self.transact(puts.collect::<Result<_, Error>>()?).await;
            let pause = match attempt {
                Ok(Attempt::Written) => return Ok(()),
                Ok(Attempt::Lost(_)) => match self.defined(tenant, &tags).await {
                    Ok(defined) => {
                        tags.retain(|tag| !defined.contains(tag));
                        retry.pause_after_race().await
                    }
                    Err(error) => Err(error),
                },
                Ok(Attempt::Throttled) => retry.pause_after_throttling().await,
                Err(error) => Err(error),
            };
            pause.map_err(|error| Error::Unavailable(format!("the tag catalogue could not be written: {error}")))?;
        }
        Ok(())
    }

    /// The memberships to write and to delete. Unchanged memberships are not written, unless they may have an earlier
    /// layout.
    fn membership_writes(
        &self,
        tenant: &Tenant,
        id: ContactId,
        snapshot: &Snapshot,
        new: Option<&Contact>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let old = snapshot.contact();
        let had: Vec<Label<'_>> = old.map(labels).unwrap_or_default();
        let has: Vec<Label<'_>> = new.map(labels).unwrap_or_default();
        let same_row = snapshot.is_current && old.map(SearchRow::from) == new.map(SearchRow::from);
        let mut writes = Vec::new();
        let rewritten: Vec<_> = has.iter().filter(|label| !same_row || !had.contains(label)).collect();
        if let Some(new) = new.filter(|_| !rewritten.is_empty()) {
            let search_row = items::search_row(new)?;
            for label in rewritten {
                let put = self.put(items::membership(tenant, id, &search_row, *label)).build().map_err(unbuilt)?;
                writes.push(TransactWriteItem::builder().put(put).build());
            }
        }
        for label in had.iter().filter(|label| !has.contains(label)) {
            let key = keys::membership(tenant, *label, id);
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
    fn put_over(&self, item: Item, old: Option<&Stored>) -> Result<Put, Error> {
        let put = self.put(item).return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match old {
            None => put.condition_expression("attribute_not_exists(#item)").expression_attribute_names("#item", ITEM),
            Some(old) => put
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", AttributeValue::N(old.version().to_string())),
        };
        put.build().map_err(unbuilt)
    }

    async fn put_alone(&self, put: Put) -> Result<Attempt, Error> {
        self.permission_to_write().await;
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

    /// Sends a transaction whose first write is the contact, if it writes one.
    async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Attempt, Error> {
        self.permission_to_write().await;
        transact(&self.client, writes).await
    }
}

/// What a call of [`write`](ContactsTable::write) has done.
pub(super) struct Written {
    /// What was stored before.
    pub(super) old: Option<Stored>,
    /// What is stored now; what this call has stored, if another has deleted or created the contact since.
    pub(super) new: Stored,
    pub(super) outcome: Outcome,
}

impl Written {
    /// The contact of a rule that returns contacts.
    fn contact(self) -> Result<(Contact, Outcome), Error> {
        let contact = self.new.into_contact().ok_or_else(|| Error::Internal("a rule deleted a contact".to_owned()))?;
        Ok((contact, self.outcome))
    }
}

/// Sets what the store decides in the state that follows `old`: the version, `updated_at`, and what a new contact takes
/// over from a deleted one.
fn follow(old: Option<&Stored>, new: &mut Stored) -> Outcome {
    match (old, new) {
        (None, _) => Outcome::Created,
        (Some(Stored::Deleted(tombstone)), Stored::Contact(new)) => {
            tombstone.continue_with(new);
            Outcome::Created
        }
        (Some(Stored::Contact(old)), Stored::Contact(new)) => {
            new.version = old.version + 1;
            if !new.differences(old).is_empty() {
                new.updated_at = Timestamp::now();
            }
            Outcome::Updated
        }
        (Some(old), Stored::Deleted(tombstone)) => {
            tombstone.version = old.version() + 1;
            Outcome::Updated
        }
    }
}
