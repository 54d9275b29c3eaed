//! Tombstones and redirects: what is kept under the id of a contact that was deleted, or has another id now.

use serde::{Deserialize, Serialize};

use super::consent::{Consent, ConsentStatus};
use super::contact::Contact;
use super::id::ContactId;
use super::time::Timestamp;

/// What is kept of a deleted contact under its key. It contains no personal data: the key is a keyed hash.
///
/// With `moved_to` it is a redirect: the contact was not deleted, its number was changed. A number without a contact is
/// free in both cases, so all other rules are the same.
///
/// It never expires. It is what a writer that has read the contact before finds, so that a late write cannot bring the
/// contact back; the versions of a contact that is created again go on; and an opt-out outlives the contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// When the contact was deleted, or left this id. Events that occurred until then are of that contact.
    pub deleted_at: Timestamp,
    /// When the person opted out; `None` if they had not, or have opted in since. Opt-ins are not remembered.
    pub opted_out_at: Option<Timestamp>,
    /// Continues the versions of the contact.
    pub version: u64,
    /// The id that the contact has now, if its number was changed.
    pub moved_to: Option<ContactId>,
}

/// What is stored under the key of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are contacts, which would need an allocation each")]
pub enum Stored {
    /// A contact.
    Contact(Contact),
    /// The contact was deleted or has another id now, and none has been created with the number again.
    Deleted(Tombstone),
}

impl Tombstone {
    /// The tombstone of a contact that is deleted now.
    pub fn of(contact: &Contact, now: Timestamp) -> Self {
        Tombstone {
            // The clock of this process may be behind that of an earlier deletion.
            deleted_at: contact.predecessor_deleted_at.map_or(now, |before| before.max(now)),
            opted_out_at: contact.opted_out_at,
            version: contact.version + 1,
            moved_to: None,
        }
    }

    /// The redirect under the id of a contact that has another one from now on.
    pub(crate) fn redirect(contact: &Contact, moved_to: ContactId, version: u64, now: Timestamp) -> Self {
        Tombstone { version, moved_to: Some(moved_to), ..Tombstone::of(contact, now) }
    }

    /// Records an opt-out that occurred at this time, also one from before the deletion: its event may arrive late.
    pub fn opt_out(&mut self, occurred_at: Timestamp) {
        self.opted_out_at = self.opted_out_at.max(Some(occurred_at));
    }

    /// Makes a contact that gets the number the successor of the deleted one: it has the remembered opt-out, unless it has
    /// opted in since.
    pub(crate) fn continue_with(&self, contact: &mut Contact) {
        contact.version = contact.version.max(self.version + 1);
        contact.predecessor_deleted_at = contact.predecessor_deleted_at.max(Some(self.deleted_at));
        self.restore_opt_out(contact);
    }

    /// Records the remembered opt-out in a contact that gets the number.
    pub(crate) fn restore_opt_out(&self, contact: &mut Contact) {
        if let Some(occurred_at) = self.opted_out_at {
            Consent { status: ConsentStatus::OptedOut, occurred_at, method: None }.apply(contact);
        }
    }
}

impl Stored {
    /// The contact; `None` if it was deleted.
    pub fn into_contact(self) -> Option<Contact> {
        match self {
            Stored::Contact(contact) => Some(contact),
            Stored::Deleted(_) => None,
        }
    }

    /// The contact; `None` if it was deleted.
    pub fn contact(&self) -> Option<&Contact> {
        match self {
            Stored::Contact(contact) => Some(contact),
            Stored::Deleted(_) => None,
        }
    }

    /// The id that the contact has now, if its number was changed.
    pub fn moved_to(&self) -> Option<ContactId> {
        match self {
            Stored::Contact(_) => None,
            Stored::Deleted(tombstone) => tombstone.moved_to,
        }
    }

    /// The version, which every write increments.
    pub fn version(&self) -> u64 {
        match self {
            Stored::Contact(contact) => contact.version,
            Stored::Deleted(tombstone) => tombstone.version,
        }
    }

    /// Whether the contact was deleted, or got another number, when an event occurred, or later. Such an event is about the deleted contact and
    /// must not change the contact that may have been created since.
    pub fn is_deleted_since(&self, occurred_at: Timestamp) -> bool {
        match self {
            Stored::Contact(contact) => contact.predecessor_deleted_at.is_some_and(|deleted| occurred_at <= deleted),
            Stored::Deleted(tombstone) => occurred_at <= tombstone.deleted_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::model::{ContactId, Source};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn contact() -> Contact {
        let phone = "+14155550123".parse().unwrap();
        Contact::new(ContactId::derive(&Uuid::nil(), &phone), phone, Source::Api, at(0))
    }

    fn consent(status: ConsentStatus, occurred_at: i64) -> Consent {
        Consent { status, occurred_at: at(occurred_at), method: None }
    }

    #[test]
    fn versions_and_deletion_times_never_go_back() {
        let mut first = contact();
        first.version = 7;
        let tombstone = Tombstone::of(&first, at(100));
        assert_eq!((tombstone.version, tombstone.deleted_at), (8, at(100)));
        let mut second = contact();
        tombstone.continue_with(&mut second);
        assert_eq!(second.version, 9);
        let stored = Stored::Contact(second.clone());
        assert!(stored.is_deleted_since(at(100)) && !stored.is_deleted_since(at(101)));
        let again = Tombstone::of(&second, at(50));
        assert_eq!((again.version, again.deleted_at), (10, at(100)));
        assert!(Stored::Deleted(again).is_deleted_since(at(100)));
        assert!(!Stored::Contact(contact()).is_deleted_since(at(0)));
    }

    proptest! {
        /// The last statement decides whether the person may be written to, wherever between the statements the contact
        /// was deleted and created again. An opt-in from before the deletion is forgotten, which cannot reopen consent.
        #[test]
        fn deletion_never_reopens_consent(
            events in prop::collection::vec((any::<bool>(), 1i64..9), 1..8),
            deletion in 0usize..8,
        ) {
            let given = |(out, at): &(bool, i64)| {
                consent(if *out { ConsentStatus::OptedOut } else { ConsentStatus::OptedIn }, *at)
            };
            let (before, after) = events.split_at(deletion.min(events.len()));
            let mut never_deleted = contact();
            events.iter().for_each(|event| given(event).apply(&mut never_deleted));
            let mut first = contact();
            before.iter().for_each(|event| given(event).apply(&mut first));
            let tombstone = Tombstone::of(&first, at(100));
            let mut second = contact();
            after.iter().for_each(|event| given(event).apply(&mut second));
            tombstone.continue_with(&mut second);
            prop_assert!(never_deleted.allows_broadcast() || !second.allows_broadcast());
            if let Some(out_at) = first.opted_out_at
                && after.iter().all(|(out, at)| *out || *at <= out_at.as_second())
            {
                prop_assert!(!second.allows_broadcast());
            }
        }
    }
}
