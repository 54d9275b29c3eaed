//! Change events: which events a change of a contact amounts to, and what they contain.
//!
//! | detail type | when | contains |
//! |---|---|---|
//! | `contact.created` | a contact was created | |
//! | `contact.updated` | a field that clients can see changed; tags and consent only if the change has no event of their own | the names of the fields |
//! | `contact.tagged`, `contact.untagged` | tags were added or removed | the ids of the tags |
//! | `contact.opted_in`, `contact.opted_out` | the person gave or withdrew consent | |
//! | `contact.deleted` | the contact was deleted, which leaves a tombstone; or its item was removed from the table | |
//!
//! A change of the number gives a contact another id: one `contact.updated` with the new id in `contact_id`, the old one in
//! `previous_id`, and the next version.
//!
//! Every event contains tenant, contact, version, time and an `event_id` that stays the same when the
//! event is redelivered. Personal data (the contact, the tags) is contained only with
//! [`EventDetail::Contact`]. A change that no endpoint exposes publishes nothing.

use std::borrow::Cow;

use contacts::model::{
    BotStatus, Contact, ContactId, Email, Locale, Metadata, Name, Phone, Source, Summary, Tag, Tags, TenantId,
    Timestamp,
};
use contacts::store::ContactChange;
use serde::Serialize;
use uuid::Uuid;

use crate::config::EventDetail;

/// The kind of a change event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventKind {
    Created,
    Updated,
    Tagged,
    Untagged,
    OptedIn,
    OptedOut,
    Deleted,
}

impl EventKind {
    /// The detail type of the event.
    pub(super) fn detail_type(self) -> &'static str {
        match self {
            EventKind::Created => "contact.created",
            EventKind::Updated => "contact.updated",
            EventKind::Tagged => "contact.tagged",
            EventKind::Untagged => "contact.untagged",
            EventKind::OptedIn => "contact.opted_in",
            EventKind::OptedOut => "contact.opted_out",
            EventKind::Deleted => "contact.deleted",
        }
    }
}

/// A change event. Its serialized form is the `detail` of the event on the bus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ChangeEvent {
    /// The kind, which becomes the detail type.
    #[serde(skip)]
    pub(super) kind: EventKind,
    /// Stays the same when the event is redelivered.
    pub(super) event_id: Uuid,
    /// The contact's tenant.
    pub(super) tenant_id: TenantId,
    /// The contact.
    pub(super) contact_id: ContactId,
    /// The id that the contact had until this change of its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous_id: Option<ContactId>,
    /// The contact's version after the change. It orders the changes of a contact, also over a deletion: events of one
    /// change share it, and some versions publish nothing. It starts at 1, and again only if the item itself was removed
    /// from the table.
    pub(super) version: u64,
    /// When the contact changed.
    pub(super) time: Timestamp,
    /// The names of the changed fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) changed: Vec<Cow<'static, str>>,
    /// The ids of the tags, as list-tags shows them. Empty if the tenant has been deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tag_ids: Vec<Uuid>,
    /// The tags; only with [`EventDetail::Contact`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<Tag>,
    /// The contact after a creation or update; only with [`EventDetail::Contact`], and only if its metadata is
    /// [portable](Metadata::is_portable).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) contact: Option<ContactSnapshot>,
}

/// A contact with the fields that clients can see; `updated_at` is the event's `time`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ContactSnapshot {
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
    bot_status: BotStatus,
    archived: bool,
    blocked: bool,
    active_status: bool,
    has_unread_messages: bool,
    contact_summary: Option<Summary>,
    contact_summary_updated_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl ChangeEvent {
    /// The event without the contact and the tags, as [`EventDetail::Names`] makes it; `None` if it has neither.
    pub(super) fn without_personal_data(&self) -> Option<ChangeEvent> {
        let has_personal_data = self.contact.is_some() || !self.tags.is_empty();
        has_personal_data.then(|| ChangeEvent { contact: None, tags: Vec::new(), ..self.clone() })
    }
}

impl From<&Contact> for ContactSnapshot {
    fn from(contact: &Contact) -> Self {
        let state = &contact.state;
        ContactSnapshot {
            id: contact.id,
            phone: contact.phone.clone(),
            name: contact.name.clone(),
            email: contact.email.clone(),
            source: contact.source,
            locale: contact.locale.clone(),
            metadata: contact.metadata.clone(),
            tags: contact.tags.clone(),
            opted_in_at: contact.opted_in_at,
            opted_out_at: contact.opted_out_at,
            last_message_at: contact.last_message_at,
            total_messages: contact.total_messages,
            bot_status: state.bot_status,
            archived: state.archived,
            blocked: state.blocked,
            active_status: state.active_status,
            has_unread_messages: state.has_unread_messages,
            contact_summary: state.summary.clone(),
            contact_summary_updated_at: state.summary_updated_at,
            created_at: contact.created_at,
        }
    }
}

