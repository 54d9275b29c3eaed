//! What can go wrong with a request.

use contacts::access;

use crate::error::Error;

/// Why a request is not answered with the result of its action. `qyvo.rs` and `flowiq.rs` map it to a
/// status and a body.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// The request has no bearer token.
    #[error("the request has no bearer token")]
    NoToken,
    /// The token is unknown, expired or revoked.
    #[error("the token is unknown, expired or revoked")]
    Unauthenticated,
    /// The token has used up its rate limit.
    #[error("rate limit exceeded; retry after {retry_after} s")]
    RateLimited {
        /// Seconds until the next call is accepted.
        retry_after: u64,
    },
    /// The user of the token has no tenant.
    #[error("the user has no tenant")]
    NoTenant,
    /// The request names another tenant than the token's.
    #[error("the request names another tenant than the token's")]
    OtherTenant,
    /// The idempotency key is not one of 1 to 255 visible ASCII characters.
    #[error("the idempotency key is invalid")]
    BadKey,
    /// The call did not finish within the time limit. A write may have been applied.
    #[error("the time limit was reached")]
    TimedOut,
    /// The action failed.
    #[error(transparent)]
    Action(#[from] Error),
}

/// What clients read about a key that is not one.
pub(super) const BAD_KEY: &str = "The Idempotency-Key must be 1 to 255 visible ASCII characters.";

impl From<access::Error> for HttpError {
    fn from(error: access::Error) -> Self {
        match error {
            access::Error::Unauthenticated => HttpError::Unauthenticated,
            access::Error::RateLimited { retry_after } => HttpError::RateLimited { retry_after },
            access::Error::Store(error) => HttpError::Action(Error::Store(error)),
            // Only events name tenants by id, and only operators create tenants and issue tokens.
            error @ (access::Error::UnknownTenant
            | access::Error::SlugTaken
            | access::Error::TokenTaken
            | access::Error::RateLimitTooHigh) => HttpError::Action(Error::Internal(error.to_string())),
        }
    }
}
