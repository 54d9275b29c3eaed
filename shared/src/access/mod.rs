//! Access: tokens, their users and tenants, and the rate limit.
//!
//! The access table is separate from the contacts table, so that IAM can let functions read tokens without
//! letting them write tokens or tenants. The table stores the SHA-256 of a token, never the token; the
//! hash has no salt, so tokens must be generated at random. A process caches tokens and tenants for 60 s each.
//!
//! This module is the only one that creates a [`Tenant`]: from a valid token, or from the id in an event
//! whose sender IAM authorises. It must not depend on HTTP or on event formats. Start reading at
//! [`Access`].
//!
//! | item (`key`) | holds |
//! |---|---|
//! | `tenant#<id>` | the tenant: name, slug, secret namespace, rate limit |
//! | `slug#<slug>` | the id of the tenant that has the slug, so that no other tenant gets it |
//! | `token#<SHA-256 of the token, hex>` | the id of the tenant, user, label, rate limit, expiry; no copy of the tenant |
//! | `calls#<limit>#<SHA-256 of the token, hex>` | the times of the token's last calls (rate limit) |
//!
//! All but the last have the attribute `tenant_id` (a token of a user without a tenant does not), and so are in the
//! index `tenant`, which lists what belongs to a tenant. The index leaves out the namespace.

mod cache;
mod error;
mod rate_limit;
mod token;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

pub use error::Error;
pub use rate_limit::RateLimitStatus;
pub use token::{Caller, ListedToken, MAX_RATE_LIMIT, NewToken, TokenRecord, User};

use crate::model::{Slug, StoredTenant, Tenant, TenantId, TenantRecord, Timestamp};
use crate::store::{self, AccessTable, ConsumedUnits};
use cache::Cache;
use rate_limit::RateLimit;

/// How long a call waits for the rate-limit check.
const RATE_LIMIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Looks up tokens and tenants in the access table, creates them for operators, and counts calls against the rate
/// limit.
pub struct Access {
    table: AccessTable,
    default_rate_limit: u32,
    tokens: Cache<TokenRecord>,
    tenants: Cache<Tenant>,
    rate_limit: RateLimit,
}

impl Access {
    /// Access through the tokens in `table`. `default_rate_limit` is the number of calls in any 60 s for
    /// tokens that have no limit of their own and whose tenant has none; 0 means unlimited.
    pub fn new(table: AccessTable, default_rate_limit: u32) -> Self {
        Access {
            table,
            default_rate_limit,
            tokens: Cache::default(),
            tenants: Cache::default(),
            rate_limit: RateLimit::default(),
        }
    }

