//! Redirects: what a contact leaves under its former ids when its number is changed.
//!
//! A redirect is a tombstone that also has the id under which the contact is now. Every change of the number rewrites the
//! redirects of the contact to its newest id, and a deletion turns them into tombstones, in the same transaction: so a
//! former id leads to its contact with one more read, and none leads to a deleted one.

use std::collections::HashMap;

use super::contacts_table::ContactsTable;
use super::error::Error;
use super::keys::{self, Item, sort_key};
use super::read::all_attributes;
use super::snapshot::{Consistency, Snapshot, Target};
use crate::model::{ContactId, ContactKey, Stored, Tenant, Tombstone};

/// An id that a contact leaves, or has left before, and what is to be stored under its key.
pub(super) struct Left {
    pub(super) id: ContactId,
    /// What is stored there: the contact itself, or a redirect.
    pub(super) snapshot: Snapshot,
    pub(super) new: Tombstone,
}

impl ContactsTable {
    /// What is stored under the keys of these ids, each of which is there once. Strongly consistent; one BatchGetItem.
    pub(super) async fn snapshots(
        &self,
        tenant: &Tenant,
        ids: &[ContactId],
    ) -> Result<HashMap<ContactId, Snapshot>, Error> {
        let keys: Vec<Item> = ids.iter().map(|id| keys::contact(tenant, *id)).collect();
        let ids_by_key: HashMap<String, ContactId> =
            keys.iter().map(sort_key).map(str::to_owned).zip(ids.iter().copied()).collect();
        let mut snapshots: HashMap<ContactId, Snapshot> =
            ids.iter().map(|id| (*id, Snapshot::empty(Consistency::Strong))).collect();
        for item in self.batch(tenant, all_attributes(keys, Consistency::Strong)).await? {
            let id = ids_by_key.get(sort_key(&item));
            if let Some(snapshot) = id.and_then(|id| snapshots.get_mut(id)) {
                snapshot.set_stored(item)?;
            }
        }
        Ok(snapshots)
    }

    /// Those of the `former` ids of the contact `id` that lead to it, in their order, with what `rewrite` makes of the
    /// redirect in each place. One GetItem for each: operators who erase need no permission for BatchGetItem.
    pub(super) async fn redirects(
        &self,
        tenant: &Tenant,
        id: ContactId,
        former: &[ContactId],
        rewrite: impl Fn(usize, &Tombstone) -> Tombstone + Send,
    ) -> Result<Vec<Left>, Error> {
        let mut redirects: Vec<Left> = Vec::with_capacity(former.len());
        for former_id in former {
            let key = ContactKey::Number(*former_id);
            let snapshot = self.snapshot(Target::new(tenant, key, None), Consistency::Strong).await?;
            // Another contact may have been created with the number.
            let Some(Stored::Deleted(redirect)) = &snapshot.stored else { continue };
            if redirect.moved_to == Some(id) {
                let new = Tombstone { version: redirect.version + 1, ..rewrite(redirects.len(), redirect) };
                redirects.push(Left { id: *former_id, snapshot, new });
            }
        }
        Ok(redirects)
    }

    /// The redirects of a contact that a write deletes, as tombstones: the former ids lead nowhere any more, and
    /// remember the opt-out too.
    pub(super) async fn ended_redirects(
        &self,
        tenant: &Tenant,
        old: Option<&Stored>,
        new: &Stored,
    ) -> Result<Vec<Left>, Error> {
        let (Some(Stored::Contact(old)), Stored::Deleted(tombstone)) = (old, new) else { return Ok(Vec::new()) };
        let end = |_, redirect: &Tombstone| Tombstone {
            opted_out_at: redirect.opted_out_at.max(tombstone.opted_out_at),
            moved_to: None,
            ..redirect.clone()
        };
        self.redirects(tenant, old.id, &old.former_ids, end).await
    }
}
