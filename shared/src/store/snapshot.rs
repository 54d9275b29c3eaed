//! The stored state that a write is based on.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;

use super::earlier;
use super::error::Error;
use super::items;
use super::keys::{ANSWER_KEY, Item, WRITE_IDS, s};
use super::seal::Key;
use crate::model::{Contact, ContactId, ContactKey, EventId, Stored, Tag, Tags, Tenant, Timestamp};

/// A contact remembers its last writes for this many seconds, longer than the SDK repeats a request whose response was
/// lost (2.7 s). Clocks may differ by the rest.
const WRITE_ID_AGE: u64 = 6;
/// How many writes a contact remembers at least, however old they are, and at most.
const MIN_WRITE_IDS: usize = 5;
const MAX_WRITE_IDS: usize = 64;

/// Ids of events that a write applies, each at most once. They are recorded in the same transaction.
#[derive(Clone, Copy, Default)]
pub(super) struct EventIds<'a> {
    /// The kind of the events. Ids of different kinds are independent.
    pub(super) kind: &'a str,
    pub(super) ids: &'a [EventId],
}

/// The contact that a write changes, with the tags and events to look up.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) key: ContactKey,
    /// The tags that the write may add.
    pub(super) tags: Option<&'a Tags>,
    pub(super) events: EventIds<'a>,
}

impl<'a> Target<'a> {
    /// The target of a write that applies no events.
    pub(super) fn new(tenant: &'a Tenant, key: impl Into<ContactKey>, tags: Option<&'a Tags>) -> Self {
        Target { tenant, key: key.into(), tags, events: EventIds::default() }
    }

    /// The id under whose key the contact is read and written.
    pub(super) fn id(&self) -> ContactId {
        self.key.id()
    }
}

/// A random id of a call, twelve hexadecimal digits, by which it recognises its own writes.
pub(super) fn new_call_id() -> String {
    format!("{:012x}", fastrand::u64(..1 << 48))
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
    /// The contact, its tombstone or its redirect; `None` if there has never been a contact.
    pub(super) stored: Option<Stored>,
    /// Whether its item has today's layout; `false` without an item.
    pub(super) is_current: bool,
    /// The ids of the last writes of it, the latest first: the second of the write, eight hexadecimal digits, and the
    /// random id of the call.
    write_ids: Vec<String>,
    /// The tags, of those looked up, that have an entry in the tag catalogue.
    pub(super) defined: HashSet<Tag>,
    /// The events, of those looked up, that were applied before.
    pub(super) applied: HashSet<EventId>,
    /// The recorded result of the call, if it has an idempotency key and was carried out before.
    pub(super) recorded: Option<Item>,
    /// The key with which results of calls about the contact are sealed.
    pub(super) answer_key: Option<Key>,
}

impl Snapshot {
    /// A snapshot in which nothing has been found yet.
    pub(super) fn empty(consistency: Consistency) -> Self {
        Snapshot {
            consistency,
            stored: None,
            is_current: false,
            write_ids: Vec::new(),
            defined: HashSet::new(),
            applied: HashSet::new(),
            recorded: None,
            answer_key: None,
        }
    }

    /// The stored contact; `None` if there is none, or it was deleted.
    pub(super) fn contact(&self) -> Option<&Contact> {
        self.stored.as_ref().and_then(Stored::contact)
    }

    /// The tags of the new list whose catalogue entries have to be written: those that the contact does not have yet
    /// or that were looked up, and that have no entry. A tag that the contact has can lack its entry if an earlier
    /// call failed between writing the contact and writing the entry.
    pub(super) fn undefined(&self, new: &Tags, looked_up: Option<&Tags>) -> Vec<Tag> {
        let is_known = |tag: &Tag| self.contact().is_some_and(|old| old.tags.contains(tag));
        let is_looked_up = |tag: &Tag| looked_up.is_some_and(|tags| tags.contains(tag));
        let undefined = new.iter().filter(|tag| !self.defined.contains(*tag) && (!is_known(tag) || is_looked_up(tag)));
        undefined.cloned().collect()
    }

    /// Replaces the contact or tombstone by the one in `item`.
    pub(super) fn set_stored(&mut self, item: Item) -> Result<(), Error> {
        let ids = item.get(WRITE_IDS).and_then(|ids| ids.as_l().ok());
        let ids = ids.into_iter().flatten().filter_map(|id| id.as_s().ok());
        self.write_ids = ids.cloned().collect();
        self.is_current = earlier::is_current(&item);
        let key = item.get(ANSWER_KEY).and_then(|key| key.as_b().ok());
        self.answer_key = key.and_then(|key| key.as_ref().try_into().ok());
        self.stored = Some(items::stored(item)?);
        Ok(())
    }

    /// Takes over what the item of a contact that moves here remembers: its writes, so that their writers recognise them,
    /// and the key of the results of calls about it, so that they stay readable, and no other contact's do.
    pub(super) fn take_memory_of(&mut self, other: &Snapshot) {
        self.write_ids.clone_from(&other.write_ids);
        self.answer_key = other.answer_key;
    }

    /// Whether the call with this id has written the contact or deleted it, and its write is still remembered.
    pub(super) fn is_written_by(&self, call: &str) -> bool {
        self.write_ids.iter().any(|id| id.ends_with(call))
    }

    /// The attribute of the contact or tombstone that the call with this id writes over this snapshot.
    pub(super) fn write_ids_with(&self, call: &str) -> AttributeValue {
        let now = Timestamp::now().as_second();
        // Earlier versions stored ids that do not begin with a time, which can look like one in the future.
        let is_recent = |id: &str| {
            let second = id.get(..8).and_then(|second| i64::from_str_radix(second, 16).ok());
            second.is_some_and(|second| now.abs_diff(second) <= WRITE_ID_AGE)
        };
        let mut ids = vec![format!("{now:08x}{call}")];
        ids.extend(self.write_ids.iter().enumerate().filter_map(|(earlier, id)| {
            let is_kept = earlier + 1 < MIN_WRITE_IDS || earlier + 1 < MAX_WRITE_IDS && is_recent(id);
            (is_kept && !id.ends_with(call)).then(|| id.clone())
        }));
        AttributeValue::L(ids.into_iter().map(s).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of remembered writes after one more, if all earlier ones are this many seconds old.
    fn remembered(writes: usize, age: i64) -> usize {
        let mut snapshot = Snapshot::empty(Consistency::Strong);
        let second = Timestamp::now().as_second() - age;
        snapshot.write_ids = (0..writes).map(|n| format!("{second:08x}{n:012x}")).collect();
        let ids = snapshot.write_ids_with("000000ffffff");
        let ids = ids.as_l().unwrap();
        assert!(ids[0].as_s().unwrap().ends_with("000000ffffff"));
        ids.len()
    }

    #[test]
    fn recent_writes_are_remembered() {
        for (writes, age, expected) in
            [(0, 0, 1), (3, 100, 4), (10, 100, 5), (10, 3, 11), (100, 3, 64), (100, 100, 5), (10, -100, 5)]
        {
            assert_eq!(remembered(writes, age), expected, "{writes} writes {age} s ago");
        }
    }

    #[test]
    fn a_call_that_writes_again_is_remembered_once() {
        let mut snapshot = Snapshot::empty(Consistency::Strong);
        snapshot.write_ids = vec!["00000000000000abcdef".into(), "00000000000000000001".into()];
        assert!(snapshot.is_written_by("000000abcdef") && !snapshot.is_written_by("000000abcdee"));
        assert_eq!(snapshot.write_ids_with("000000abcdef").as_l().unwrap().len(), 2);
    }
}
