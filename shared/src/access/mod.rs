//! Access: tokens, their users and tenants, and the rate limit.
//!
//! The access table is separate from the contacts table, so that IAM can let functions read tokens without
//! letting them write tokens or tenants. The table stores the SHA-256 of a token, never the token; the
//! hash has no salt, so tokens must be generated at random. A process caches tokens and tenants for 60 s.
//!
//! This module is the only one that creates a [`Tenant`]: from a valid token, or from the id in an event
//! whose sender IAM authorises. It must not depend on HTTP or on event formats. Start reading at
//! [`Access`].
//!
//! | item (`key`) | holds |
//! |---|---|
//! | `token#<SHA-256 of the token, hex>` | user, tenant with its namespace, rate limit, expiry |
//! | `calls#<limit>#<SHA-256 of the token, hex>` | the times of the token's last calls (rate limit) |
//! | `tenant#<id>` | the tenant with its namespace, for events, which name it by id |

mod cache;
mod error;
mod rate_limit;
mod token;

use std::time::Duration;

use tokio::time::timeout;

pub use error::Error;
pub use rate_limit::RateLimitStatus;
pub use token::{Caller, MAX_RATE_LIMIT, TokenRecord, User};

use crate::model::{Tenant, TenantId, TenantRecord, Timestamp};
use crate::store::{self, AccessTable};
use cache::Cache;
use rate_limit::RateLimit;

/// How long a call waits for the rate-limit check.
const RATE_LIMIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Looks up tokens and tenants in the access table, and counts calls against the rate limit.
pub struct Access {
    table: AccessTable,
    default_rate_limit: u32,
    callers: Cache<Caller>,
    tenants: Cache<Tenant>,
    rate_limit: RateLimit,
}

impl Access {
    /// Access through the tokens in `table`. `default_rate_limit` is the number of calls in any 60 s for
    /// tokens without a limit of their own; 0 means unlimited.
    pub fn new(table: AccessTable, default_rate_limit: u32) -> Self {
        Access {
            table,
            default_rate_limit,
            callers: Cache::default(),
            tenants: Cache::default(),
            rate_limit: RateLimit::default(),
        }
    }

    /// The caller that a token belongs to. On a cache miss (60 s), one strongly consistent GetItem; unknown
    /// tokens are not cached. A token is revoked by deleting its item.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for an unknown or expired token; [`Error::Store`].
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        let digest = token::digest(token);
        let caller = match self.callers.get(&digest) {
            Some(caller) => caller,
            None => {
                let record: Option<TokenRecord> = self.table.get(&token::key(&digest)).await?;
                let caller = Caller::new(record.ok_or(Error::Unauthenticated)?, digest.clone());
                self.callers.put(digest, caller.clone());
                caller
            }
        };
        if caller.is_expired(Timestamp::now()) { Err(Error::Unauthenticated) } else { Ok(caller) }
    }

    /// The tenant that an event names. On a cache miss (60 s), one GetItem.
    ///
    /// Call this only for events whose senders IAM authorises: whoever can name a tenant here acts for it.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`]; [`Error::Store`].
    pub async fn tenant(&self, id: TenantId) -> Result<Tenant, Error> {
        let key = tenant_key(id);
        if let Some(tenant) = self.tenants.get(&key) {
            return Ok(tenant);
        }
        let record: TenantRecord = self.table.get(&key).await?.ok_or(Error::UnknownTenant)?;
        let tenant = Tenant::authenticated(record);
        self.tenants.put(key, tenant.clone());
        Ok(tenant)
    }

    /// Counts a call against the rate limit of its token and returns the status of the limit, or `None`
    /// if the token is unlimited or the call could not be counted. Limits above
    /// [`MAX_RATE_LIMIT`] count as that.
    /// Usually one UpdateItem, at most four; a rejected call costs as much.
    ///
    /// If counting fails or takes longer than a second, the call is accepted and a warning is logged,
    /// because an unavailable rate limiter must not make the API unavailable.
    pub async fn count(&self, caller: &Caller) -> Option<RateLimitStatus> {
        let limit = caller.rate_limit(self.default_rate_limit).min(MAX_RATE_LIMIT);
        if limit == 0 {
            return None;
        }
        match timeout(RATE_LIMIT_TIMEOUT, self.rate_limit.count(&self.table, caller.digest(), limit)).await {
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

    /// The stored record of a token, even if it has expired. One GetItem. API calls use
    /// [`authenticate`](Access::authenticate).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find(&self, token: &str) -> Result<Option<TokenRecord>, Error> {
        Ok(self.table.get(&token::key(&token::digest(token))).await?)
    }

    /// Stores the record of a token, replacing an existing one, and its tenant if the table has none with
    /// this id. The functions' IAM policies do not permit it. One PutItem; with a tenant, one GetItem first
    /// and one more PutItem if the tenant is new. The requests are not atomic.
    ///
    /// # Errors
    /// [`Error::RateLimitTooHigh`]; [`Error::OtherNamespace`] if the tenant exists with another namespace;
    /// [`Error::Store`].
    pub async fn issue(&self, token: &str, record: &TokenRecord) -> Result<(), Error> {
        if record.rate_limit.is_some_and(|limit| limit > MAX_RATE_LIMIT) {
            return Err(Error::RateLimitTooHigh);
        }
        if let Some(tenant) = &record.tenant {
            // A second namespace would give every person a second id.
            let key = tenant_key(tenant.id);
            match self.table.get::<TenantRecord>(&key).await? {
                Some(known) if known.same_namespace(tenant) => {}
                Some(_) => return Err(Error::OtherNamespace),
                None => self.table.put(&key, tenant).await?,
            }
        }
        Ok(self.table.put(&token::key(&token::digest(token)), record).await?)
    }

    /// Opens the connection to DynamoDB by reading an absent item that every function may read.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn warm_up(&self) -> Result<(), store::Error> {
        self.table.get::<TenantRecord>("tenant#warm-up").await.map(drop)
    }
}

fn tenant_key(id: TenantId) -> String {
    format!("tenant#{id}")
}
