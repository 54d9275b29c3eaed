//! Items: how contacts, memberships and definitions are laid out.
//!
//! Every index attribute is computed here from the whole contact, so an index can't drift.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::{self, ACTIVE_AT, EMAIL_KEY, Item, Label, PHONE_KEY, SEARCH_TEXT, TAG, WRITE_ID, s};
use crate::access::Tenant;
use crate::contact::{Contact, SearchRow, Tag, search_text};
use crate::error::Error;
use crate::time::Timestamp;

/// The attributes of a value. What is `None` has none.
pub(super) fn attributes<T: Serialize>(value: &T) -> Result<Item, Error> {
    let mut item: Item =
        serde_dynamo::to_item(value).map_err(|error| Error::Internal(format!("writing an item: {error}")))?;
    item.retain(|_, value| !matches!(value, AttributeValue::Null(_)));
    Ok(item)
}

/// The value behind an item. Attributes it does not know are for others.
pub(super) fn read<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    // The error says what a value should have been: a `Flaw`, or a type. Nothing personal.
    serde_dynamo::from_item(item).map_err(|error| Error::Internal(format!("reading an item: {error}")))
}

/// The item of a contact, as this write makes it.
pub(super) fn contact(tenant: &Tenant, contact: &Contact, write_id: &AttributeValue) -> Result<Item, Error> {
    let mut item = attributes(contact)?;
    item.extend(keys::contact(tenant, contact.id));
    item.extend(index_attributes(&SearchRow::from(contact), Label::Everyone));
    item.insert(WRITE_ID.to_owned(), write_id.clone());
    item.insert(PHONE_KEY.to_owned(), s(contact.phone.as_str()));
    if let Some(email) = &contact.email {
        item.insert(EMAIL_KEY.to_owned(), s(email.key()));
    }
    Ok(item)
}

/// The item that puts a contact's search row under a label.
pub(super) fn membership(tenant: &Tenant, contact: &Contact, label: Label<'_>) -> Result<Item, Error> {
    let row = SearchRow::from(contact);
    let mut item = attributes(&row)?;
    item.extend(keys::membership(tenant, label, contact.id));
    item.extend(index_attributes(&row, label));
    Ok(item)
}

/// The item of a tag used for the first time.
pub(super) fn definition(tenant: &Tenant, tag: &Tag, now: Timestamp) -> Item {
    let mut item = keys::definition(tenant, tag);
    item.insert("id".to_owned(), s(tenant.tag_id(tag).to_string()));
    item.insert("name".to_owned(), s(tag.as_str()));
    item.insert("created_at".to_owned(), s(now.to_string()));
    item
}

/// The labels a contact has beside [`Label::Everyone`]: a membership each.
pub(super) fn labels(contact: &Contact) -> Vec<Label<'_>> {
    let mut labels: Vec<Label<'_>> = contact.tags.iter().map(Label::Tag).collect();
    if looks_like_number(&SearchRow::from(contact)) {
        labels.push(Label::LooksLikeNumber);
    }
    labels
}

/// Whether a `+` and a digit stand in a name or address: `jane+1@example.com`.
fn looks_like_number(row: &SearchRow) -> bool {
    let is_start = |pair: &[u8]| pair[0] == b'+' && pair[1].is_ascii_digit();
    let text = search_text(row);
    text.lines().filter(|line| *line != row.phone.as_str()).any(|line| line.as_bytes().windows(2).any(is_start))
}

fn index_attributes(row: &SearchRow, label: Label<'_>) -> [(String, AttributeValue); 3] {
    [
        (TAG.to_owned(), s(label.text())),
        (ACTIVE_AT.to_owned(), s(row.active_at())),
        (SEARCH_TEXT.to_owned(), s(search_text(row))),
    ]
}
