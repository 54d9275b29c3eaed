//! What operators do: creating, listing and changing tenants, and issuing, listing, rotating and revoking tokens.
//!
//! The functions' IAM policies permit none of it, and no function calls it. Every write is conditional or idempotent, so
//! that operators who work at the same time do not undo each other's changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::lookup::{Access, TENANT_PREFIX, tenant_key};
use super::secret::Secret;
use super::token::{self, ListedToken, MAX_RATE_LIMIT, NewToken, TokenRecord};
use crate::backoff::Backoff;
use crate::model::{Patch, Slug, StoredTenant, TenantId, TenantRecord, Timestamp};
use crate::store::{self, Changes, Created};

/// How often a change is attempted while other operators change the same tenant or token.
const MAX_ATTEMPTS: u32 = 8;
/// The bounds of the first and of every pause between those attempts.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(320)];

/// Which fields of a tenant are changed. Its id and its namespace never change.
#[derive(Debug, Clone)]
pub struct TenantUpdate {
    /// The display name; `None` keeps it.
    pub name: Option<String>,
    /// The slug; `None` keeps it.
    pub slug: Option<Slug>,
    /// The rate limit of its tokens, in calls per 60 s; clearing it makes the template's parameter `RateLimit` apply.
    pub rate_limit: Patch<u32>,
}

impl Access {
    /// Creates a tenant with a random id and a random namespace. `rate_limit` is the limit, in calls per 60 s, of
    /// its tokens that have none of their own. One TransactWriteItems,
    /// which stores the tenant together with its slug, so if two calls create the same slug at once, one of them fails.
    ///
    /// # Errors
    /// [`Error::SlugTaken`]; [`Error::RateLimitTooHigh`]; [`Error::Store`]: after a store error, the tenant may have
    /// been created; [`find_tenant`](Access::find_tenant) shows whether it was.
    pub async fn create_tenant(&self, name: &str, slug: Slug, rate_limit: Option<u32>) -> Result<TenantRecord, Error> {
        check_rate_limit(rate_limit)?;
        let tenant = StoredTenant::new(name, slug, rate_limit);
        let owner = SlugOwner { tenant_id: tenant.record.id };
        let (slug_key, tenant_key) = (slug_key(&tenant.record.slug), tenant_key(owner.tenant_id));
        match self.table.create((&slug_key, &owner), (&tenant_key, &tenant)).await? {
            // The slug is this tenant's own if an earlier attempt was applied and its response was lost.
            Some(stored) if stored != owner => Err(Error::SlugTaken),
            _ => Ok(tenant.record),
        }
    }

