//! What functions call: who a token belongs to, which tenant an event names, and whether a call is within its rate limit.

use std::time::Duration;

use tokio::time::timeout;

use super::cache::Cache;
use super::error::Error;
use super::rate_limit::{RateLimit, RateLimitStatus};
use super::token::{self, Caller, MAX_RATE_LIMIT, TokenRecord};
use crate::model::{StoredTenant, Tenant, TenantId, TenantRecord, Timestamp};
use crate::store::{self, AccessTable, ConsumedUnits};

/// How long a call waits for the rate-limit check.
const RATE_LIMIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Looks up tokens and tenants in the access table, creates and changes them for operators, and counts calls against the
/// rate limit.
pub struct Access {
    pub(super) table: AccessTable,
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
    /// [`Error::Unauthenticated`] for an unknown or expired token, and for one whose tenant does not exist or is being
    /// deleted;
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
    /// Outside this module, call it only for events whose senders IAM authorises, and for operators, because the id
    /// alone gives access to the tenant's contacts.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`]; [`Error::Store`].
    pub async fn tenant(&self, id: TenantId) -> Result<Tenant, Error> {
        let key = tenant_key(id);
        if let Some(tenant) = self.tenants.get(&key) {
            return Ok(tenant);
        }
        let stored: Option<StoredTenant> = Box::pin(self.table.get(&key)).await?;
        let stored = stored.filter(|tenant| tenant.record.deleting_since.is_none()).ok_or(Error::UnknownTenant)?;
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

/// What the keys of all tenants begin with.
pub(super) const TENANT_PREFIX: &str = "tenant#";

/// The key of a tenant's item.
pub(super) fn tenant_key(id: TenantId) -> String {
    format!("{TENANT_PREFIX}{id}")
}
