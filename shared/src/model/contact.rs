//! The contact.

use serde::{Deserialize, Serialize};

use super::consent_method::ConsentMethod;
use super::email::Email;
use super::id::ContactId;
use super::locale::Locale;
use super::metadata::{self, Metadata};
use super::name::Name;
use super::phone::Phone;
use super::source::Source;
use super::state::State;
use super::tag::Tags;
use super::time::Timestamp;

/// A person whom a tenant exchanges messages with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Derived from the tenant's namespace and the phone number; changes only with the number.
    pub id: ContactId,
    /// The phone number as first given, without separators. Later calls may use another spelling of it; the stored one
    /// stays, until the number is changed.
    pub phone: Phone,
    /// Display name, at most 255 characters.
    pub name: Option<Name>,
    /// Email address in the spelling it was given in.
    pub email: Option<Email>,
    /// How the contact was created; never changes.
    pub source: Source,
    /// The person's language, for example `fr` or `pt-BR`.
    pub locale: Option<Locale>,
    /// A JSON object that belongs to the API client, at most 65,536 bytes.
    #[serde(with = "metadata::as_text")]
    pub metadata: Metadata,
    /// At most 45 tags, in the order they were given.
    pub tags: Tags,
    /// When the person last opted in.
    pub opted_in_at: Option<Timestamp>,
    /// When the person last opted out; `None` after a later opt-in.
    pub opted_out_at: Option<Timestamp>,
    /// How the person last gave or withdrew consent.
    #[serde(default)]
    pub consent_method: Option<ConsentMethod>,
    /// When the latest message was sent or received.
    pub last_message_at: Option<Timestamp>,
    /// How many messages were sent and received in total.
    pub total_messages: u64,
    /// The state of the conversation.
    #[serde(flatten)]
    pub state: State,
    /// When an earlier contact with this number was deleted or got another number, if one did. Events that occurred until
    /// then are about that one and change nothing.
    #[serde(default)]
    pub predecessor_deleted_at: Option<Timestamp>,
    /// The ids of the contact before its number was changed, the latest first; at most [`MAX_FORMER_IDS`](Self::MAX_FORMER_IDS).
    /// Each leads to the contact, unless another one has been created with its number since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_ids: Vec<ContactId>,
    /// When the contact was created; never changes.
    pub created_at: Timestamp,
    /// When a field that clients can see last changed.
    pub updated_at: Timestamp,
    /// Incremented by every write, also by a deletion; 1 when there has never been a contact with this number. The
    /// condition of every update (optimistic locking); the first create requires that the contact is absent.
    pub version: u64,
}

impl Contact {
    /// How many former ids lead to a contact. A change of the number of a contact with 45 tags and this many former ids
    /// takes 99 of the 100 writes of a transaction.
    pub const MAX_FORMER_IDS: usize = 5;

    /// A new contact of which only the phone number is known.
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
            predecessor_deleted_at: None,
            former_ids: Vec::new(),
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// Whether the contact may receive broadcasts: true unless the person opted out.
    pub fn allows_broadcast(&self) -> bool {
        self.opted_out_at.is_none()
    }

    /// The names of the fields, as clients know them, in which this contact differs from `other`.
    /// Left out are fields that no endpoint exposes (event times, consent method, an earlier deletion,
    /// former ids, version), and
    /// `id`, `created_at` and `updated_at`.
    pub fn differences(&self, other: &Contact) -> Vec<&'static str> {
        // Destructured by name, so that adding a field without deciding about it here fails to compile.
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
            predecessor_deleted_at: _,
            former_ids: _,
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
