//! Writing: one way, and always whole.
//!
//! An action is: read, apply a pure rule, [`save`](Table::save), and when another was faster, start
//! again from what that one left. A contact and its memberships are written together or not at all,
//! on the condition that the contact is still the one the rule was applied to.

use std::collections::HashSet;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use uuid::Uuid;

use super::Table;
use super::fault::{fault, is_throttling};
use super::items::{self, labels};
use super::keys::{self, ITEM, Item, Label, s};
use super::read::Seen;
use super::retry::Retry;
use crate::access::Tenant;
use crate::contact::{Contact, ContactId, EventId, SearchRow, Tag, Tags};
use crate::error::Error;
use crate::time::Timestamp;

/// How many items DynamoDB writes in one transaction.
const TRANSACTION: usize = 100;

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was no such contact before.
    Created,
    /// Something of it changed.
    Updated,
    /// Everything was as wanted already; nothing was written.
    Unchanged,
}

/// Events that a write applies, each at most once, ever: they are written with it.
#[derive(Clone, Copy, Default)]
pub(super) struct Events<'a> {
    /// What they are: ids of one kind say nothing about those of another.
    pub(super) kind: &'a str,
    pub(super) ids: &'a [EventId],
}

/// How a single attempt ended.
enum Saved {
    Done,
    /// Another writer was faster. The item as that one left it, where the refusal showed it.
    Lost(Option<Item>),
    /// The table could not take so many writes at once.
    Busy,
}

impl Table {
    /// How many events one write may apply: with a contact's memberships there is room for more in a
    /// transaction, and a batch read has room for them and the contact.
    pub const EVENTS: usize = 50;

    /// Makes or changes the contact with this id, as `rule` makes it from what there is.
    ///
    /// Guesses that there is none: a new contact costs one request, an existing one two. Tags given
    /// along cost a look beforehand, at the contact too, so that it is two either way.
    ///
    /// `rule` is applied again whenever another writer was faster. Once in a great while that is to
    /// its own result: when DynamoDB's answer is lost and another writes before it is asked again.
    /// What must not count twice is an event: see [`apply`](Table::apply).
    ///
    /// # Errors
    /// What `rule` says; [`Error::Conflict`], [`Error::Throttled`], [`Error::Internal`].
    pub async fn upsert<R>(
        &self,
        tenant: &Tenant,
        id: ContactId,
        tags: Option<&Tags>,
        rule: R,
    ) -> Result<(Contact, Outcome), Error>
    where
        R: Fn(Option<Contact>) -> Result<Contact, Error> + Send + Sync,
    {
        let none = Events::default();
        let seen = match tags.filter(|tags| !tags.is_empty()) {
            Some(tags) => self.see(tenant, id, Some(tags), &none).await?,
            None => Seen::default(),
        };
        self.write(tenant, seen, none, |stored, _| rule(stored)).await
    }

    /// Changes the contact with this id as `rule` says. Two requests; one when nothing changes.
    ///
    /// `tags` are those the rule may add: naming them saves a request when it does.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; otherwise as [`upsert`](Table::upsert).
    pub async fn update<R>(
        &self,
        tenant: &Tenant,
        id: ContactId,
        tags: Option<&Tags>,
        rule: R,
    ) -> Result<(Contact, Outcome), Error>
    where
        R: Fn(Contact) -> Result<Contact, Error> + Send + Sync,
    {
        let none = Events::default();
        let seen = self.see(tenant, id, tags, &none).await?;
        self.write(tenant, seen, none, |stored, _| rule(stored.ok_or(Error::NotFound)?)).await
    }

    /// Applies events to the contact with this id, each at most once, however often and to however
    /// many processes they are delivered. Two requests; one when all of them were applied before.
    ///
    /// `rule` makes the contact from what there is and from the events that were applied already.
    /// At most [`Table::EVENTS`] ids of one `kind`.
    ///
    /// # Errors
    /// What `rule` says; otherwise as [`upsert`](Table::upsert).
    pub async fn apply<R>(
        &self,
        tenant: &Tenant,
        id: ContactId,
        kind: &str,
        ids: &[EventId],
        rule: R,
    ) -> Result<(Contact, Outcome), Error>
    where
        R: Fn(Option<Contact>, &HashSet<EventId>) -> Result<Contact, Error> + Send + Sync,
    {
        let events = Events { kind, ids };
        let seen = self.see(tenant, id, None, &events).await?;
        self.write(tenant, seen, events, rule).await
    }

