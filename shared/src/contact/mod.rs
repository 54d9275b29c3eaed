//! What a contact is: its value types and the rules that need no I/O.
//!
//! Values parse into types, by `FromStr` with a [`Flaw`] as the error, and an invalid one can't be
//! held. Everything here is pure; the table keeps it, a function decides about it.

mod email;
mod flaw;
mod fold;
mod id;
mod metadata;
mod name;
mod patch;
mod phone;
mod query;
mod state;
mod tag;

use serde::{Deserialize, Serialize};

pub use email::Email;
pub use flaw::Flaw;
pub use fold::fold;
pub use id::ContactId;
pub use metadata::Metadata;
pub use name::Name;
pub use patch::Patch;
pub use phone::Phone;
pub use query::Query;
pub(crate) use query::search_text;
pub use state::{BotStatus, State};
pub use tag::{Tag, TagDefinition, Tags};

use crate::time::Timestamp;

/// A person a tenant talks to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Derived from tenant and phone; never changes.
    pub id: ContactId,
    /// As first given; never rewritten, whichever spelling later calls use.
    pub phone: Phone,
    /// Display name.
    pub name: Option<Name>,
    /// Address, as given.
    pub email: Option<Email>,
    /// Where the contact came from; never changes.
    pub source: Source,
    /// Language the person speaks, for example `fr`.
    pub locale: Option<String>,
    /// The caller's own data.
    #[serde(with = "metadata::as_text")]
    pub metadata: Metadata,
    /// Tags, in the order they were given.
    pub tags: Tags,
    /// When the person agreed to be written to.
    pub opted_in_at: Option<Timestamp>,
    /// When the person asked not to be written to.
    pub opted_out_at: Option<Timestamp>,
    /// The latest message in either direction.
    pub last_message_at: Option<Timestamp>,
    /// How many messages, in both directions, ever.
    pub total_messages: u64,
    /// How the conversation stands.
    #[serde(default, skip_serializing_if = "state::is_default")]
    pub state: State,
    /// When the contact was made; never changes.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// How often it has been written: 1 when new. The condition of every write.
    pub version: u64,
}

impl Contact {
    /// A contact of which only the phone is known.
    pub fn new(id: ContactId, phone: Phone, source: Source, now: Timestamp) -> Self {
        Contact {
            id,
            phone,
            name: None,
            email: None,
            source,
            locale: None,
            metadata: Metadata::default(),
            tags: Tags::default(),
            opted_in_at: None,
            opted_out_at: None,
            last_message_at: None,
            total_messages: 0,
            state: State::default(),
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// Whether the person may be written to without having asked: unless they asked not to be, and
    /// have not agreed since.
    pub fn allows_broadcast(&self) -> bool {
        match (self.opted_in_at, self.opted_out_at) {
            (_, None) => true,
            (Some(in_at), Some(out_at)) => in_at > out_at,
            (None, Some(_)) => false,
        }
    }
}

/// Where a contact came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Source {
    Manual,
    CsvImport,
    Shopify,
    Woocommerce,
    Widget,
    Zapier,
    Api,
}

/// What search shows of a contact, and what every index row of it holds.
///
/// In the order of the contract, so that it is its own answer.
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
        }
    }
}

impl SearchRow {
    /// Where the contact stands among the tenant's, most recently active first when read backwards:
    /// those with a message by its time, after them the others by their creation.
    pub(crate) fn active_at(&self) -> String {
        match self.last_message_at {
            Some(time) => format!("1#{time}"),
            None => format!("0#{}", self.created_at),
        }
    }
}