    /// The caller that a token belongs to. On a miss of the token cache, one strongly consistent GetItem, and then
    /// one more on a miss of the tenant cache (60 s each); unknown tokens are not cached. A token is revoked by
    /// deleting its item.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for an unknown or expired token, and for one whose tenant does not exist;
    /// [`Error::Store`].
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        let digest = token::digest(token);
        let record = match self.tokens.get(&digest) {
            Some(record) => record,
            None => {
                // Boxed, here and below: the SDK's futures are large, and every layer around this one would copy them in
                // every call, also when nothing is requested.
                let record: Option<TokenRecord> = Box::pin(self.table.get(&token::key(&digest))).await?;
                let record = record.ok_or(Error::Unauthenticated)?;
                self.tokens.put(digest.clone(), record.clone());
                record
            }
        };
        if record.is_expired(Timestamp::now()) {
            return Err(Error::Unauthenticated);
        }
        let tenant = match record.tenant_id {
            None => None,
            Some(tenant_id) => match self.tenant(tenant_id).await {
                Err(Error::UnknownTenant) => return Err(Error::Unauthenticated),
                found => Some(found?),
            },
        };
        Ok(Caller::new(record, tenant, digest))
    }

    /// The tenant that an event names. On a cache miss (60 s), one strongly consistent GetItem.
    ///
    /// Outside this module, call it only for events whose senders IAM authorises, because the id alone gives access to
    /// the tenant's contacts.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`]; [`Error::Store`].
    pub async fn tenant(&self, id: TenantId) -> Result<Tenant, Error> {
        let key = tenant_key(id);
        if let Some(tenant) = self.tenants.get(&key) {
            return Ok(tenant);
        }
        let stored: Option<StoredTenant> = Box::pin(self.table.get(&key)).await?;
        let stored = stored.ok_or(Error::UnknownTenant)?;
        let tenant = Tenant::authenticated(stored);
        self.tenants.put(key, tenant.clone());
        Ok(tenant)
    }

    /// Counts a call against the rate limit of its token and returns the status of the limit, or `None`
    /// if the token is unlimited or the call could not be counted. Limits above
    /// [`MAX_RATE_LIMIT`] count as that.
    /// Usually one UpdateItem, at most four, each of which is sent up to four times if it is throttled. A rejected call
    /// costs as much.
    ///
    /// If counting fails or takes longer than a second, the call is accepted and a warning is logged,
    /// because an unavailable rate limiter must not make the API unavailable.
    pub async fn count(&self, caller: &Caller) -> Option<RateLimitStatus> {
        let limit = caller.rate_limit(self.default_rate_limit).min(MAX_RATE_LIMIT);
        if limit == 0 {
            return None;
        }
        let counted = Box::pin(self.rate_limit.count(&self.table, caller.digest(), limit));
        match timeout(RATE_LIMIT_TIMEOUT, counted).await {
            Ok(Ok(status)) => Some(status),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the call was not counted against the rate limit");
                None
            }
            Err(_) => {
                tracing::warn!(error = "timed out", "the call was not counted against the rate limit");
                None
            }
        }
    }

    /// Creates a tenant with a random id and a random namespace. `rate_limit` is the limit, in calls per 60 s, of
    /// its tokens that have none of their own. The functions' IAM policies do not permit it. One TransactWriteItems,
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

    /// The tenant with this slug. Two GetItems, one if there is none. For operators: a slug authorises nothing.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find_tenant(&self, slug: &Slug) -> Result<Option<TenantRecord>, Error> {
        match self.table.get::<SlugOwner>(&slug_key(slug)).await? {
            Some(owner) => Ok(self.table.get(&tenant_key(owner.tenant_id)).await?),
            None => Ok(None),
        }
    }

    /// Stores a token, which has to be random, for an existing tenant or for a user without one. An item of the
    /// same token is replaced, unless it belongs to another tenant. The functions' IAM policies do not permit it.
    /// One PutItem; with a tenant, one GetItem first.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`]; [`Error::TokenTaken`]; [`Error::RateLimitTooHigh`]; [`Error::Store`].
    pub async fn issue(&self, token: &str, new: NewToken) -> Result<TokenRecord, Error> {
        check_rate_limit(new.rate_limit)?;
        if let Some(id) = new.tenant_id {
            self.table.get::<TenantRecord>(&tenant_key(id)).await?.ok_or(Error::UnknownTenant)?;
        }
        let record = TokenRecord::new(token, new);
        let stored = self.table.put(&token::key(&token::digest(token)), &record).await?;
        if stored { Ok(record) } else { Err(Error::TokenTaken) }
    }

    /// The stored record of a token, even if it has expired. One GetItem. API calls use
    /// [`authenticate`](Access::authenticate).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find(&self, token: &str) -> Result<Option<TokenRecord>, Error> {
        Ok(self.table.get(&token::key(&token::digest(token))).await?)
    }

    /// The tokens of a tenant, in the order of their keys. One Query per MB, eventually consistent: a token issued a
    /// moment ago may be missing. The functions' IAM policies do not permit it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tokens(&self, tenant: TenantId) -> Result<Vec<ListedToken>, Error> {
        Ok(self.table.list(tenant, token::PREFIX).await?)
    }

    /// The capacity units of all requests since the last time, with those to the contacts table if it has the same
    /// client. `None` unless Carnet logs at the level `DEBUG`.
    pub fn take_units(&self) -> Option<ConsumedUnits> {
        self.table.take_units()
    }

    /// Opens the connection to DynamoDB by reading an absent item that every function may read.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn warm_up(&self) -> Result<(), store::Error> {
        self.table.get::<TenantRecord>("tenant#warm-up").await.map(drop)
    }
}

/// What the item of a slug holds.
#[derive(PartialEq, Serialize, Deserialize)]
struct SlugOwner {
    tenant_id: TenantId,
}

fn tenant_key(id: TenantId) -> String {
    format!("tenant#{id}")
}

fn slug_key(slug: &Slug) -> String {
    format!("slug#{}", slug.as_str())
}

fn check_rate_limit(limit: Option<u32>) -> Result<(), Error> {
    if limit.is_some_and(|limit| limit > MAX_RATE_LIMIT) { Err(Error::RateLimitTooHigh) } else { Ok(()) }
}
