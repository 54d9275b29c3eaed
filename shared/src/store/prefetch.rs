//! Reading what the writes of many contacts are based on, in few requests.

use std::collections::{HashMap, HashSet};

use super::batch::BATCH;
use super::contacts_table::ContactsTable;
use super::error::Error;
use super::keys::{self, Item, sort_key};
use super::read::all_attributes;
use super::snapshot::{Consistency, Snapshot};
use crate::model::{ContactId, Tags, Tenant};

/// What the write of one contact is based on, read in advance.
pub struct Basis(pub(super) Snapshot);

impl ContactsTable {
    /// Reads what upserts of these contacts, each of which is named once, are based on: the contacts, and which of the tags that a write may add are in
    /// the tag catalogue. A contact that cannot be read has no basis, so that its own write meets the error.
    ///
    /// Eventually consistent, as the first read of [`upsert`](ContactsTable::upsert): a write that is based on an outdated
    /// read is refused and repeated.
    ///
    /// Cost: one BatchGetItem per 100 different contacts and tags.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Internal`].
    pub async fn prefetch(
        &self,
        tenant: &Tenant,
        contacts: &[(ContactId, Option<&Tags>)],
    ) -> Result<Vec<Option<Basis>>, Error> {
        let tags: HashSet<_> = contacts.iter().filter_map(|(_, tags)| *tags).flat_map(Tags::iter).collect();
        let keys = contacts.iter().map(|(id, _)| keys::contact(tenant, *id));
        let keys: Vec<Item> = keys.chain(tags.into_iter().map(|tag| keys::definition(tenant, tag))).collect();
        let mut found: HashMap<String, Item> = HashMap::new();
        for keys in keys.chunks(BATCH) {
            let items = self.batch(tenant, all_attributes(keys.to_vec(), Consistency::Eventual)).await?;
            found.extend(items.into_iter().map(|item| (sort_key(&item).to_owned(), item)));
        }
        let basis = |(id, tags): &(ContactId, Option<&Tags>)| {
            let mut snapshot = Snapshot::empty(Consistency::Eventual);
            let is_defined = |tag: &&_| found.contains_key(sort_key(&keys::definition(tenant, tag)));
            snapshot.defined = tags.iter().flat_map(|tags| tags.iter()).filter(is_defined).cloned().collect();
            if let Some(item) = found.get(sort_key(&keys::contact(tenant, *id))) {
                snapshot.set_stored(item.clone()).ok()?;
            }
            Some(Basis(snapshot))
        };
        Ok(contacts.iter().map(basis).collect())
    }
}
