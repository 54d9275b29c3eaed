//! What a write reads first.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;

use super::error::Error;
use super::items::read;
use super::keys::{Item, WRITE_ID};
use crate::model::{Contact, EventId, Tag};

/// Ids of events that a write applies, each at most once. They are recorded in the same transaction.
#[derive(Clone, Copy, Default)]
pub(super) struct EventIds<'a> {
    /// The kind of the events. Ids of different kinds are independent.
    pub(super) kind: &'a str,
    pub(super) ids: &'a [EventId],
}

/// The state that a write is based on.
#[derive(Default)]
pub(super) struct Snapshot {
    /// The stored contact, if there is one.
    pub(super) contact: Option<Contact>,
    /// The id of the write that stored it.
    pub(super) write_id: Option<AttributeValue>,
    /// The tags, of those looked up, that have an entry in the tag catalogue.
    pub(super) defined: HashSet<Tag>,
    /// The events, of those looked up, that were applied before.
    pub(super) applied: HashSet<EventId>,
}

impl Snapshot {
    /// Replaces the contact by the one in `item`.
    pub(super) fn set_contact(&mut self, item: Item) -> Result<(), Error> {
        self.write_id = item.get(WRITE_ID).cloned();
        self.contact = Some(read(item)?);
        Ok(())
    }
}
