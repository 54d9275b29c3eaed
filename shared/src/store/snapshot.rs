//! What a write reads first.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;

use super::error::Error;
use super::items::read;
use super::keys::{Item, WRITE_IDS, s};
use crate::model::{Contact, ContactId, EventId, Tag, Tags, Tenant};

/// How many writes a contact remembers: more than other writers can follow a lost response before the SDK retries
/// the request, except under heavy contention.
const MAX_WRITE_IDS: usize = 5;

/// Ids of events that a write applies, each at most once. They are recorded in the same transaction.
#[derive(Clone, Copy, Default)]
pub(super) struct EventIds<'a> {
    /// The kind of the events. Ids of different kinds are independent.
    pub(super) kind: &'a str,
    pub(super) ids: &'a [EventId],
}

/// What a write is about.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) id: ContactId,
    /// The tags that the write may add.
    pub(super) tags: Option<&'a Tags>,
    pub(super) events: EventIds<'a>,
}

/// The consistency of a read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Consistency {
    /// The read may miss the latest writes. It costs half as much.
    Eventual,
    /// The read sees every write acknowledged before it began.
    Strong,
}

/// The state that a write is based on.
pub(super) struct Snapshot {
    /// How it was read.
    pub(super) consistency: Consistency,
    /// The stored contact, if there is one.
    pub(super) contact: Option<Contact>,
    /// The ids of the last writes of it, the latest first.
    pub(super) write_ids: Vec<String>,
    /// The tags, of those looked up, that have an entry in the tag catalogue.
    pub(super) defined: HashSet<Tag>,
    /// The events, of those looked up, that were applied before.
    pub(super) applied: HashSet<EventId>,
}

impl Snapshot {
    /// A snapshot in which nothing has been found yet.
    pub(super) fn empty(consistency: Consistency) -> Self {
        Snapshot { consistency, contact: None, write_ids: Vec::new(), defined: HashSet::new(), applied: HashSet::new() }
    }

    /// The tags of the new list whose catalogue entries have to be written: those that the contact does not have yet
    /// or that were looked up, and that have no entry. A tag that the contact has can lack its entry if an earlier
    /// call failed between writing the contact and writing the entry.
    pub(super) fn undefined(&self, new: &Tags, looked_up: Option<&Tags>) -> Vec<Tag> {
        let is_known = |tag: &Tag| self.contact.as_ref().is_some_and(|old| old.tags.contains(tag));
        let is_looked_up = |tag: &Tag| looked_up.is_some_and(|tags| tags.contains(tag));
        let undefined = new.iter().filter(|tag| !self.defined.contains(*tag) && (!is_known(tag) || is_looked_up(tag)));
        undefined.cloned().collect()
    }

    /// Replaces the contact by the one in `item`.
    pub(super) fn set_contact(&mut self, item: Item) -> Result<(), Error> {
        let ids = item.get(WRITE_IDS).and_then(|ids| ids.as_l().ok());
        let ids = ids.into_iter().flatten().filter_map(|id| id.as_s().ok());
        self.write_ids = ids.cloned().collect();
        self.contact = Some(read(item)?);
        Ok(())
    }

    /// The attribute of a contact that the call `write_id` writes over this snapshot.
    pub(super) fn write_ids_with(&self, write_id: &str) -> AttributeValue {
        let earlier = self.write_ids.iter().map(String::as_str).filter(|id| *id != write_id);
        AttributeValue::L(std::iter::once(write_id).chain(earlier).take(MAX_WRITE_IDS).map(s).collect())
    }
}
