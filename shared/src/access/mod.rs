//! Access: tokens, their users and tenants, and the rate limit.
//!
//! The access table is separate from the contacts table, so that IAM can let functions read tokens without
//! letting them write tokens or tenants. The table stores the SHA-256 of a token, never the token; the
//! hash has no salt, so tokens must be generated at random. A process caches tokens and tenants for 60 s each.
//!
//! This module is the only one that creates a [`Tenant`](crate::model::Tenant): from a valid token, or from the id in an event
//! whose sender IAM authorises. It must not depend on HTTP or on event formats. Start reading at
//! [`Access`]: `lookup.rs` has what functions call; `operators.rs`, `usage.rs` and `deletion.rs` have what operators do with
//! tenants and tokens.
//!
//! | item (`key`) | holds |
//! |---|---|
//! | `tenant#<id>` | the tenant: name, slug, secret namespace, rate limit |
//! | `slug#<slug>` | the id of the tenant that has the slug, so that no other tenant gets it |
//! | `token#<SHA-256 of the token, hex>` | the id of the tenant, user, label, kind, rate limit, expiry; no copy of the tenant |
//! | `calls#<SHA-256 of the token, hex>` | the times of the token's last calls (rate limit), and the number of its calls on each of the last seven UTC days |
//!
//! All but the last have the attribute `tenant_id` (a token of a user without a tenant does not), and so are in the
//! index `tenant`, which lists what belongs to a tenant. The index leaves out the namespace.

mod cache;
mod deletion;
mod error;
mod lookup;
mod operators;
mod rate_limit;
mod secret;
mod token;
mod usage;

pub use cache::MAX_AGE;
pub use deletion::{DeletionError, MAX_TOKENS, QUIET, Removed, TenantDeletion};
pub use error::Error;
pub use lookup::Access;
pub use operators::{RotateError, Rotation, TenantUpdate};
pub use rate_limit::RateLimitStatus;
pub use secret::{Secret, SecretKind};
pub use token::{Caller, ListedToken, MAX_RATE_LIMIT, NewToken, TokenRecord, User};
pub use usage::{LAST_USE_DAYS, TokenUsage, USAGE_DAYS};
