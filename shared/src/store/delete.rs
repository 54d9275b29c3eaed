//! Deleting contacts.
//!
//! A deletion is a write like any other: [`save`](ContactsTable::save) replaces the contact by its
//! [`Tombstone`] and deletes its memberships, in one atomic request on the condition of the version read.

use super::contacts_table::ContactsTable;
use super::error::{Error, map_sdk_error};
use super::items::labels;
use super::keys::ID;
use super::snapshot::{Consistency, Target};
use crate::model::{Contact, ContactId, ContactKey, Email, Stored, Tenant, Timestamp, Tombstone};

/// What a deletion has removed. It contains no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The id of the contact.
    pub id: ContactId,
    /// The ids that it had before its number was changed, which lead nowhere any more. A contact that was created with one
    /// of those numbers since is another one and stays.
    pub former_ids: Vec<ContactId>,
    /// When the contact was deleted.
    pub deleted_at: Timestamp,
    /// How many memberships were deleted with it: one for each tag, and one if its name or email address contains a
    /// `+` and a digit.
    pub memberships: usize,
    /// The opt-out that the tombstone remembers.
    pub opted_out_at: Option<Timestamp>,
    /// The version of the tombstone.
    pub version: u64,
}

impl ContactsTable {
    /// Deletes the contact that a call names and all its memberships. A tombstone remains, which contains no personal data;
    /// so does one for each former id of the contact.
    ///
    /// Entries of the tag catalogue belong to the tenant and stay. Indexes, which are eventually consistent, can list the
    /// contact for a moment longer. After a lost response, the call recognises its own deletion, as
    /// [`upsert`](ContactsTable::upsert) does. The repetition of a call with an idempotency key has no former ids and no
    /// memberships.
    ///
    /// Cost: one GetItem, and one PutItem or, with memberships, one TransactWriteItems; one more GetItem for each former id.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the contact does not exist or was deleted before; [`Error::Conflict`],
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Unreadable`], [`Error::Internal`].
    pub async fn delete(&self, tenant: &Tenant, key: impl Into<ContactKey>) -> Result<Deletion, Error> {
        self.delete_if(tenant, key, |_| Ok::<_, Error>(())).await
    }

    /// As [`delete`](ContactsTable::delete), if `check` allows to delete the contact in the state that it has.
    ///
    /// # Errors
    /// The errors of `check`; otherwise as [`delete`](ContactsTable::delete).
    pub async fn delete_if<C, E>(&self, tenant: &Tenant, key: impl Into<ContactKey>, check: C) -> Result<Deletion, E>
    where
        C: Fn(&Contact) -> Result<(), E> + Send + Sync,
        E: From<Error> + Send,
    {
        let target = Target::new(tenant, key, None);
        let delete = |stored: Option<Stored>, _: &_| {
            let contact = stored.and_then(Stored::into_contact).ok_or(Error::NotFound)?;
            check(&contact)?;
            Ok::<_, E>(Stored::Deleted(Tombstone::of(&contact, Timestamp::now())))
        };
        let written = self.write(target, Consistency::Strong, delete).await?;
        let Stored::Deleted(Tombstone { deleted_at, opted_out_at, version, moved_to: _ }) = written.new else {
            return Err(Error::Internal("a deletion stored a contact".to_owned()).into());
        };
        let contact = written.old.and_then(Stored::into_contact);
        let memberships = contact.as_ref().map_or(0, |contact| labels(contact).len());
        let former_ids = contact.map(|contact| contact.former_ids).unwrap_or_default();
        Ok(Deletion { id: written.id, former_ids, deleted_at, memberships, opted_out_at, version })
    }

    /// The ids of all contacts with this email address, the oldest contact first, for operators.
    ///
    /// Cost: one Query of the email index per 1 MB of entries, and one GetItem per entry, because entries may be outdated.
    /// The index is eventually consistent: for a moment after a write, the contact may be missing.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Unreadable`], [`Error::Internal`].
    pub async fn all_with_email(&self, tenant: &Tenant, email: &Email) -> Result<Vec<ContactId>, Error> {
        let mut entries = self.email_entries(tenant, email).into_paginator().items().send();
        let mut ids = Vec::new();
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(map_sdk_error("Query of index email"))?;
            let id = entry.get(ID).and_then(|id| id.as_s().ok()).and_then(|id| id.parse::<ContactId>().ok());
            let id = id.ok_or_else(|| Error::Unreadable("an entry of the index email has no contact id".to_owned()))?;
            let contact = self.get(tenant, id).await?;
            let has_email = contact.and_then(|contact| contact.email).is_some_and(|stored| stored.same_as(email));
            // A contact that was created anew can have two entries for a moment.
            if has_email && !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}