    /// The tenant with this slug. Two GetItems, one if there is none. A slug authorises nothing.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find_tenant(&self, slug: &Slug) -> Result<Option<TenantRecord>, Error> {
        match self.table.get::<SlugOwner>(&slug_key(slug)).await? {
            Some(owner) => self.tenant_record(owner.tenant_id).await,
            None => Ok(None),
        }
    }

    /// The tenant with this id, without access to its contacts. One GetItem.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tenant_record(&self, id: TenantId) -> Result<Option<TenantRecord>, Error> {
        Ok(self.table.get(&tenant_key(id)).await?)
    }

    /// The tenant with this id, unless it is being deleted.
    async fn existing_tenant(&self, id: TenantId) -> Result<TenantRecord, Error> {
        let stored = self.tenant_record(id).await?;
        stored.filter(|tenant| tenant.deleting_since.is_none()).ok_or(Error::UnknownTenant)
    }

    /// All tenants, sorted by slug. One Scan of the index `tenant` per MB: it reads all tenants, slugs and tokens, but
    /// no namespace, at 0.5 read units per 4 KB, which is some 60 units per 1,000 tenants with a token each. Eventually
    /// consistent: a tenant created a moment ago may be missing.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tenants(&self) -> Result<Vec<TenantRecord>, Error> {
        let mut tenants: Vec<TenantRecord> = self.table.list_all(TENANT_PREFIX).await?;
        tenants.sort_by(|a, b| a.slug.as_str().cmp(b.slug.as_str()));
        Ok(tenants)
    }

    /// Changes a tenant. Only the given fields are written, so changes of different fields at the same time are all
    /// kept. One UpdateItem; for a new slug, one GetItem and one TransactWriteItems, which changes the tenant, stores the
    /// new slug and deletes the old one, so that another tenant can have it. Processes that have cached the tenant see the
    /// change within 60 s.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`]; [`Error::SlugTaken`]; [`Error::RateLimitTooHigh`]; [`Error::Store`].
    pub async fn update_tenant(&self, id: TenantId, update: &TenantUpdate) -> Result<TenantRecord, Error> {
        if let Patch::Set(limit) = update.rate_limit {
            check_rate_limit(Some(limit))?;
        }
        let key = tenant_key(id);
        let mut backoff = Backoff::new(PAUSES[0], PAUSES[1]);
        for _ in 0..MAX_ATTEMPTS {
            let stored = self.existing_tenant(id).await?;
            let mut changed = stored.clone();
            let mut changes = Changes::default().if_still("deleting_since", None::<&Timestamp>)?;
            if let Some(name) = &update.name {
                changes = changes.set("name", Some(name))?;
                changed.name.clone_from(name);
            }
            if let Some(limit) = update.rate_limit.given() {
                changes = changes.set("rate_limit", limit.as_ref())?;
                changed.rate_limit = limit;
            }
            let Some(slug) = update.slug.as_ref().filter(|slug| **slug != stored.slug) else {
                if changed == stored {
                    return Ok(stored);
                }
                return self.table.update(&key, changes).await?.ok_or(Error::UnknownTenant);
            };
            changes = changes.set("slug", Some(slug))?.if_still("slug", Some(&stored.slug))?;
            changed.slug = slug.clone();
            let (new, old, owner) = (slug_key(slug), slug_key(&stored.slug), SlugOwner { tenant_id: id });
            match self.table.create_with((&new, &owner), (&key, changes), Some((&old, id))).await? {
                Created::Written => return Ok(changed),
                Created::Exists(other) if other != owner => return Err(Error::SlugTaken),
                // The tenant's own slug: an earlier attempt was applied, which the next read shows.
                Created::Exists(_) | Created::Lost => backoff.pause().await,
            }
        }
        Err(store::Error::Conflict.into())
    }

    /// Stores a token, which has to be random, for an existing tenant or for a user without one. An item of the
    /// same token is replaced, unless it belongs to another tenant.
    /// One PutItem; with a tenant, one GetItem first.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`]; [`Error::TokenTaken`]; [`Error::RateLimitTooHigh`]; [`Error::Store`].
    pub async fn issue(&self, token: &str, new: NewToken) -> Result<ListedToken, Error> {
        check_rate_limit(new.rate_limit)?;
        if let Some(id) = new.tenant_id {
            self.existing_tenant(id).await?;
        }
        let (key, record) = (token::key(&token::digest(token)), TokenRecord::new(token, new));
        if self.table.put(&key, &record).await? { Ok(ListedToken { key, record }) } else { Err(Error::TokenTaken) }
    }

    /// A stored token, even if it has expired. One GetItem. API calls use [`authenticate`](Access::authenticate).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find(&self, token: &str) -> Result<Option<ListedToken>, Error> {
        Ok(self.table.get(&token::key(&token::digest(token))).await?)
    }

    /// The tokens of a tenant, in the order of their keys. One Query per MB, eventually consistent: a token issued a
    /// moment ago may be missing.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tokens(&self, tenant: TenantId) -> Result<Vec<ListedToken>, Error> {
        Ok(self.table.list(tenant, token::PREFIX).await?)
    }

    /// Replaces a token: `secret` becomes a token with the same user, tenant, label and rate limit, and the old token
    /// expires after `overlap`, or when it would have anyway if that is earlier. The new token expires at `expires_at`
    /// (Unix time in seconds), or never if that is `Some(None)`; with `None`, when the old one would have. One GetItem and
    /// one TransactWriteItems, so that both changes are made or neither is. If two operators rotate a token at the same
    /// time, one of them fails, unless the old token's expiry is earlier than the end of the overlap and so does not
    /// change. Processes that have cached the old token accept it until the end of the overlap and at most 60 s longer.
    ///
    /// # Errors
    /// [`RotateError`]. After [`RotateError::Store`] the rotation may have been made: the list of tokens shows whether it
    /// was.
    pub async fn rotate(
        &self,
        old: &ListedToken,
        secret: &Secret,
        overlap: Duration,
        expires_at: Option<Option<i64>>,
    ) -> Result<Rotation, RotateError> {
        let new_key = token::key(&token::digest(secret.reveal()));
        let mut backoff = Backoff::new(PAUSES[0], PAUSES[1]);
        for _ in 0..MAX_ATTEMPTS {
            let now = Timestamp::now();
            let stored: TokenRecord = self.table.get(&old.key).await?.ok_or(RotateError::Revoked)?;
            if stored.expires_at != old.record.expires_at {
                // The secret is random, so an item of it is from an attempt of this call whose response was lost.
                let new: Option<ListedToken> = self.table.get(&new_key).await?;
                let (new, old_expires_at) = new.zip(stored.expires_at).ok_or(RotateError::Changed)?;
                return Ok(Rotation { new, old_expires_at });
            }
            if stored.is_expired(now) {
                return Err(RotateError::Expired);
            }
            let end = i64::try_from(overlap.as_secs()).unwrap_or(i64::MAX).saturating_add(now.as_second());
            let expires_at = expires_at.unwrap_or(stored.expires_at);
            if expires_at.is_some_and(|expires_at| expires_at <= end) {
                return Err(RotateError::TooShort);
            }
            let old_expires_at = stored.expires_at.map_or(end, |expiry| expiry.min(end));
            let TokenRecord { user, tenant_id, label, rate_limit, .. } = stored;
            let new = TokenRecord::new(secret.reveal(), NewToken { user, tenant_id, label, rate_limit, expires_at });
            let changes = Changes::default()
                .set("expires_at", Some(&old_expires_at))?
                .if_still("expires_at", stored.expires_at.as_ref())?;
            match self.table.create_with((&new_key, &new), (&old.key, changes), None).await? {
                // An existing item of the new token is from an earlier attempt, too.
                Created::Written | Created::Exists(_) => {
                    let new = ListedToken { key: new_key, record: new };
                    return Ok(Rotation { new, old_expires_at });
                }
                Created::Lost => backoff.pause().await,
            }
        }
        Err(store::Error::Conflict.into())
    }

    /// Revokes a token by deleting its item; one that is revoked already stays so. One DeleteItem. Processes that have
    /// cached the token accept it for up to another 60 s.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn revoke(&self, token: &ListedToken) -> Result<(), Error> {
        Ok(self.table.delete(&token.key).await?)
    }
}

/// Why a token was not rotated. Nothing has changed, except perhaps after [`RotateError::Store`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum RotateError {
    /// The token has been revoked, or has expired and been deleted.
    #[error("the token has been revoked")]
    Revoked,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// The token's expiry was changed after it was read.
    #[error("the token was changed at the same time")]
    Changed,
    /// The new token would expire before the overlap ends.
    #[error("the new token would expire before the overlap ends")]
    TooShort,
    /// The access table could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The result of a rotation.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The new token.
    pub new: ListedToken,
    /// Unix time in seconds from which the old token is rejected.
    pub old_expires_at: i64,
}

/// What the item of a slug holds.
#[derive(PartialEq, Serialize, Deserialize)]
struct SlugOwner {
    tenant_id: TenantId,
}

pub(super) fn slug_key(slug: &Slug) -> String {
    format!("slug#{}", slug.as_str())
}

fn check_rate_limit(limit: Option<u32>) -> Result<(), Error> {
    if limit.is_some_and(|limit| limit > MAX_RATE_LIMIT) { Err(Error::RateLimitTooHigh) } else { Ok(()) }
}
