//! Tokens and their users.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::secret::SecretKind;
use crate::model::{Tenant, TenantId, Timestamp};

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

/// A token to be issued.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The user the token belongs to.
    pub user: User,
    /// The user's tenant. Without one, the token is accepted by `GET /api/v1/me` only.
    pub tenant_id: Option<TenantId>,
    /// What the token is used for, as free text of the operator who issues it.
    pub label: String,
    /// The token's own rate limit in calls per 60 s: 0 means unlimited, at most 1,000.
    /// `None` uses the tenant's, or else the template's parameter `RateLimit`.
    pub rate_limit: Option<u32>,
    /// Unix time in seconds from which the token is rejected; DynamoDB deletes the item within days (TTL).
    /// `None`: the token does not expire.
    pub expires_at: Option<i64>,
}

/// What the access table stores about a token: the fields of [`NewToken`], the time of issue, and the token's kind and end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenRecord {
    /// The user the token belongs to.
    pub user: User,
    /// The user's tenant.
    pub tenant_id: Option<TenantId>,
    /// What the token is for.
    pub label: String,
    /// When the token was issued.
    pub created_at: Timestamp,
    /// The last four characters of the token, by which people recognise it in a list.
    pub last_four: String,
    /// Which clients the token is for; `None` for tokens that were issued before this was stored.
    pub kind: Option<SecretKind>,
    /// The token's own rate limit in calls per 60 s.
    pub rate_limit: Option<u32>,
    /// Unix time in seconds from which the token is rejected.
    pub expires_at: Option<i64>,
}

impl TokenRecord {
    pub(super) fn new(token: &str, new: NewToken) -> Self {
        let NewToken { user, tenant_id, label, rate_limit, expires_at } = new;
        let last_four = token.char_indices().rev().nth(3).map_or(0, |(start, _)| start);
        TokenRecord {
            user,
            tenant_id,
            label,
            created_at: Timestamp::now(),
            last_four: token[last_four..].to_owned(),
            kind: Some(SecretKind::of(token)),
            rate_limit,
            expires_at,
        }
    }

    /// Whether the token is rejected at this time because it has expired.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now.as_second())
    }
}

/// A stored token, as operators see it.
#[derive(Debug, Clone, Deserialize)]
pub struct ListedToken {
    /// `token#` and the SHA-256 of the token in hex: the key of its item.
    pub key: String,
    /// The stored record.
    #[serde(flatten)]
    pub record: TokenRecord,
}

impl ListedToken {
    /// The SHA-256 of the token, 64 hex digits. It identifies the token and authorises nothing.
    pub fn id(&self) -> &str {
        self.key.strip_prefix(PREFIX).unwrap_or(&self.key)
    }
}

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user the token belongs to.
    pub user: User,
    /// The user's tenant.
    pub tenant: Option<Tenant>,
    rate_limit: Option<u32>,
    /// SHA-256 of the token, in hex.
    digest: String,
}

impl Caller {
    /// SHA-256 of the token, in hex.
    pub fn token_digest(&self) -> &str {
        &self.digest
    }

    pub(super) fn new(record: TokenRecord, tenant: Option<Tenant>, digest: String) -> Self {
        let rate_limit = record.rate_limit.or(tenant.as_ref().and_then(Tenant::rate_limit));
        Caller { user: record.user, tenant, rate_limit, digest }
    }

    /// The rate limit of the token or else of its tenant, or `default`.
    pub(super) fn rate_limit(&self, default: u32) -> u32 {
        self.rate_limit.unwrap_or(default)
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }
}

/// The SHA-256 of a token, in hex.
pub(super) fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

/// What the keys of all tokens begin with.
pub(super) const PREFIX: &str = "token#";

/// The key of the token with this digest.
pub(super) fn key(digest: &str) -> String {
    format!("{PREFIX}{digest}")
}
