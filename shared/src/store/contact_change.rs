//! Records of the contacts table's stream, decoded into contacts.

use serde::Deserialize;
use serde_dynamo::{AttributeValue, Item};

use super::error::Error;
use super::items::read;
use super::keys::{CONTACT, ITEM, TENANT_ID};
use crate::model::{Contact, TenantId, Timestamp};

/// A change of a contact, read from a stream record.
#[derive(Debug)]
pub struct ContactChange {
    /// The id of the contact's tenant. It does not authorise anything.
    pub tenant_id: TenantId,
    /// The old image; `None` if the contact was created.
    pub old: Option<Contact>,
    /// The new image; `None` if the contact was deleted.
    pub new: Option<Contact>,
    /// The approximate time of the change.
    pub changed_at: Option<Timestamp>,
}

/// The `dynamodb` field of a stream record.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    keys: Item,
    old_image: Option<Item>,
    new_image: Option<Item>,
    approximate_creation_date_time: Option<f64>,
}

impl ContactChange {
    /// Whether the list of tags changed, in content or order; `false` for a deleted contact.
    pub fn changes_tags(&self) -> bool {
        self.new.as_ref().is_some_and(|new| match &self.old {
            Some(old) => old.tags != new.tags,
            None => !new.tags.is_empty(),
        })
    }

    /// Parses the `dynamodb` field of a stream record. `None` for items other than contacts.
    ///
    /// # Errors
    /// [`Error::Internal`] if the record cannot be parsed, or an image is not a valid contact.
    pub fn read(record: &str) -> Result<Option<Self>, Error> {
        // The parser's error is left out, because it may quote personal data.
        let images: Images = serde_json::from_str(record)
            .map_err(|_| Error::Internal("a stream record could not be parsed".to_owned()))?;
        let key = |name| match images.keys.get(name) {
            Some(AttributeValue::S(text)) => Ok(text.as_str()),
            _ => Err(Error::Internal(format!("a stream record has no key {name}"))),
        };
        if !key(ITEM)?.starts_with(CONTACT) {
            return Ok(None);
        }
        let tenant_id = TenantId::parse(key(TENANT_ID)?)
            .ok_or_else(|| Error::Internal("the tenant id of a stream record is not a UUID".to_owned()))?;
        let (old, new) = (images.old_image.map(read).transpose()?, images.new_image.map(read).transpose()?);
        let changed_at = images.approximate_creation_date_time.and_then(|at| Timestamp::from_second(at as i64).ok());
        Ok(Some(ContactChange { tenant_id, old, new, changed_at }))
    }
}
