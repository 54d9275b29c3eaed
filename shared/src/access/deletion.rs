//! Deleting a tenant, step by step. The tenant's item holds how far it has come, so that a deletion that was
//! interrupted anywhere continues when it is begun again; that item is deleted last, together with its slug.
//!
//! 1. [`begin_deletion`](Access::begin_deletion) marks the tenant: from then on tokens and events of it are refused by
//!    every process that has not cached the tenant.
//! 2. [`delete_tokens`](Access::delete_tokens).
//! 3. The caller waits [`QUIET`], until no call of the tenant can be running any more.
//! 4. The caller deletes the contacts, page by page, and before each page notes it with [`note_items`](Access::note_items).
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
use crate::store::{self, Changes, TenantItems};

/// How long a call may run that has authenticated in the last moment: longer than the timeout of every function that
/// handles calls.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// What the keys of the tenant's items in the contacts table begin with.
const KINDS: [&str; 4] = ["contact", "event", "tag", "tagdef"];

/// How long after [`Access::begin_deletion`] calls of the tenant may still be running: processes cache a tenant for
/// 60 s, and a call that has begun then takes up to 30 s.
pub const QUIET: Duration = MAX_AGE.saturating_add(LONGEST_CALL);

/// The largest number of tokens of a tenant that can be deleted, because one item holds their ids.
pub const MAX_TOKENS: usize = 1_000;

/// The deletion of a tenant that has begun.
#[derive(Debug, Clone)]
pub struct TenantDeletion {
    /// The tenant, for access to its contacts.
    pub tenant: Tenant,
    /// The tenant as it was.
    pub record: TenantRecord,
    /// When the tenant was marked.
    pub since: Timestamp,
    /// What has been deleted so far.
    pub removed: Removed,
    progress: Progress,
}

/// How many items a deletion has deleted, also before it was interrupted, and the units of the contacts table that this
/// consumed. For each interruption, the write units of one page of 250 items may be missing.
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
    removed: Removed,
    #[serde(default)]
    deletion: Progress,
}

/// How far a deletion has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Progress {
    /// The ids of the tenant's tokens, whose call records are deleted at the end.
    token_ids: Vec<String>,
    /// The last sort key of the contacts table whose item is counted. Items are counted before they are deleted, and those
    /// up to this key are not counted again, so that an interruption does not change the numbers.
    counted_to: String,
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
    pub async fn begin_deletion(&self, id: TenantId) -> Result<TenantDeletion, Error> {
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
        Ok(TenantDeletion {
            since: record.deleting_since.ok_or(store::Error::Conflict)?,
            record,
            tenant: Tenant::authenticated(stored.tenant),
            removed: stored.removed,
            progress: stored.deletion,
        })
    }

    /// Deletes the tenant's tokens, after noting their ids. Query, UpdateItem, and one DeleteItem per token.
    ///
    /// # Errors
    /// [`DeletionError`].
    pub async fn delete_tokens(&self, deletion: &mut TenantDeletion) -> Result<(), DeletionError> {
        let tokens = self.tokens(deletion.record.id).await?;
        let known = &mut deletion.progress.token_ids;
        let before = known.len();
        for token in &tokens {
            if !known.iter().any(|id| id == token.id()) {
                known.push(token.id().to_owned());
            }
        }
        let new = known.len() - before;
        if known.len() > MAX_TOKENS {
            return Err(DeletionError::TooManyTokens);
        }
        if new > 0 {
            deletion.removed.add("token", new as u64);
            self.note(deletion).await?;
        }
        for token in &tokens {
            self.table.delete(&token.key).await?;
        }
        Ok(())
    }

    /// Notes the tenant's first items of the contacts table, which the caller deletes next. One UpdateItem.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`] if another operator has ended the deletion; [`Error::Store`].
    pub async fn note_items(&self, deletion: &mut TenantDeletion, items: &TenantItems) -> Result<(), Error> {
        for key in items.keys.iter().filter(|key| **key > deletion.progress.counted_to) {
            // A key that no version has written may be anything, also personal data.
            let kind = key.split('#').next().filter(|kind| KINDS.contains(kind)).unwrap_or("other");
            deletion.removed.add(kind, 1);
        }
        if let Some(last) = items.keys.last() {
            deletion.progress.counted_to.clone_from(last);
        }
        deletion.removed.read_units += items.read_units;
        self.note(deletion).await
    }

    /// Deletes tokens that were issued while the tenant was being marked, the call records of all tokens, and then the
    /// tenant together with its slug. Query, BatchGetItem, UpdateItem, one DeleteItem per token, TransactWriteItems.
    ///
    /// # Errors
    /// [`DeletionError`].
    pub async fn end_deletion(&self, deletion: &mut TenantDeletion) -> Result<(), DeletionError> {
        self.delete_tokens(deletion).await?;
        let records: Vec<String> = deletion.progress.token_ids.iter().map(|id| rate_limit::key(id)).collect();
        if !deletion.removed.items.contains_key("calls") {
            let found = self.table.counted_calls(&records).await?.len();
            deletion.removed.add("calls", found as u64);
            self.note(deletion).await?;
        }
        for record in &records {
            self.table.delete(record).await?;
        }
        let id = deletion.record.id;
        self.table.delete_both([&slug_key(&deletion.record.slug), &tenant_key(id)], id).await?;
        deletion.removed.add("slug", 1);
        deletion.removed.add("tenant", 1);
        Ok(())
    }

    /// Writes how far the deletion has come into the tenant's item.
    async fn note(&self, deletion: &TenantDeletion) -> Result<(), Error> {
        let changes = Changes::default()
            .set("deletion", Some(&deletion.progress))?
            .set("removed", Some(&deletion.removed))?
            .if_still("deleting_since", Some(&deletion.since))?;
        let noted: Option<TenantRecord> = self.table.update(&tenant_key(deletion.record.id), changes).await?;
        noted.map(drop).ok_or(Error::UnknownTenant)
    }
}
