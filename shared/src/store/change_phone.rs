//! Changing a contact's number, and with it its id.
//!
//! The contact is written under the key of its new id, and a redirect under the key of the old one, with all memberships
//! and former redirects, in one transaction on the condition of every version read.

use super::contacts_table::ContactsTable;
use super::error::Error;
use super::locking::set_version;
use super::outcome::Outcome;
use super::redirect::Left;
use super::retry::Retry;
use super::snapshot::{Snapshot, Target, new_call_id};
use crate::model::{Contact, ContactId, ContactKey, Phone, Stored, Tenant, Timestamp, Tombstone};

/// What to write so that a contact has another number.
struct Change {
    contact: Contact,
    /// What is stored under the key of the contact's new id.
    there: Snapshot,
    /// The other keys to write.
    left: Vec<Left>,
}

impl ContactsTable {
    /// Gives the contact with this id the phone number `phone`, and changes what `rule` changes, in one transaction. The
    /// contact gets the id of the new number; the former ids lead to it. `rule` must not change tags.
    ///
    /// Another spelling of the same number changes the stored spelling only. The contact keeps its creation time, its
    /// counters and its version, which continues above that of whatever was stored under the new id; the opt-out that a
    /// tombstone there remembers applies, unless the person has opted in since.
    ///
    /// At most [`Contact::MAX_FORMER_IDS`] former ids lead to the contact; the oldest one is forgotten.
    ///
    /// Cost: one BatchGetItem of the contact and the new id, one GetItem for each former id; one TransactWriteItems of the contact
    /// under both ids, two writes for each membership, and one for each former id. Each lost race adds as much again.
    /// After a lost response, the call recognises its own write, as [`upsert`](ContactsTable::upsert) does.
    ///
    /// # Errors
    /// [`Error::NumberTaken`] if another contact has the number: nothing is changed. [`Error::NotFound`] if the contact does
    /// not exist or was deleted; otherwise as [`upsert`](ContactsTable::upsert).
    pub async fn change_phone<R, E>(
        &self,
        tenant: &Tenant,
        id: ContactId,
        phone: &Phone,
        rule: R,
    ) -> Result<(Contact, Outcome), E>
    where
        R: Fn(Contact) -> Result<Contact, E> + Send + Sync,
        E: From<Error>,
    {
        let (to, call, mut retry) = (tenant.contact_id(phone), new_call_id(), Retry::new());
        let mut from = id;
        let mut attempted: Option<Contact> = None;
        loop {
            let ids = if from == to { vec![to] } else { vec![from, to] };
            let mut snapshots = self.snapshots(tenant, &ids).await?;
            let here = snapshots.remove(&from).ok_or_else(|| Error::Internal("an id was not read".to_owned()))?;
            if let Some(key) = here.stored.as_ref().and_then(|stored| ContactKey::Id(from).redirected(stored)) {
                from = key.id();
                retry.pause_after_race().await?;
                continue;
            }
            // An earlier attempt was applied, but its response was lost. Other writers may have followed.
            if let Some(attempted) = attempted.filter(|_| here.is_written_by(&call)) {
                return Ok((here.contact().cloned().unwrap_or(attempted), Outcome::Updated));
            }
            let old = here.contact().ok_or(Error::NotFound)?.clone();
            let mut new = Contact { phone: phone.clone(), ..rule(old.clone())? };
            if (new.id, &new.tags) != (old.id, &old.tags) {
                return Err(
                    Error::Internal("the rule of a change of number changed the id or the tags".to_owned()).into()
                );
            }
            if new == old {
                return Ok((old, Outcome::Unchanged));
            }
            set_version(&old, &mut new);
            let change = match snapshots.remove(&to) {
                Some(there) => self.moved(tenant, here, &old, Contact { id: to, ..new }, there).await?,
                // The id stays: it is another spelling of the number.
                None => Change { contact: new, there: here, left: Vec::new() },
            };
            let (target, new) = (Target::new(tenant, to, None), Stored::Contact(change.contact.clone()));
            let (attempt, _) =
                self.save(target, &change.there, (&new, Outcome::Updated), &change.left, Vec::new(), &call).await?;
            if retry.has_written(&attempt).await? {
                return Ok((change.contact, Outcome::Updated));
            }
            attempted = Some(change.contact);
        }
    }

    /// The writes by which a contact gets the id that `contact` has, and under which `there` is stored.
    async fn moved(
        &self,
        tenant: &Tenant,
        here: Snapshot,
        old: &Contact,
        mut contact: Contact,
        mut there: Snapshot,
    ) -> Result<Change, Error> {
        let to = contact.id;
        match &there.stored {
            None => {}
            Some(Stored::Contact(_)) => return Err(Error::NumberTaken),
            // The contact has had the number before, so that events from before are its own.
            Some(Stored::Deleted(own)) if own.moved_to == Some(old.id) => {
                contact.version = contact.version.max(own.version + 1);
                own.restore_opt_out(&mut contact);
            }
            Some(Stored::Deleted(other)) => other.continue_with(&mut contact),
        }
        let forward = |place, redirect: &Tombstone| Tombstone {
            moved_to: (place + 1 < Contact::MAX_FORMER_IDS).then_some(to),
            ..redirect.clone()
        };
        let former: Vec<ContactId> = old.former_ids.iter().copied().filter(|id| *id != to).collect();
        let mut left = self.redirects(tenant, old.id, &former, forward).await?;
        let lead_here = left.iter().filter(|left| left.new.moved_to.is_some()).map(|left| left.id);
        contact.former_ids = std::iter::once(old.id).chain(lead_here).collect();
        there.take_memory_of(&here);
        let redirect = Tombstone::redirect(old, to, contact.version, Timestamp::now());
        left.insert(0, Left { id: old.id, snapshot: here, new: redirect });
        Ok(Change { contact, there, left })
    }
}
