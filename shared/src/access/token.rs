//! Tokens and their users.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{Tenant, TenantRecord, Timestamp};

/// The largest rate limit, in calls per 60 s. The record of a token is one item, and DynamoDB writes at most
/// 1,000 units per second to one item: a call costs 7 units with this limit.
pub const MAX_RATE_LIMIT: u32 = 1_000;

/// The user of a token: a person or a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user's number.
    pub id: u64,
    /// Email address.
    pub email: String,
    /// Display name.
    pub name: Option<String>,
}

/// What the access table stores about a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenRecord {
    /// The user the token belongs to.
    pub user: User,
    /// The user's tenant. Without one, the token is accepted by `GET /api/v1/me` only.
    pub tenant: Option<TenantRecord>,
    /// The token's own rate limit in calls per 60 s: 0 means unlimited, at most 1,000.
    /// `None` uses the template's parameter `RateLimit`.
    #[serde(default)]
    pub rate_limit: Option<u32>,
    /// Unix time in seconds from which the token is rejected; DynamoDB deletes the item within days (TTL).
    /// `None`: the token does not expire.
    pub expires_at: Option<i64>,
}

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user the token belongs to.
    pub user: User,
    /// The user's tenant.
    pub tenant: Option<Tenant>,
    expires_at: Option<i64>,
    rate_limit: Option<u32>,
    /// SHA-256 of the token, in hex.
    digest: String,
}

impl Caller {
    pub(super) fn new(record: TokenRecord, digest: String) -> Self {
        Caller {
            user: record.user,
            tenant: record.tenant.map(Tenant::authenticated),
            expires_at: record.expires_at,
            rate_limit: record.rate_limit,
            digest,
        }
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now.as_second())
    }

    /// The token's rate limit, or `default`.
    pub(super) fn rate_limit(&self, default: u32) -> u32 {
        self.rate_limit.unwrap_or(default)
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }
}

/// The SHA-256 of a token, in hex.
pub(super) fn digest(token: &str) -> String {
    let mut digest = String::new();
    for byte in Sha256::digest(token) {
        // Writing to a string cannot fail.
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

/// The key of the token with this digest.
pub(super) fn key(digest: &str) -> String {
    format!("token#{digest}")
}
