//! The table's stream: what a contact was, and what it is now.

use serde::Deserialize;
use serde_dynamo::{AttributeValue, Item};

use super::items::read;
use super::keys::{CONTACT, ITEM, TENANT_ID};
use crate::access::TenantId;
use crate::contact::Contact;
use crate::error::Error;
use crate::time::Timestamp;

/// A change of a contact, as the stream tells it.
#[derive(Debug)]
pub struct Change {
    /// Whose contact it is. Describes the tenant; gives access to nothing.
    pub tenant_id: TenantId,
    /// What it was, unless it was made.
    pub old: Option<Contact>,
    /// What it is, unless it was removed.
    pub new: Option<Contact>,
    /// About when.
    pub at: Option<Timestamp>,
}

/// The `dynamodb` part of a stream record.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    keys: Item,
    old_image: Option<Item>,
    new_image: Option<Item>,
    approximate_creation_date_time: Option<f64>,
}

impl Change {
    /// Whether it has other tags than before.
    pub(crate) fn is_about_tags(&self) -> bool {
        self.new.as_ref().is_some_and(|new| match &self.old {
            Some(old) => old.tags != new.tags,
            None => !new.tags.is_empty(),
        })
    }

    /// Reads the `dynamodb` part of a stream record; nothing for an item that is no contact.
    ///
    /// # Errors
    /// [`Error::Internal`] for what the stream of this table can't say.
    pub fn read(record: &str) -> Result<Option<Self>, Error> {
        // Only types and names: a value may be personal.
        let images: Images =
            serde_json::from_str(record).map_err(|_| Error::Internal("reading a stream record".to_owned()))?;
        let key = |name| match images.keys.get(name) {
            Some(AttributeValue::S(text)) => Ok(text.as_str()),
            _ => Err(Error::Internal(format!("a stream record has no key {name}"))),
        };
        if !key(ITEM)?.starts_with(CONTACT) {
            return Ok(None);
        }
        let tenant_id = TenantId::parse(key(TENANT_ID)?)
            .ok_or_else(|| Error::Internal("a stream record's tenant is no UUID".to_owned()))?;
        let (old, new) = (images.old_image.map(read).transpose()?, images.new_image.map(read).transpose()?);
        let at = images.approximate_creation_date_time.and_then(|at| Timestamp::from_second(at as i64).ok());
        Ok(Some(Change { tenant_id, old, new, at }))
    }
}