/// The events of a change: created or updated, then untagged, tagged, and consent. Empty for a change that no
/// endpoint exposes. `tag_id` returns the id of a tag, if the tenant is known.
pub(super) fn change_events(
    change: &ContactChange,
    detail: EventDetail,
    tag_id: impl Fn(&Tag) -> Option<Uuid>,
) -> Vec<ChangeEvent> {
    let (Some(contact), old) = (change.new.as_ref().or(change.old.as_ref()), change.old.as_ref()) else {
        return Vec::new();
    };
    let event = |kind: EventKind| {
        // A change has at most one event of each kind. The creation time distinguishes the contact from an
        // earlier, deleted one.
        let name = format!("{}#{}#{}", kind.detail_type(), contact.created_at, contact.version);
        // EventBridge, or a subscriber, could not parse the event.
        let includes_contact = detail == EventDetail::Contact
            && matches!(kind, EventKind::Created | EventKind::Updated)
            && contact.metadata.is_portable();
        ChangeEvent {
            kind,
            event_id: contact.id.event_id(&name),
            tenant_id: change.tenant_id,
            contact_id: contact.id,
            previous_id: None,
            version: contact.version,
            time: contact.updated_at,
            changed: Vec::new(),
            tag_ids: Vec::new(),
            tags: Vec::new(),
            contact: includes_contact.then(|| ContactSnapshot::from(contact)),
        }
    };
    let tag_event = |kind: EventKind, tags: Vec<&Tag>| {
        let tag_ids = tags.iter().filter_map(|tag| tag_id(tag)).collect();
        let shown = tags.iter().filter(|_| detail == EventDetail::Contact).map(|tag| (*tag).clone()).collect();
        (!tags.is_empty()).then(|| ChangeEvent { tag_ids, tags: shown, ..event(kind) })
    };
    let Some(new) = &change.new else {
        // The tombstone has this version. A removed item has none, but its removal is later than every version of it.
        let deleted = event(EventKind::Deleted);
        return vec![ChangeEvent {
            version: deleted.version + 1,
            time: change.changed_at.unwrap_or(deleted.time),
            ..deleted
        }];
    };

    let mut events = Vec::new();
    let moved = change.moved.as_ref();
    let changed = old.map(|old| new.differences(old)).unwrap_or_default().into_iter().map(Cow::Borrowed);
    let mut changed: Vec<Cow<'static, str>> =
        changed.chain(moved.into_iter().flat_map(|moved| moved.fields.iter().cloned().map(Cow::Owned))).collect();
    let none = Tags::default();
    // A move leaves the tags as they are.
    let had = if moved.is_some() { &new.tags } else { old.map_or(&none, |old| &old.tags) };
    let tagged = new.tags.iter().filter(|tag| !had.contains(tag)).collect();
    let untagged = had.iter().filter(|tag| !new.tags.contains(tag)).collect();
    let tag_events = [tag_event(EventKind::Untagged, untagged), tag_event(EventKind::Tagged, tagged)];
    let tag_events: Vec<ChangeEvent> = tag_events.into_iter().flatten().collect();
    let is_changed = |field: &str| changed.iter().any(|changed| changed == field);
    let is_new = old.is_none() && moved.is_none();
    let consent = match (new.opted_in_at, new.opted_out_at) {
        (_, Some(_)) if is_new || is_changed("opted_out_at") => Some(EventKind::OptedOut),
        (Some(_), None) if is_new || is_changed("opted_in_at") || is_changed("opted_out_at") => {
            Some(EventKind::OptedIn)
        }
        _ => None,
    };
    // Tags and consent have events of their own.
    changed.retain(|field| match &**field {
        "tags" => tag_events.is_empty(),
        "opted_in_at" | "opted_out_at" => consent.is_none(),
        _ => true,
    });
    if is_new {
        events.push(event(EventKind::Created));
    } else if !changed.is_empty() || moved.is_some() {
        let previous_id = moved.map(|moved| moved.from);
        events.push(ChangeEvent { changed, previous_id, ..event(EventKind::Updated) });
    }
    events.extend(tag_events);
    events.extend(consent.map(event));
    events
}
