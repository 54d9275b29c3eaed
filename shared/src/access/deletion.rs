//! Deleting a tenant, step by step. The tenant's item holds how far it has come, so that a deletion that was
//! interrupted anywhere continues when it is begun again; that item is deleted last, together with its slug.
//!
//! 1. [`begin_deletion`](Access::begin_deletion) marks the tenant: from then on tokens and events of it are refused by
//!    every process that has not cached the tenant.
//! 2. [`delete_tokens`](Access::delete_tokens).
//! 3. The caller waits [`QUIET`], until no call of the tenant can be running any more.
//! 4. The caller deletes the contacts, page by page, and notes each page with [`note_deleted`](Access::note_deleted).
//! 5. [`end_deletion`](Access::end_deletion) deletes the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cache::MAX_AGE;
use super::error::Error;
use super::lookup::{Access, tenant_key};
use super::operators::slug_key;
use super::rate_limit;
use crate::model::{StoredTenant, Tenant, TenantId, TenantRecord, Timestamp};
use crate::store::{self, Changes, DeletedPage};

/// How long a call may run that has authenticated in the last moment: longer than the timeout of every function that
/// handles calls.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// How long after [`Access::begin_deletion`] calls of the tenant may still be running: processes cache a tenant for
/// 60 s, and a call that has begun then takes up to 30 s.
pub const QUIET: Duration = MAX_AGE.saturating_add(LONGEST_CALL);

/// The largest number of tokens of a tenant that can be deleted, because one item holds their ids.
pub const MAX_TOKENS: usize = 1_000;

/// A deletion that has begun.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// The tenant, for access to its contacts.
    pub tenant: Tenant,
    /// The tenant as it was.
    pub record: TenantRecord,
    /// When the tenant was marked.
    pub since: Timestamp,
    /// What has been deleted so far.
    pub removed: Removed,
    /// The ids of its tokens, whose call records are deleted at the end.
    token_ids: Vec<String>,
}

/// How many items a deletion has deleted, and the units of the contacts table that this consumed. After an interruption,
/// the numbers of at most one page of 250 items are missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Removed {
    /// By kind: what the keys of the items begin with, such as `contact` and `token`.
    pub items: BTreeMap<String, u64>,
    /// Read units of the contacts table.
    pub read_units: f64,
    /// Write units of the contacts table and its indexes.
    pub write_units: f64,
}

/// What the item of a tenant holds that is being deleted.
#[derive(Deserialize)]
struct StoredDeletion {
    #[serde(flatten)]
    tenant: StoredTenant,
    #[serde(default)]
    token_ids: Vec<String>,
    #[serde(default)]
    removed: Removed,
}

/// Why a deletion cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeletionError {
    /// The tenant has more than [`MAX_TOKENS`] tokens.
    #[error("the tenant has more than {MAX_TOKENS} tokens")]
    TooManyTokens,
    /// The tenant does not exist, or the access table could not be read or written.
    #[error(transparent)]
    Access(#[from] Error),
}

impl From<store::Error> for DeletionError {
    fn from(error: store::Error) -> Self {
        DeletionError::Access(error.into())
    }
}

impl Removed {
    fn add(&mut self, kind: &str, items: u64) {
        *self.items.entry(kind.to_owned()).or_default() += items;
    }
}

impl Access {
    /// Marks a tenant as being deleted, or continues its deletion. GetItem; UpdateItem if it is not marked yet.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`]; [`Error::Store`].
    pub async fn begin_deletion(&self, id: TenantId) -> Result<Deletion, Error> {
        let key = tenant_key(id);
        let mut stored: StoredDeletion = self.table.get(&key).await?.ok_or(Error::UnknownTenant)?;
        if stored.tenant.record.deleting_since.is_none() {
            let mark = Changes::default()
                .set("deleting_since", Some(&Timestamp::now()))?
                .if_still("deleting_since", None::<&Timestamp>)?;
            stored = match self.table.update(&key, mark).await? {
                Some(marked) => marked,
                // Another operator has marked it, or has deleted it.
                None => self.table.get(&key).await?.ok_or(Error::UnknownTenant)?,
            };
        }
        let record = stored.tenant.record.clone();
        Ok(Deletion {
            since: record.deleting_since.ok_or(store::Error::Conflict)?,
            record,
            tenant: Tenant::authenticated(stored.tenant),
            removed: stored.removed,
            token_ids: stored.token_ids,
        })
    }

    /// Deletes the tenant's tokens, after noting their ids. Query, UpdateItem, and one DeleteItem per token.
    ///
    /// # Errors
    /// [`DeletionError`].
    pub async fn delete_tokens(&self, deletion: &mut Deletion) -> Result<(), DeletionError> {
        let tokens = self.tokens(deletion.record.id).await?;
        let new = tokens.iter().map(|token| token.id().to_owned()).filter(|id| !deletion.token_ids.contains(id));
        let new: Vec<String> = new.collect();
        if deletion.token_ids.len() + new.len() > MAX_TOKENS {
            return Err(DeletionError::TooManyTokens);
        }
        if !new.is_empty() {
            deletion.token_ids.extend(new);
            self.note(deletion).await?;
        }
        for token in &tokens {
            if self.table.delete(&token.key).await? {
                deletion.removed.add("token", 1);
            }
        }
        Ok(())
    }

    /// Notes a deleted page of the contacts table. One UpdateItem.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`] if another operator has ended the deletion; [`Error::Store`].
    pub async fn note_deleted(&self, deletion: &mut Deletion, page: &DeletedPage) -> Result<(), Error> {
        for (kind, items) in &page.kinds {
            deletion.removed.add(kind, *items);
        }
        deletion.removed.read_units += page.read_units;
        deletion.removed.write_units += page.write_units;
        self.note(deletion).await
    }

    /// Deletes tokens that were issued while the tenant was being marked, the call records of all tokens, and then the
    /// tenant together with its slug. Query, one DeleteItem per token, TransactWriteItems.
    ///
    /// # Errors
    /// [`DeletionError`].
    pub async fn end_deletion(&self, deletion: &mut Deletion) -> Result<(), DeletionError> {
        self.delete_tokens(deletion).await?;
        for id in deletion.token_ids.clone() {
            if self.table.delete(&rate_limit::key(&id)).await? {
                deletion.removed.add("calls", 1);
            }
        }
        let id = deletion.record.id;
        self.table.delete_both([&slug_key(&deletion.record.slug), &tenant_key(id)], id).await?;
        deletion.removed.add("slug", 1);
        deletion.removed.add("tenant", 1);
        Ok(())
    }

    /// Writes how far the deletion has come into the tenant's item.
    async fn note(&self, deletion: &Deletion) -> Result<(), Error> {
        let changes = Changes::default()
            .set("token_ids", Some(&deletion.token_ids))?
            .set("removed", Some(&deletion.removed))?
            .if_still("deleting_since", Some(&deletion.since))?;
        let noted: Option<TenantRecord> = self.table.update(&tenant_key(deletion.record.id), changes).await?;
        noted.map(drop).ok_or(Error::UnknownTenant)
    }
}
