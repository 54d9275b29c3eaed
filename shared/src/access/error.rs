//! What can go wrong in access.

use super::token::MAX_RATE_LIMIT;
use crate::store;

/// Why a call has no caller or tenant, or is rejected by the rate limit.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The token is unknown, expired or revoked.
    #[error("the token is unknown, expired or revoked")]
    Unauthenticated,
    /// The id that an event or a new token names belongs to no tenant, or to one that is being deleted.
    #[error("unknown tenant")]
    UnknownTenant,
    /// The token has used up its rate limit.
    #[error("rate limit exceeded; retry after {retry_after} s")]
    RateLimited {
        /// Seconds until the next call is accepted.
        retry_after: u64,
    },
    /// A tenant or token cannot be stored, because its own rate limit is above the maximum.
    #[error("the rate limit is above {MAX_RATE_LIMIT} calls per 60 s")]
    RateLimitTooHigh,
    /// A tenant cannot be created or renamed, because another one has the slug.
    #[error("another tenant has this slug")]
    SlugTaken,
    /// A token cannot be issued, because it is a token of another tenant.
    #[error("the token belongs to another tenant")]
    TokenTaken,
    /// The access table could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
}
