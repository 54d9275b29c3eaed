//! Reading all contacts of a tenant, page by page. For operators: no Lambda function does it.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::contacts_table::ContactsTable;
use super::error::{Error, map_sdk_error};
use super::items::stored;
use super::keys::{self, CONTACT, ITEM, Item, sort_key};
use super::query::Range;
use super::units::Reported;
use crate::model::{Contact, ContactId, Stored, Tenant};

/// Some contacts of a tenant, in the order of their ids.
#[derive(Debug)]
pub struct Page {
    /// The contacts.
    pub contacts: Vec<Contact>,
    /// The ids of contacts that are stored but cannot be read.
    pub unreadable: Vec<String>,
    /// What to give to the next call; `None` after the last page.
    pub next: Option<ContactId>,
    /// The read units that the page has consumed.
    pub read_units: f64,
}

impl ContactsTable {
    /// The contacts whose ids follow `after`, in the order of their ids: up to 1 MB of them. Strongly consistent. Deleted
    /// contacts are left out.
    ///
    /// Cost: one Query, 1 read unit per 4 KB. A contact that is created or changed between two calls is in the later page
    /// or not at all, as its id has it; a contact is never in two pages.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Internal`].
    pub async fn contacts_page(&self, tenant: &Tenant, after: Option<ContactId>) -> Result<Page, Error> {
        let query = self.query(tenant, ITEM, Range::Prefix(CONTACT)).consistent_read(true);
        let query = query
            .set_exclusive_start_key(after.map(|id| keys::contact(tenant, id)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = query.send().await.map_err(map_sdk_error("Query of contacts"))?;
        let next = answer.last_evaluated_key.as_ref().map(|key| {
            let unknown = || Error::Internal("a key of a page is not a contact's".to_owned());
            id_of(key).and_then(|id| id.parse().ok()).ok_or_else(unknown)
        });
        let read_units = answer.consumed_capacity.units();
        let mut page = Page { contacts: Vec::new(), unreadable: Vec::new(), next: next.transpose()?, read_units };
        for item in answer.items.unwrap_or_default() {
            let id = id_of(&item).unwrap_or_default().to_owned();
            match stored(item) {
                Ok(Stored::Contact(contact)) => page.contacts.push(contact),
                Ok(Stored::Deleted(_)) => {}
                Err(error) => {
                    tracing::error!(%error, id, "a contact cannot be read");
                    page.unreadable.push(id);
                }
            }
        }
        Ok(page)
    }
}

/// The id in the key of a contact.
fn id_of(item: &Item) -> Option<&str> {
    sort_key(item).strip_prefix(CONTACT)
}
