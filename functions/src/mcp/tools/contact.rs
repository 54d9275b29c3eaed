//! A contact as the tools show it.

use contacts::model::{Contact, ContactId, Email, Locale, Metadata, Name, Phone, Source, Tags, Timestamp};
use contacts::store::Outcome;
use serde::Serialize;

/// All that get-contact shows, when the contact was changed, and what the call did to it, if it can change one.
#[derive(Serialize)]
pub(super) struct ContactView {
    id: ContactId,
    phone: Phone,
    name: Option<Name>,
    email: Option<Email>,
    source: Source,
    locale: Option<Locale>,
    metadata: Metadata,
    tags: Tags,
    opted_in_at: Option<Timestamp>,
    opted_out_at: Option<Timestamp>,
    last_message_at: Option<Timestamp>,
    total_messages: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
}

impl ContactView {
    /// A contact that was read.
    pub(super) fn read(contact: Contact) -> Self {
        ContactView {
            id: contact.id,
            phone: contact.phone,
            name: contact.name,
            email: contact.email,
            source: contact.source,
            locale: contact.locale,
            metadata: contact.metadata,
            tags: contact.tags,
            opted_in_at: contact.opted_in_at,
            opted_out_at: contact.opted_out_at,
            last_message_at: contact.last_message_at,
            total_messages: contact.total_messages,
            created_at: contact.created_at,
            updated_at: contact.updated_at,
            outcome: None,
        }
    }

    /// A contact after a call that can change it.
    pub(super) fn written((contact, outcome): (Contact, Outcome)) -> Self {
        ContactView { outcome: Some(outcome.name()), ..ContactView::read(contact) }
    }
}
