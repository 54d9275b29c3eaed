//! Records of the contacts table's stream, decoded into contacts.

use serde::Deserialize;
use serde_dynamo::{AttributeValue, Item};
use serde_json::value::RawValue;

use super::error::Error;
use super::items;
use super::keys::{self, CONTACT, ITEM, MOVED_FIELDS, MOVED_FROM, TENANT_ID};
use crate::model::{Contact, ContactId, Stored, TenantId, Timestamp};

/// A change of a contact, read from a stream record.
#[derive(Debug)]
pub struct ContactChange {
    /// The id of the contact's tenant. It does not authorise anything.
    pub tenant_id: TenantId,
    /// The contact in the old image; `None` if the contact was created, or moved here from another id. A tombstone or a
    /// redirect counts as no contact.
    pub old: Option<Contact>,
    /// The contact in the new image; `None` if the contact was deleted.
    pub new: Option<Contact>,
    /// Where the contact comes from, if the change moved it here from another id.
    pub moved: Option<Moved>,
    /// The approximate time of the change.
    pub changed_at: Option<Timestamp>,
}

/// The move of a contact to the id of its new number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The id that it had.
    pub from: ContactId,
    /// The names of the fields that the change has changed, as [`Contact::differences`] has them.
    pub fields: Vec<String>,
}

/// Which contact's item a stream record is about, and when it changed. It can be read from every record: a part that is
/// missing, or not as Carnet writes it, is `None`. It contains no personal data, whatever the record contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedItem {
    /// The partition key.
    pub tenant_id: Option<TenantId>,
    /// The contact that the sort key names.
    pub contact_id: Option<ContactId>,
    /// The approximate time of the change.
    pub changed_at: Option<Timestamp>,
}

/// The `dynamodb` field of a stream record, parsed part by part, because one unreadable part must not hide the others.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parts<'a> {
    #[serde(borrow)]
    keys: Option<&'a RawValue>,
    #[serde(borrow)]
    old_image: Option<&'a RawValue>,
    #[serde(borrow)]
    new_image: Option<&'a RawValue>,
    #[serde(borrow)]
    approximate_creation_date_time: Option<&'a RawValue>,
}

impl ContactChange {
    /// Whether the list of tags changed, in content or order; `false` for a deleted contact.
    pub fn changes_tags(&self) -> bool {
        self.new.as_ref().is_some_and(|new| match &self.old {
            Some(old) => old.tags != new.tags,
            None => !new.tags.is_empty() && self.moved.is_none(),
        })
    }

    /// Parses the `dynamodb` field of a stream record. `None` for items other than contacts, and for changes of
    /// tombstones. When a contact moves to another id, the change of the item that it leaves is `None` too, so that the
    /// move is one change: that of the item under its new id.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if the record cannot be parsed, the record's keys are not those of a contact, or an image is not a
    /// valid contact. The text names the part and contains no personal data.
    pub fn read(record: &str) -> Result<Option<Self>, Error> {
        let parts = Parts::parse(record).ok_or_else(|| unreadable("the record is not one of a stream"))?;
        let [_, item] = parts.keys();
        if !item.ok_or_else(|| unreadable("the record has no readable keys"))?.starts_with(CONTACT) {
            return Ok(None);
        }
        let ChangedItem { tenant_id: Some(tenant_id), contact_id: Some(contact_id), changed_at } = parts.item() else {
            return Err(unreadable("the record's keys are not those of a contact"));
        };
        let image = |image: Option<&RawValue>, error| match image.map(|image| stored(image, contact_id)) {
            Some(None) => Err(unreadable(error)),
            Some(stored) => Ok(stored),
            None => Ok(None),
        };
        let old = image(parts.old_image, "the record's old image is not a valid contact")?;
        let new = image(parts.new_image, "the record's new image is not a valid contact")?;
        if old.is_none() && new.is_none() {
            return Err(unreadable("the record has no image"));
        }
        if matches!(&new, Some(Stored::Deleted(left)) if left.moved_to.is_some()) {
            return Ok(None);
        }
        let [old, new] = [old, new].map(|image| image.and_then(Stored::into_contact));
        if old.is_none() && new.is_none() {
            return Ok(None);
        }
        // Only a contact with former ids can have moved; most images need not be parsed again.
        let moved = match &new {
            Some(new) if old.is_none() && !new.former_ids.is_empty() => parts.new_image.and_then(moved),
            _ => None,
        };
        Ok(Some(ContactChange { tenant_id, old, new, moved, changed_at }))
    }
}

impl ChangedItem {
    /// Reads what can be read from the `dynamodb` field of a stream record.
    pub fn read(record: &str) -> Self {
        Parts::parse(record).map(|parts| parts.item()).unwrap_or_default()
    }

    /// The sort key.
    pub fn sort_key(&self) -> Option<String> {
        self.contact_id.map(|id| format!("{CONTACT}{id}"))
    }
}

impl<'a> Parts<'a> {
    fn parse(record: &'a str) -> Option<Self> {
        serde_json::from_str(record).ok()
    }

