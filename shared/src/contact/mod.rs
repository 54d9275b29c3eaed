//! What a contact is: its value types and the rules that need no I/O.
//!
//! Values parse into types, by `FromStr` with a [`Flaw`] as the error, and an invalid one can't be
//! held. Everything here is pure; the table keeps it, a function decides about it.

mod consent;
mod email;
mod event;
mod flaw;
mod fold;
mod id;
mod locale;
mod metadata;
mod name;
mod patch;
mod phone;
mod query;
mod state;
mod summary;
mod tag;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use consent::{Consent, Method, Wish};
pub use email::Email;
pub use event::{EventId, EventTime};
pub use flaw::Flaw;
pub use fold::fold;
pub use id::ContactId;
pub use locale::Locale;
pub use metadata::Metadata;
pub use name::Name;
pub use patch::Patch;
pub use phone::Phone;
pub use query::Query;
pub(crate) use query::search_text;
pub use state::{BotStatus, Change, State};
pub use summary::Summary;
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
    pub locale: Option<Locale>,
    /// The caller's own data.
    #[serde(with = "metadata::as_text")]
    pub metadata: Metadata,
    /// Tags, in the order they were given.
    pub tags: Tags,
    /// When the person agreed to be written to.
    pub opted_in_at: Option<Timestamp>,
    /// When the person asked not to be written to, unless they have agreed since.
    pub opted_out_at: Option<Timestamp>,
    /// How the person said so, the last time.
    #[serde(default)]
    pub consent_method: Option<Method>,
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
            consent_method: None,
            last_message_at: None,
            total_messages: 0,
            state: State::default(),
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

impl Contact {
    /// The fields, as clients know them, in which this contact differs from `other`. What they never
    /// see is none: when and how something was said, and how often the contact was written.
    pub(crate) fn differences(&self, other: &Contact) -> Vec<&'static str> {
        // By name, so that a new field has to find its place here.
        let Contact {
            id: _,
            phone,
            name,
            email,
            source,
            locale,
            metadata,
            tags,
            opted_in_at,
            opted_out_at,
            consent_method: _,
            last_message_at,
            total_messages,
            state,
            created_at: _,
            updated_at: _,
            version: _,
        } = self;
        let fields = [
            ("phone", *phone != other.phone),
            ("name", *name != other.name),
            ("email", *email != other.email),
            ("source", *source != other.source),
            ("locale", *locale != other.locale),
            ("metadata", *metadata != other.metadata),
            ("tags", *tags != other.tags),
            ("opted_in_at", *opted_in_at != other.opted_in_at),
            ("opted_out_at", *opted_out_at != other.opted_out_at),
            ("last_message_at", *last_message_at != other.last_message_at),
            ("total_messages", *total_messages != other.total_messages),
            ("bot_status", state.bot_status != other.state.bot_status),
            ("archived", state.archived != other.state.archived),
            ("blocked", state.blocked != other.state.blocked),
            ("active_status", state.active_status != other.state.active_status),
            ("has_unread_messages", state.has_unread_messages != other.state.has_unread_messages),
            ("contact_summary", state.summary != other.state.summary),
            ("contact_summary_updated_at", state.summary_updated_at != other.state.summary_updated_at),
        ];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
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

impl FromStr for Source {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        match text {
            "manual" => Ok(Source::Manual),
            "csv_import" => Ok(Source::CsvImport),
            "shopify" => Ok(Source::Shopify),
            "woocommerce" => Ok(Source::Woocommerce),
            "widget" => Ok(Source::Widget),
            "zapier" => Ok(Source::Zapier),
            "api" => Ok(Source::Api),
            _ => Err(Flaw::NotOneOf(&["manual", "csv_import", "shopify", "woocommerce", "widget", "zapier", "api"])),
        }
    }
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
