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

    /// The sort key of search results, read in descending order: contacts that have a message come
    /// first, by the time of the latest one; the others follow, by the time they were created.
    pub(crate) fn active_at(&self) -> String {
        match self.last_message_at {
            Some(time) => format!("1#{time}"),
            None => format!("0#{}", self.created_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
}
