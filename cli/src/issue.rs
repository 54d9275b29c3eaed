//! Issuing tokens, for `carnet token create` and `carnet tenant create --with-token`.

use carnet_local::BoxError;
use contacts::access::{ListedToken, NewToken, Secret, SecretKind, User};
use contacts::model::TenantRecord;

use crate::target::{Target, explain};
use crate::values::Expiry;

/// What operators choose for a new token.
#[derive(Debug)]
pub(crate) struct Choices {
    /// What the token is used for.
    pub(crate) label: String,
    /// Which clients it is for.
    pub(crate) kind: SecretKind,
    /// When it expires.
    pub(crate) expires: Expiry,
    /// Its own rate limit.
    pub(crate) rate_limit: Option<u32>,
    /// Who uses it; `None` stands for [`placeholder_user`].
    pub(crate) user: Option<User>,
}

/// Issues a token with a new secret, which is stored only as its SHA-256.
///
/// # Errors
/// When the access table cannot be written.
pub(crate) async fn issue(
    target: &Target,
    tenant: &TenantRecord,
    choices: Choices,
) -> Result<(Secret, ListedToken), BoxError> {
    let secret = Secret::generate(choices.kind);
    let new = NewToken {
        user: choices.user.unwrap_or_else(|| placeholder_user(tenant)),
        tenant_id: Some(tenant.id),
        label: choices.label,
        rate_limit: choices.rate_limit,
        expires_at: choices.expires.second(),
    };
    let token = target.access.issue(secret.reveal(), new).await.map_err(explain)?;
    Ok((secret, token))
}

/// The user of a token that is created without one: number 1, with an address that cannot exist (RFC 2606).
pub(crate) fn placeholder_user(tenant: &TenantRecord) -> User {
    User { id: 1, email: format!("api@{}.invalid", tenant.slug.as_str()), name: None }
}

/// A first call with a token, to be pasted into a shell.
pub(crate) fn first_call(target: &Target, secret: &Secret) -> String {
    format!("curl {}/api/v1/me -H 'Authorization: Bearer {}'\n", target.url(), secret.reveal())
}
