//! How a call names a contact.

use super::id::ContactId;
use super::time::Timestamp;
use super::tombstone::Stored;

/// The contact that a call names: by its id, or by a number.
///
/// The two differ after the contact's number was changed, which gives it another id. An id also names a contact that
/// had it before. A number names only the contact that has it now; if a contact is created with it again, that contact has
/// the id that belongs to the number.
///
/// ```
/// # use contacts::model::{ContactId, ContactKey};
/// # let id: ContactId = "8c1d5f5e-3b0a-5c8e-9d5a-0a1b2c3d4e5f".parse()?;
/// assert_eq!(ContactKey::from(id), ContactKey::Id(id));
/// # Ok::<(), contacts::model::Violation>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactKey {
    /// The contact that has this id, or had it before its number was changed.
    Id(ContactId),
    /// The contact that has the number of this id.
    Number(ContactId),
    /// The contact that had the number of this id when an event occurred, as far as is known.
    NumberAt(ContactId, Timestamp),
}

impl ContactKey {
    /// The id, under whose key the contact is looked up first.
    pub fn id(self) -> ContactId {
        match self {
            ContactKey::Id(id) | ContactKey::Number(id) | ContactKey::NumberAt(id, _) => id,
        }
    }

    /// The same contact at the time of an event: a number names who had it then.
    pub fn at(self, occurred_at: Timestamp) -> Self {
        match self {
            ContactKey::Number(id) => ContactKey::NumberAt(id, occurred_at),
            key => key,
        }
    }

    /// The key to look up instead, if what is stored says that the contact has another id now.
    pub(crate) fn redirected(self, stored: &Stored) -> Option<Self> {
        let Stored::Deleted(left) = stored else { return None };
        let is_followed = match self {
            ContactKey::Id(_) => true,
            ContactKey::Number(_) => false,
            ContactKey::NumberAt(_, occurred_at) => occurred_at <= left.deleted_at,
        };
        left.moved_to.filter(|_| is_followed).map(ContactKey::Id)
    }
}

impl From<ContactId> for ContactKey {
    fn from(id: ContactId) -> Self {
        ContactKey::Id(id)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::Tombstone;

    #[test]
    fn ids_are_followed_always_and_numbers_until_the_contact_left_them() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let id = |phone: &str| ContactId::derive(&Uuid::nil(), &phone.parse().unwrap());
        let (from, to) = (id("+14155550123"), id("+14155550124"));
        let redirect = Tombstone { deleted_at: at(100), opted_out_at: None, version: 2, moved_to: Some(to) };
        let (redirect, deleted) =
            (Stored::Deleted(redirect.clone()), Stored::Deleted(Tombstone { moved_to: None, ..redirect }));
        for (key, expected) in [
            (ContactKey::Id(from), Some(ContactKey::Id(to))),
            (ContactKey::Id(from).at(at(200)), Some(ContactKey::Id(to))),
            (ContactKey::Number(from), None),
            (ContactKey::Number(from).at(at(100)), Some(ContactKey::Id(to))),
            (ContactKey::Number(from).at(at(101)), None),
        ] {
            assert_eq!((key.redirected(&redirect), key.id()), (expected, from), "{key:?}");
            assert_eq!(key.redirected(&deleted), None, "{key:?}");
        }
    }
}
