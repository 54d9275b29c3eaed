//! Who is calling: tokens, the users they belong to, and their tenants.
//!
//! Kept in a table of its own, so that a function's permission to look up a token gives it nothing
//! else. A token is random, shown once, and stored as its SHA-256; its item holds all there is to
//! know of the caller, so that knowing them costs one request, once a minute and process.
//!
//! | item (`key`) | holds |
//! |---|---|
//! | `token#<SHA-256 of the token, hex>` | the user, the tenant with its namespace, the quota, the expiry |
//! | `calls#<quota>#<the same SHA-256>` | when the token made its last calls |
//! | `tenant#<id>` | the tenant with its namespace, for events, which name it |

mod cache;
mod quota;
mod tenant;

use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

pub use quota::Standing;
pub use tenant::{Tenant, TenantId, TenantRecord};

use crate::error::Error;
use crate::table::AccessTable;
use crate::time::Timestamp;
use cache::Cache;
use quota::Quota;

/// How long a call waits to be counted, at the most.
const COUNTING: Duration = Duration::from_secs(1);

/// A person or program that calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user's number.
    pub id: u64,
    /// Address.
    pub email: String,
    /// Name.
    pub name: Option<String>,
}

/// Who a token says is calling.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user the token belongs to.
    pub user: User,
    /// The tenant the user works in.
    pub tenant: Option<Tenant>,
    expires_at: Option<i64>,
    rate_limit: Option<u32>,
    /// SHA-256 of the token.
    digest: String,
}

/// What a token is granted, as the access table holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grant {
    /// The user the token belongs to.
    pub user: User,
    /// The tenant the user works in; without one the token is good for nothing but `/me`.
    pub tenant: Option<TenantRecord>,
    /// How many calls the token may make in any minute, if not as many as any other; 0 is no limit.
    #[serde(default)]
    pub rate_limit: Option<u32>,
    /// Second since 1970 from which the token no longer works; DynamoDB then removes it.
    pub expires_at: Option<i64>,
}

/// Tokens, and what they grant.
pub struct Access {
    table: AccessTable,
    rate_limit: u32,
    callers: Cache<Caller>,
    tenants: Cache<Tenant>,
    quota: Quota,
}

impl Access {
    /// Access by the tokens in `table`, each for `rate_limit` calls in any minute, unless its grant
    /// says otherwise; 0 is no limit.
    pub fn new(table: AccessTable, rate_limit: u32) -> Self {
        Access { table, rate_limit, callers: Cache::default(), tenants: Cache::default(), quota: Quota::default() }
    }

    /// The caller a token belongs to.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a token that is unknown or expired, [`Error::Throttled`],
    /// [`Error::Internal`].
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        let digest = digest(token);
        let caller = match self.callers.get(&digest) {
            Some(caller) => caller,
            None => {
                let grant: Grant = self.table.get(&key(&digest)).await?.ok_or(Error::Unauthenticated)?;
                let caller = Caller {
                    user: grant.user,
                    tenant: grant.tenant.map(Tenant::granted),
                    expires_at: grant.expires_at,
                    rate_limit: grant.rate_limit,
                    digest: digest.clone(),
                };
                self.callers.put(digest, caller.clone());
                caller
            }
        };
        match caller.expires_at {
            Some(end) if end <= Timestamp::now().as_second() => Err(Error::Unauthenticated),
            _ => Ok(caller),
        }
    }

    /// The tenant that an event names. Only for events of services that were granted to send them:
    /// whoever can name a tenant here acts for it.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`], [`Error::Throttled`], [`Error::Internal`].
    pub(crate) async fn tenant(&self, id: TenantId) -> Result<Tenant, Error> {
        let key = tenant_key(id);
        if let Some(tenant) = self.tenants.get(&key) {
            return Ok(tenant);
        }
        let record: TenantRecord = self.table.get(&key).await?.ok_or(Error::UnknownTenant)?;
        let tenant = Tenant::granted(record);
        self.tenants.put(key, tenant.clone());
        Ok(tenant)
    }

    /// Counts a call against the quota of its token, and says how that stands; nothing where there
    /// is no limit. One request.
    ///
    /// When the log of calls can't be reached, the call goes uncounted: a contacts API that is down
    /// because its counter is would be the worse error.
    pub async fn count(&self, caller: &Caller) -> Option<Standing> {
        let limit = caller.rate_limit.unwrap_or(self.rate_limit).min(quota::MOST_CALLS);
        if limit == 0 {
            return None;
        }
        let counted = timeout(COUNTING, self.quota.count(&self.table, &caller.digest, limit)).await;
        counted
            .unwrap_or(Err(Error::TimedOut))
            .inspect_err(|error| tracing::warn!(%error, "a call was not counted"))
            .ok()
    }

    /// What a token is granted. For operators: [`authenticate`](Access::authenticate) is for callers.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Internal`].
    pub async fn granted(&self, token: &str) -> Result<Option<Grant>, Error> {
        self.table.get(&key(&digest(token))).await
    }

    /// Makes `token` work, and its tenant known to events. For operators: no function has the
    /// permission.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Internal`].
    pub async fn grant(&self, token: &str, grant: &Grant) -> Result<(), Error> {
        if let Some(tenant) = &grant.tenant {
            // One person has one id: there can't be two namespaces to derive it with.
            let key = tenant_key(tenant.id);
            match self.table.get::<TenantRecord>(&key).await? {
                Some(known) if known.same_namespace(tenant) => {}
                Some(_) => return Err(Error::Internal("the tenant has another namespace".to_owned())),
                None => self.table.put(&key, tenant).await?,
            }
        }
        self.table.put(&key(&digest(token)), grant).await
    }

    /// Opens the connection to DynamoDB, by asking for something that is not there, but that every
    /// function may ask for.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Internal`].
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.table.get::<Grant>("tenant#warm-up").await.map(drop)
    }
}

fn tenant_key(id: TenantId) -> String {
    format!("tenant#{id}")
}

fn key(digest: &str) -> String {
    format!("token#{digest}")
}

fn digest(token: &str) -> String {
    let mut digest = String::new();
    for byte in Sha256::digest(token) {
        // Writing to a string can't fail.
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}