    /// The partition key and the sort key, if they are strings.
    fn keys(&self) -> [Option<String>; 2] {
        let keys: Option<Item> = self.keys.and_then(|keys| serde_json::from_str(keys.get()).ok());
        [TENANT_ID, ITEM].map(|name| match keys.as_ref()?.get(name)? {
            AttributeValue::S(text) => Some(text.clone()),
            _ => None,
        })
    }

    fn item(&self) -> ChangedItem {
        let [tenant_id, item] = self.keys();
        let seconds: Option<f64> =
            self.approximate_creation_date_time.and_then(|at| serde_json::from_str(at.get()).ok());
        ChangedItem {
            // Other spellings of an id are keys of other items.
            tenant_id: tenant_id.and_then(|text| TenantId::parse(&text).filter(|id| id.to_string() == text)),
            contact_id: item.as_deref().and_then(keys::contact_of),
            changed_at: seconds.and_then(|at| Timestamp::from_second(at as i64).ok()),
        }
    }
}

/// The contact or tombstone in an image; `None` if the image is not a valid one, or is that of another contact.
fn stored(image: &RawValue, id: ContactId) -> Option<Stored> {
    let item: Item = serde_json::from_str(image.get()).ok()?;
    let is_of = |stored: &Stored| stored.contact().is_none_or(|contact| contact.id == id);
    items::stored(item).ok().filter(is_of)
}

/// Where the contact in an image comes from, if it was moved by the write of the image.
fn moved(image: &RawValue) -> Option<Moved> {
    let item: Item = serde_json::from_str(image.get()).ok()?;
    let text = |value: &AttributeValue| match value {
        AttributeValue::S(text) => Some(text.clone()),
        _ => None,
    };
    let from = item.get(MOVED_FROM).and_then(text)?.parse().ok()?;
    let fields = match item.get(MOVED_FIELDS) {
        Some(AttributeValue::L(fields)) => fields.iter().filter_map(text).collect(),
        _ => Vec::new(),
    };
    Some(Moved { from, fields })
}

/// The parser's error is left out, because it may quote personal data.
fn unreadable(reason: &str) -> Error {
    Error::Unreadable(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TENANT: &str = "6c1f8a57-9d57-4a0e-8f5b-0d9f3f1c2a11";
    const CONTACT_ID: &str = "d6f0d85e-0a0b-5c1d-9e2f-3a4b5c6d7e8f";

    fn keys(tenant_id: &str, item: &str) -> Value {
        json!({ "tenant_id": { "S": tenant_id }, "item": { "S": item } })
    }

    #[test]
    fn the_item_of_a_broken_record_is_named_without_personal_data() {
        let contact = format!("contact#{CONTACT_ID}");
        let (tenant_id, id) = (TenantId::parse(TENANT), CONTACT_ID.parse().ok());
        let not_a_contact = "the record's keys are not those of a contact";
        let cases = [
            (json!({ "Keys": keys(TENANT, &contact) }), "the record has no image", (tenant_id, id)),
            (
                json!({ "Keys": keys(TENANT, &contact), "NewImage": { "id": { "S": "Jane" } } }),
                "the record's new image is not a valid contact",
                (tenant_id, id),
            ),
            (
                json!({ "Keys": keys(TENANT, &contact), "OldImage": "Jane" }),
                "the record's old image is not a valid contact",
                (tenant_id, id),
            ),
            (json!({ "Keys": keys("Jane", &contact) }), not_a_contact, (None, id)),
            (json!({ "Keys": keys(TENANT, "contact#+14155550123") }), not_a_contact, (tenant_id, None)),
            (
                json!({ "Keys": keys(TENANT, &contact.to_uppercase().replace("CONTACT", "contact")) }),
                not_a_contact,
                (tenant_id, None),
            ),
            (json!({ "Keys": { "item": { "N": "1" } } }), "the record has no readable keys", (None, None)),
            (
                json!({ "Keys": "Jane", "ApproximateCreationDateTime": "Jane" }),
                "the record has no readable keys",
                (None, None),
            ),
            (json!({}), "the record has no readable keys", (None, None)),
            (json!("Jane"), "the record is not one of a stream", (None, None)),
        ];
        for (record, reason, (tenant_id, contact_id)) in cases {
            let record = record.to_string();
            let error = ContactChange::read(&record).unwrap_err();
            assert!(matches!(&error, Error::Unreadable(text) if text == reason), "{record}: {error:?}");
            assert_eq!(ChangedItem::read(&record), ChangedItem { tenant_id, contact_id, changed_at: None }, "{record}");
        }
    }

    #[test]
    fn other_items_are_not_changes_of_contacts() {
        for item in ["tag#vip#1", "tagdef#vip", "event#message#1", "Jane"] {
            let record = json!({ "Keys": keys(TENANT, item), "NewImage": "unreadable" });
            assert!(matches!(ContactChange::read(&record.to_string()), Ok(None)), "{item}");
        }
    }
}
