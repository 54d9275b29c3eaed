//! Items: the layout of contacts, memberships, tag catalogue entries and applied events.
//!
//! Every index attribute is computed here from the whole contact, so the indexes always agree with it.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::earlier;
use super::error::Error;
use super::keys::{
    self, ACTIVE_AT, DELETED_AT, EMAIL_KEY, EXPIRES_AT, ID, Item, Label, MOVED_FIELDS, MOVED_FROM, PHONE_KEY,
    SEARCH_TEXT, TAG, WRITE_IDS, s,
};
use crate::model::{
    Contact, ContactId, Email, EventId, Name, SearchRow, Stored, Tag, TagDefinition, Tenant, Timestamp, Tombstone,
    fold, search_text,
};

/// How long an applied event is recorded, in seconds: longer than a queue and then a dead-letter queue
/// keep a message (14 days each).
const EVENT_TTL: i64 = 31 * 86_400;

/// The attributes of a value. `None` fields are omitted.
pub(super) fn attributes<T: Serialize>(value: &T) -> Result<Item, Error> {
    let mut item: Item = serde_dynamo::to_item(value)
        .map_err(|error| Error::Internal(format!("an item could not be serialized: {error}")))?;
    item.retain(|_, value| !matches!(value, AttributeValue::Null(_)));
    Ok(item)
}

/// The value stored in an item, in today's layout or an earlier one. Attributes that the type does not have are ignored.
pub(super) fn read<T: DeserializeOwned>(item: impl Into<serde_dynamo::Item>) -> Result<T, Error> {
    let mut item = item.into();
    earlier::convert(&mut item);
    // The deserializer's message is left out, because it may quote a value.
    let unreadable = |_| Error::Unreadable(format!("an item could not be read as {}", std::any::type_name::<T>()));
    serde_dynamo::from_item(item).map_err(unreadable)
}

/// The contact, tombstone or redirect in an item under the key of a contact.
pub(super) fn stored(item: impl Into<serde_dynamo::Item>) -> Result<Stored, Error> {
    let item = item.into();
    if item.contains_key(DELETED_AT) { read(item).map(Stored::Deleted) } else { read(item).map(Stored::Contact) }
}

/// The value stored in an item of a list. `None` for a tombstone or a redirect, and for an item that cannot be
/// read, whose id is logged: one broken item must not hide all others.
pub(super) fn read_or_skip<T: DeserializeOwned>(item: Item) -> Option<T> {
    if item.contains_key(DELETED_AT) {
        return None;
    }
    let id = item.get(ID).cloned();
    let skip = |error: &Error| {
        let id = id.as_ref().and_then(|id| id.as_s().ok());
        tracing::error!(%error, id, "an item was skipped");
    };
    read(item).inspect_err(skip).ok()
}

/// The item of a contact, with the ids of its last writes.
pub(super) fn contact(tenant: &Tenant, contact: &Contact, write_ids: AttributeValue) -> Result<Item, Error> {
    let mut item = attributes(contact)?;
    item.extend(order_and_text(&SearchRow::from(contact)));
    item.extend(keys::contact(tenant, contact.id));
    item.insert(TAG.to_owned(), s(Label::AllContacts.text()));
    item.insert(WRITE_IDS.to_owned(), write_ids);
    item.insert(PHONE_KEY.to_owned(), s(contact.phone.as_str()));
    if let Some(email) = &contact.email {
        item.insert(EMAIL_KEY.to_owned(), s(email.key()));
    }
    Ok(item)
}

/// The attributes that all memberships of a contact share: its search row and its index attributes.
pub(super) fn search_row(contact: &Contact) -> Result<Item, Error> {
    let row = SearchRow::from(contact);
    let mut item = attributes(&row)?;
    item.extend(order_and_text(&row));
    Ok(item)
}

/// The item that lists a contact's search row under a label.
pub(super) fn membership(tenant: &Tenant, id: ContactId, search_row: &Item, label: Label<'_>) -> Item {
    let mut item = search_row.clone();
    item.extend(keys::membership(tenant, label, id));
    item.insert(TAG.to_owned(), s(label.text()));
    item
}

/// The tag catalogue entry of a tag that is used for the first time.
pub(super) fn definition(tenant: &Tenant, tag: &Tag, now: Timestamp) -> Result<Item, Error> {
    let mut item = attributes(&TagDefinition { id: tenant.tag_id(tag), name: tag.clone(), created_at: now })?;
    item.extend(keys::definition(tenant, tag));
    Ok(item)
}

/// The item that records an applied event until it expires.
pub(super) fn event(tenant: &Tenant, kind: &str, id: &EventId, now: Timestamp) -> Item {
    let mut item = keys::event(tenant, kind, id);
    item.insert(EXPIRES_AT.to_owned(), AttributeValue::N((now.as_second() + EVENT_TTL).to_string()));
    item
}

/// Marks the item of a contact as moved from another id by the write that changes these fields.
pub(super) fn mark_moved(item: &mut Item, from: ContactId, fields: &[&str]) {
    let fields = fields.iter().map(|field| s(*field)).collect();
    item.insert(MOVED_FROM.to_owned(), s(from.to_string()));
    item.insert(MOVED_FIELDS.to_owned(), AttributeValue::L(fields));
}

/// The item of a deleted contact, or of a redirect. No index has it: it has none of their attributes.
pub(super) fn tombstone(
    tenant: &Tenant,
    id: ContactId,
    tombstone: &Tombstone,
    write_ids: AttributeValue,
) -> Result<Item, Error> {
    let mut item = attributes(tombstone)?;
    item.extend(keys::contact(tenant, id));
    item.insert(WRITE_IDS.to_owned(), write_ids);
    Ok(item)
}

/// The labels of a contact besides [`Label::AllContacts`]. Each is a membership item.
pub(super) fn labels(contact: &Contact) -> Vec<Label<'_>> {
    let mut labels: Vec<Label<'_>> = contact.tags.iter().map(Label::Tag).collect();
    if looks_like_number(contact) {
        labels.push(Label::LooksLikeNumber);
    }
    labels
}

/// Whether the name or email address contains a `+` followed by a digit (`jane+1@example.com`). A name
/// that equals the phone number does not count, because the phone index finds it.
fn looks_like_number(contact: &Contact) -> bool {
    let is_start = |pair: &[u8]| pair[0] == b'+' && pair[1].is_ascii_digit();
    let name = contact.name.as_ref().map(Name::as_str);
    let email = contact.email.as_ref().map(Email::as_str);
    let texts = name.into_iter().chain(email).map(fold);
    texts.filter(|text| text != contact.phone.as_str()).any(|text| text.as_bytes().windows(2).any(is_start))
}

/// The attributes that the tag index sorts and searches by.
fn order_and_text(row: &SearchRow) -> [(String, AttributeValue); 2] {
    [(ACTIVE_AT.to_owned(), s(row.position().active_at())), (SEARCH_TEXT.to_owned(), s(search_text(row)))]
}
