//! Who is calling: tokens, the users they belong to, and their tenants.
//!
//! Kept in a table of its own, so that a function's permission to look up a token gives it nothing
//! else. A token is random, shown once, and stored as its SHA-256; its item holds all there is to
//! know of the caller, so that knowing them costs one request, once a minute and process.
//!
//! | item (`key`) | holds |
//! |---|---|
//! | `token#<SHA-256 of the token, hex>` | the user, the tenant with its namespace, the expiry |

mod cache;
mod tenant;

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use tenant::{Tenant, TenantId, TenantRecord};

use crate::error::Error;
use crate::table::AccessTable;
use crate::time::Timestamp;
use cache::Cache;

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
}

/// What a token is granted, as the access table holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grant {
    /// The user the token belongs to.
    pub user: User,
    /// The tenant the user works in; without one the token is good for nothing but `/me`.
    pub tenant: Option<TenantRecord>,
    /// Second since 1970 from which the token no longer works; DynamoDB then removes it.
    pub expires_at: Option<i64>,
}

/// Tokens, and what they grant.
pub struct Access {
    table: AccessTable,
    cache: Cache,
}

impl Access {
    /// Access by the tokens in `table`.
    pub fn new(table: AccessTable) -> Self {
        Access { table, cache: Cache::default() }
    }

    /// The caller a token belongs to.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a token that is unknown or expired, [`Error::Throttled`],
    /// [`Error::Internal`].
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        let key = key(token);
        let caller = match self.cache.get(&key) {
            Some(caller) => caller,
            None => {
                let grant: Grant = self.table.get(&key).await?.ok_or(Error::Unauthenticated)?;
                let tenant = grant.tenant.map(Tenant::granted);
                let caller = Caller { user: grant.user, tenant, expires_at: grant.expires_at };
                self.cache.put(key, caller.clone());
                caller
            }
        };
        match caller.expires_at {
            Some(end) if end <= Timestamp::now().as_second() => Err(Error::Unauthenticated),
            _ => Ok(caller),
        }
    }

    /// Makes `token` work. For operators: no function has the permission.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Internal`].
    pub async fn grant(&self, token: &str, grant: &Grant) -> Result<(), Error> {
        self.table.put(&key(token), grant).await
    }

    /// Opens the connection to DynamoDB, by asking for something that is not there.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Internal`].
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.table.get::<Grant>("warm-up").await.map(drop)
    }
}

fn key(token: &str) -> String {
    let mut key = "token#".to_owned();
    for byte in Sha256::digest(token) {
        // Writing to a string can't fail.
        let _ = write!(key, "{byte:02x}");
    }
    key
}