    async fn write<R>(
        &self,
        tenant: &Tenant,
        mut seen: Seen,
        events: Events<'_>,
        rule: R,
    ) -> Result<(Contact, Outcome), Error>
    where
        R: Fn(Option<Contact>, &HashSet<EventId>) -> Result<Contact, Error> + Send + Sync,
    {
        let mut retry = Retry::new();
        let write_id = s(Uuid::new_v4().simple().to_string());
        loop {
            let mut new = rule(seen.contact.clone(), &seen.applied)?;
            let outcome = match &seen.contact {
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
            let saved = self.save(tenant, &seen, &new, events, &write_id).await?;
            let otherwise = if matches!(saved, Saved::Busy) { Error::Throttled } else { Error::Conflict };
            match saved {
                Saved::Done => return Ok((new, outcome)),
                // The contact alone may not tell: an event may have been applied by another.
                Saved::Lost(Some(item)) if events.ids.is_empty() => seen.set_contact(item)?,
                Saved::Lost(_) => seen = self.see(tenant, new.id, Some(&new.tags), &events).await?,
                Saved::Busy => {}
            }
            // What is in the way is our own write: it was applied, and the answer was lost.
            if seen.write_id.as_ref() == Some(&write_id) {
                return Ok((seen.contact.unwrap_or(new), outcome));
            }
            retry.pause(otherwise).await?;
        }
    }

    /// Writes `new` over what was seen. The only function that writes contacts.
    ///
    /// Compares the two, and sends the cheapest request that keeps the contact and its memberships
    /// together: one conditional put, or one transaction. That a tag was not seen defined may be
    /// wrong, at the price of an attempt.
    async fn save(
        &self,
        tenant: &Tenant,
        seen: &Seen,
        new: &Contact,
        events: Events<'_>,
        write_id: &AttributeValue,
    ) -> Result<Saved, Error> {
        let old = seen.contact.as_ref();
        let contact = self.put_over(items::contact(tenant, new, write_id)?, old)?;
        let mut writes = self.membership_writes(tenant, old, new)?;
        let added = new.tags.iter().filter(|tag| !old.is_some_and(|old| old.tags.contains(tag)));
        let undefined: Vec<&Tag> = added.filter(|tag| !seen.defined.contains(*tag)).collect();
        let now = Timestamp::now();
        let applied: HashSet<&EventId> = events.ids.iter().filter(|id| !seen.applied.contains(*id)).collect();
        for id in applied {
            let put = self.put_over(items::event(tenant, events.kind, id, now), None)?;
            writes.push(TransactWriteItem::builder().put(put).build());
        }
        if writes.is_empty() && undefined.is_empty() {
            return self.put_alone(contact).await;
        }
        // A definition is written with the first contact that has the tag, and not looked at by
        // later transactions: one that did would collide with every other that uses the tag.
        // Those that find no room, when a whole list of tags is replaced by unknown ones, go ahead.
        let room = TRANSACTION - 1 - writes.len();
        let (together, ahead) = undefined.split_at(undefined.len().min(room));
        for tag in ahead {
            // Refused because it is there is as good as written; refused otherwise is not.
            match self.put_alone(self.definition(tenant, tag)?).await? {
                Saved::Done | Saved::Lost(Some(_)) => {}
                lost => return Ok(lost),
            }
        }
        for tag in together {
            writes.push(TransactWriteItem::builder().put(self.definition(tenant, tag)?).build());
        }
        writes.insert(0, TransactWriteItem::builder().put(contact).build());
        self.transact(writes).await
    }

    /// The memberships to write and to delete. Those whose row would stay as it is are left alone.
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

    /// Puts a definition, on the condition that there is none.
    fn definition(&self, tenant: &Tenant, tag: &Tag) -> Result<Put, Error> {
        self.put_over(items::definition(tenant, tag, Timestamp::now())?, None)
    }

    /// Puts an item on the condition that what is there is still `old`; a refusal shows what is
    /// there instead.
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

    async fn put_alone(&self, put: Put) -> Result<Saved, Error> {
        let request = self.client.0.put_item().table_name(put.table_name).set_item(Some(put.item));
        let request = request
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_names(put.expression_attribute_names)
            .set_expression_attribute_values(put.expression_attribute_values)
            .set_return_values_on_condition_check_failure(put.return_values_on_condition_check_failure);
        let Err(refusal) = request.send().await else { return Ok(Saved::Done) };
        match refusal.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(Saved::Lost(failed.item.clone())),
            Some(PutItemError::TransactionConflictException(_)) => Ok(Saved::Lost(None)),
            _ => Err(fault("PutItem")(refusal)),
        }
    }

    /// All of it or nothing; the first write is the contact's.
    async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Saved, Error> {
        let request = self.client.0.transact_write_items().set_transact_items(Some(writes));
        let Err(refusal) = request.send().await else { return Ok(Saved::Done) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = refusal.as_service_error() else {
            return Err(fault("TransactWriteItems")(refusal));
        };
        // A reason for each write, in order; `None` where that one was not the trouble.
        let reasons = cancelled.cancellation_reasons();
        let codes = || reasons.iter().filter_map(|reason| reason.code()).filter(|code| *code != "None");
        if codes().any(is_throttling) {
            Ok(Saved::Busy)
        } else if codes().all(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict")) {
            Ok(Saved::Lost(reasons.first().and_then(|reason| reason.item.clone())))
        } else {
            Err(Error::Internal(format!("TransactWriteItems was cancelled: {:?}", codes().collect::<Vec<_>>())))
        }
    }
}

/// A request that lacks a required part, which is ours to put there.
fn unbuilt(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::Internal(format!("building a request: {error}"))
}
