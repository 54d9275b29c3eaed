//! Events: what a change of a contact amounts to.

use serde::Serialize;
use uuid::Uuid;

use crate::access::TenantId;
use crate::contact::{BotStatus, Contact, ContactId, Email, Locale, Metadata, Name, Phone, Source, Summary, Tag, Tags};
use crate::table::Change;
use crate::time::Timestamp;

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Created,
    Updated,
    Tagged,
    Untagged,
    OptedIn,
    OptedOut,
    Deleted,
}

impl Kind {
    /// The detail type on the bus.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Created => "contact.created",
            Kind::Updated => "contact.updated",
            Kind::Tagged => "contact.tagged",
            Kind::Untagged => "contact.untagged",
            Kind::OptedIn => "contact.opted_in",
            Kind::OptedOut => "contact.opted_out",
            Kind::Deleted => "contact.deleted",
        }
    }
}

/// How much an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Ids and the names of fields.
    Names,
    /// The contact as well, and the tag.
    Contact,
}

/// Something that has happened to a contact; its serialized form is the detail on the bus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// What has happened.
    #[serde(skip)]
    pub kind: Kind,
    /// The same for the same event, however often it is published.
    pub event_id: Uuid,
    /// Whose contact it is.
    pub tenant_id: TenantId,
    /// Whom it has happened to.
    pub contact_id: ContactId,
    /// The version of the contact that it led to: a consumer can tell which of two is later. Some are
    /// never told of: not every change can be seen.
    pub version: u64,
    /// When.
    pub time: Timestamp,
    /// The fields that are others now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<&'static str>,
    /// The tag's id, as list-tags shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag_id: Option<Uuid>,
    /// The tag; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// The contact as it is now, of one that was made or changed; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Snapshot>,
}

/// A contact with all that clients can see of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    pub id: ContactId,
    pub phone: Phone,
    pub name: Option<Name>,
    pub email: Option<Email>,
    pub source: Source,
    pub locale: Option<Locale>,
    pub metadata: Metadata,
    pub tags: Tags,
    pub opted_in_at: Option<Timestamp>,
    pub opted_out_at: Option<Timestamp>,
    pub last_message_at: Option<Timestamp>,
    pub total_messages: u64,
    pub bot_status: BotStatus,
    pub archived: bool,
    pub blocked: bool,
    pub active_status: bool,
    pub has_unread_messages: bool,
    pub contact_summary: Option<Summary>,
    pub contact_summary_updated_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl From<&Contact> for Snapshot {
    fn from(contact: &Contact) -> Self {
        let state = &contact.state;
        Snapshot {
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

/// What a change amounts to, in the order it is told; nothing where no client can see it.
///
/// `tag_id` gives the id of a tag, where it is known.
pub fn events(change: &Change, detail: Detail, tag_id: impl Fn(&Tag) -> Option<Uuid>) -> Vec<Event> {
    let (Some(contact), old) = (change.new.as_ref().or(change.old.as_ref()), change.old.as_ref()) else {
        return Vec::new();
    };
    let event = |kind: Kind, tag: Option<&Tag>| {
        let tag_id = tag.and_then(&tag_id);
        // Not the tag itself: it could be guessed, and the guess checked. When it was made tells this
        // contact from an earlier one of the same person.
        let place = tag.and_then(|tag| contact.tags.iter().position(|known| known == tag));
        let of_tag = tag_id.map(|id| id.to_string()).or(place.map(|place| place.to_string())).unwrap_or_default();
        let name = format!("{}#{}#{}#{of_tag}", kind.name(), contact.created_at, contact.version);
        let tells_all = detail == Detail::Contact && matches!(kind, Kind::Created | Kind::Updated);
        Event {
            kind,
            event_id: contact.id.event_id(&name),
            tenant_id: change.tenant_id,
            contact_id: contact.id,
            version: contact.version,
            time: contact.updated_at,
            changed: Vec::new(),
            tag_id,
            tag: tag.filter(|_| detail == Detail::Contact).cloned(),
            contact: tells_all.then(|| Snapshot::from(contact)),
        }
    };
    let Some(new) = &change.new else {
        // Later than all that was told of it.
        let deleted = event(Kind::Deleted, None);
        return vec![Event { version: deleted.version + 1, time: change.at.unwrap_or(deleted.time), ..deleted }];
    };

    let mut events = Vec::new();
    let mut changed = old.map(|old| new.differences(old)).unwrap_or_default();
    let none = Tags::default();
    let had = old.map_or(&none, |old| &old.tags);
    let tagged = new.tags.iter().filter(|tag| !had.contains(tag)).map(|tag| event(Kind::Tagged, Some(tag)));
    let untagged = had.iter().filter(|tag| !new.tags.contains(tag)).map(|tag| event(Kind::Untagged, Some(tag)));
    let of_tags: Vec<Event> = untagged.chain(tagged).collect();
    let wish = match (old, new.opted_in_at, new.opted_out_at) {
        (Some(old), _, Some(out_at)) if old.opted_out_at != Some(out_at) => Some(Kind::OptedOut),
        (Some(old), in_at, None) if in_at.is_some() && (old.opted_in_at != in_at || old.opted_out_at.is_some()) => {
            Some(Kind::OptedIn)
        }
        (None, _, Some(_)) => Some(Kind::OptedOut),
        (None, Some(_), None) => Some(Kind::OptedIn),
        _ => None,
    };
    // What has an event of its own is not told twice.
    changed.retain(|field| match *field {
        "tags" => of_tags.is_empty(),
        "opted_in_at" | "opted_out_at" => wish.is_none(),
        _ => true,
    });
    if old.is_none() {
        events.push(event(Kind::Created, None));
    } else if !changed.is_empty() {
        events.push(Event { changed, ..event(Kind::Updated, None) });
    }
    events.extend(of_tags);
    events.extend(wish.map(|wish| event(wish, None)));
    events
}
