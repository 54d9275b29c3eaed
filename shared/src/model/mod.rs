//! The model: what a contact and a tenant are, as value types and pure rules. No I/O.
//!
//! Value types are created by parsing, most of them with `FromStr` and a [`Violation`] as the error, so an
//! invalid value cannot be held. Text values read back from the table are parsed again.
//!
//! This module must not know how contacts are stored, who is calling, or how requests arrive.
//! Start reading at [`Contact`].

mod consent;
mod consent_method;
mod contact;
mod contact_key;
mod cursor;
mod email;
mod event;
mod fold;
mod id;
mod locale;
mod metadata;
mod name;
mod patch;
mod phone;
mod query;
mod search_row;
mod slug;
mod source;
mod state;
mod state_change;
mod summary;
mod tag;
mod tenant;
mod time;
mod tombstone;
mod violation;

pub use consent::{Consent, ConsentStatus};
pub use consent_method::ConsentMethod;
pub use contact::Contact;
pub use contact_key::ContactKey;
pub use cursor::Cursor;
pub(crate) use cursor::CursorKey;
pub use email::Email;
pub use event::{EventId, EventTime};
pub use fold::fold;
pub use id::ContactId;
pub use locale::Locale;
pub use metadata::Metadata;
pub use name::Name;
pub use patch::Patch;
pub use phone::Phone;
pub use query::SearchQuery;
pub(crate) use query::{email_line, search_text};
pub use search_row::{Position, SearchRow};
pub use slug::Slug;
pub use source::Source;
pub use state::{BotStatus, State};
pub use state_change::StateChange;
pub use summary::Summary;
pub use tag::{Tag, TagDefinition, Tags};
pub(crate) use tenant::StoredTenant;
pub use tenant::{Tenant, TenantId, TenantRecord};
pub use time::{Timestamp, Zulu};
pub use tombstone::{Stored, Tombstone};
pub use violation::{Violation, trim};
