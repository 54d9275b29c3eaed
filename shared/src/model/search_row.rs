//! Search results.

use serde::{Deserialize, Serialize};

use super::contact::Contact;
use super::email::Email;
use super::id::ContactId;
use super::name::Name;
use super::phone::Phone;
use super::source::Source;
use super::state::{BotStatus, is_default};
use super::tag::Tags;
use super::time::Timestamp;

/// The part of a contact that every row of the tag index holds: what search results show and what searches filter by.
/// Fields that are `None` or have their default value are omitted from stored items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of `Contact`")]
pub struct SearchRow {
    pub id: ContactId,
    pub phone: Phone,
    pub name: Option<Name>,
    pub email: Option<Email>,
    pub source: Source,
    pub tags: Tags,
    pub last_message_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub opted_out_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub bot_status: BotStatus,
    #[serde(default, skip_serializing_if = "is_default")]
    pub archived: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub blocked: bool,
}

impl From<&Contact> for SearchRow {
    fn from(contact: &Contact) -> Self {
        SearchRow {
            id: contact.id,
            phone: contact.phone.clone(),
            name: contact.name.clone(),
            email: contact.email.clone(),
            source: contact.source,
            tags: contact.tags.clone(),
            last_message_at: contact.last_message_at,
            created_at: contact.created_at,
            opted_out_at: contact.opted_out_at,
            bot_status: contact.state.bot_status,
            archived: contact.state.archived,
            blocked: contact.state.blocked,
        }
    }
}

impl SearchRow {
    /// The names of the attributes, for reading only these.
    pub(crate) const FIELDS: [&str; 12] = [
        "id",
        "phone",
        "name",
        "email",
        "source",
        "tags",
        "last_message_at",
        "created_at",
        "opted_out_at",
        "bot_status",
        "archived",
        "blocked",
    ];

    /// The contact's position in the order of search results.
    pub(crate) fn position(&self) -> Position {
        let active_at = self.last_message_at.unwrap_or(self.created_at);
        Position { has_message: self.last_message_at.is_some(), active_at, id: self.id }
    }
}

/// A contact's position in the order of search results, which are read in descending order: contacts that have a message
/// come first, by the time of the latest one; the others follow, by the time they were created. Contacts with the same time
/// are in descending order of their ids. There need not be a contact at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    has_message: bool,
    active_at: Timestamp,
    id: ContactId,
}

impl Position {
    /// The first part of the index's sort key, in front of the id: `1#` and the time of the latest message, or `0#` and the
    /// time of creation. Sorts as the position does.
    pub(crate) fn active_at(&self) -> String {
        format!("{}#{}", u8::from(self.has_message), self.active_at)
    }

    /// The position with this sort key. `None` if the first part is not what [`active_at`](Self::active_at) writes.
    pub(crate) fn parse(active_at: &str, id: ContactId) -> Option<Self> {
        let (kind, time) = active_at.split_once('#')?;
        let has_message = match kind {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        Some(Position { has_message, active_at: time.parse().ok()?, id })
    }

    /// The contact's id.
    pub(crate) fn id(&self) -> ContactId {
        self.id
    }

    /// The position as 25 bytes: whether there is a message, the second since 1970, the id.
    pub(crate) fn bytes(&self) -> [u8; 25] {
        let mut bytes = [0; 25];
        bytes[0] = self.has_message.into();
        bytes[1..9].copy_from_slice(&self.active_at.as_second().to_be_bytes());
        bytes[9..].copy_from_slice(&self.id.bytes());
        bytes
    }

    /// The position with these bytes. `None` if [`bytes`](Self::bytes) does not make such ones.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (second, id) = rest.split_first_chunk()?;
        let active_at = Timestamp::from_second(i64::from_be_bytes(*second)).ok()?;
        Some(Position { has_message: *kind != 0, active_at, id: ContactId::from_bytes(id.try_into().ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_listed_fields_are_those_of_the_row() {
        let phone: Phone = "+14155550123".parse().unwrap();
        let contact = Contact::new(ContactId::derive(&Uuid::nil(), &phone), phone, Source::Api, Timestamp::now());
        // Default values are left out of the serialized row.
        let row =
            SearchRow { bot_status: BotStatus::Paused, archived: true, blocked: true, ..SearchRow::from(&contact) };
        let row = serde_json::to_value(row).unwrap();
        let fields: BTreeSet<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, BTreeSet::from(SearchRow::FIELDS));
    }

    fn any_position() -> impl Strategy<Value = Position> {
        // Few ids and times, so that many are equal, and times of every number of digits.
        let second = prop_oneof![0i64..3, 1_770_000_000i64..1_770_000_003, Just(253_402_207_200)];
        (any::<bool>(), second, prop_oneof![0..3u128, any::<u128>()]).prop_map(|(has_message, second, id)| {
            let active_at = Timestamp::from_second(second).unwrap();
            Position { has_message, active_at, id: ContactId::from_bytes(id.to_be_bytes()) }
        })
    }

    proptest! {
        /// DynamoDB compares the bytes of the two texts of the sort key.
        #[test]
        fn positions_sort_as_the_keys_of_the_index(a in any_position(), b in any_position()) {
            let key = |position: Position| (position.active_at(), position.id().to_string());
            prop_assert_eq!(a.cmp(&b), key(a).cmp(&key(b)));
        }

        #[test]
        fn positions_are_read_back(position in any_position()) {
            prop_assert_eq!(Position::from_bytes(&position.bytes()), Some(position));
            prop_assert_eq!(Position::parse(&position.active_at(), position.id()), Some(position));
        }
    }
}
