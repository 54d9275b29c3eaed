//! One attempt to write a contact, with everything that has to agree with it, in one atomic request.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};

use super::contacts_table::ContactsTable;
use super::error::{Error, map_sdk_error};
use super::items::{self, labels};
use super::keys::{self, ANSWER_KEY, ITEM, Item, Label, TENANT_ID, s};
use super::outcome::Outcome;
use super::redirect::Left;
use super::retry::Retry;
use super::snapshot::{Snapshot, Target};
use super::transaction::{Attempt, transact, unbuilt};
use crate::model::{Contact, ContactId, EventId, SearchRow, Stored, Tag, Tenant, Timestamp};

/// The maximum number of items of one TransactWriteItems.
const TRANSACTION: usize = 100;

/// The attribute of a contact and of a tombstone that every write increments.
const VERSION: &str = "version";

/// The condition that an item is as it was read.
pub(super) struct Unchanged {
    pub(super) expression: &'static str,
    pub(super) names: HashMap<String, String>,
    pub(super) values: Option<HashMap<String, AttributeValue>>,
}

impl Unchanged {
    /// The item still has this version; with `None` it still does not exist.
    pub(super) fn since(version: Option<u64>) -> Self {
        let (expression, name, attribute) = match version {
            None => ("attribute_not_exists(#item)", "#item", ITEM),
            Some(_) => ("#version = :version", "#version", VERSION),
        };
        let values = version.map(|version| [(":version".to_owned(), AttributeValue::N(version.to_string()))].into());
        Unchanged { expression, names: [(name.to_owned(), attribute.to_owned())].into(), values }
    }
}

impl ContactsTable {
    /// Writes `new`, a contact or the tombstone of a deleted one, over the snapshot. This is the only function that
    /// writes contacts.
    ///
    /// It compares old and new and sends the cheapest atomic request: one conditional PutItem, or one
    /// TransactWriteItems if memberships, tag catalogue entries, events or the call's result have to be written too. Catalogue entries
    /// of `undefined` tags that exceed the limit of the transaction are returned; they are written after it. If a
    /// tag of `undefined` is defined already, the attempt fails and is repeated.
    ///
    /// `left` are other ids of the contact, whose keys are written too: the one that it leaves, if it moves here, and
    /// those that lead to it.
    pub(super) async fn save(
        &self,
        target: Target<'_>,
        snapshot: &Snapshot,
        (new, outcome): (&Stored, Outcome),
        left: &[Left],
        mut undefined: Vec<Tag>,
        call: &str,
    ) -> Result<(Attempt, Vec<Tag>), Error> {
        let Target { tenant, events, .. } = target;
        let id = target.id();
        let write_ids = snapshot.write_ids_with(call);
        let mut item = match new {
            Stored::Contact(contact) => items::contact(tenant, contact, write_ids)?,
            Stored::Deleted(tombstone) => items::tombstone(tenant, id, tombstone, write_ids)?,
        };
        if let Some(key) = snapshot.answer_key.filter(|_| new.contact().is_some()) {
            item.insert(ANSWER_KEY.to_owned(), AttributeValue::B(Blob::new(key)));
        }
        let mut writes = self.membership_writes(tenant, id, snapshot, new.contact())?;
        for left in left {
            if let (Some(old), Some(new)) = (left.snapshot.contact(), new.contact()) {
                items::mark_moved(&mut item, left.id, &new.differences(old));
            }
            let redirect = items::tombstone(tenant, left.id, &left.new, left.snapshot.write_ids_with(call))?;
            let put = self.put_over(redirect, left.snapshot.stored.as_ref())?;
            writes.push(TransactWriteItem::builder().put(put).build());
            writes.extend(self.membership_writes(tenant, left.id, &left.snapshot, None)?);
        }
        let contact = self.put_over(item, snapshot.stored.as_ref())?;
        let now = Timestamp::now();
        let applied: HashSet<&EventId> = events.ids.iter().filter(|id| !snapshot.applied.contains(*id)).collect();
        for id in applied {
            let put = self.put_over(items::event(tenant, events.kind, id, now), None)?;
            writes.push(TransactWriteItem::builder().put(put).build());
        }
        if let Some(once) = &self.once {
            let put = once.record(&self.name, tenant, (id, new, outcome), snapshot.answer_key.as_ref(), call)?;
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
            return Ok((self.put_alone(tenant, contact).await?, later));
        }
        writes.insert(0, TransactWriteItem::builder().put(contact).build());
        Ok((self.transact(writes).await?, later))
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

    /// A put of an item on the condition that the stored one still has the version of `old`, or does not
    /// exist. A refusal returns the stored item.
    fn put_over(&self, item: Item, old: Option<&Stored>) -> Result<Put, Error> {
        let put = self.put(item).return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let unchanged = Unchanged::since(old.map(Stored::version));
        put.condition_expression(unchanged.expression)
            .set_expression_attribute_names(Some(unchanged.names))
            .set_expression_attribute_values(unchanged.values)
            .build()
            .map_err(unbuilt)
    }

    fn put(&self, item: Item) -> PutBuilder {
        Put::builder().table_name(&self.name).set_item(Some(item))
    }

    /// Sends a put as a PutItem of its own, which costs half as much as in a transaction.
    pub(super) async fn put_alone(&self, tenant: &Tenant, put: Put) -> Result<Attempt, Error> {
        debug_assert_eq!(put.item.get(TENANT_ID), Some(&s(tenant.id().to_string())));
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

    /// Writes the catalogue entries of tags that a contact has, in one TransactWriteItems. Another writer may define
    /// some of the tags at the same time.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the entries could not be written, even after throttling: the contact has been
    /// written. A repetition of the call finds the contact unchanged and writes the missing entries.
    pub(super) async fn define(&self, tenant: &Tenant, mut tags: Vec<Tag>) -> Result<(), Error> {
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

    /// A put of a tag catalogue entry, on the condition that it does not exist.
    fn definition(&self, tenant: &Tenant, tag: &Tag) -> Result<Put, Error> {
        self.put_over(items::definition(tenant, tag, Timestamp::now())?, None)
    }
}
