//! The header `Idempotency-Key`. The store records what a call with a key has done, and returns that to its repetitions.

use contacts::access::Caller;
use contacts::model::Tenant;
use contacts::store::Once;
use lambda_http::Request;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};

use super::error::HttpError;
use crate::action::Action;

/// The key of a call, chosen by the client.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// `true` in the answer to a repetition.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The call with an idempotency key that a request is, if it has one and the action writes. Bodies are compared byte by byte.
///
/// # Errors
/// [`HttpError::BadKey`] for anything but one key of 1 to 255 visible ASCII characters.
pub(super) fn once<A: Action>(caller: &Caller, tenant: &Tenant, request: &Request) -> Result<Option<Once>, HttpError> {
    let mut keys = request.headers().get_all(KEY).iter();
    let (true, Some(key)) = (A::WRITES, keys.next()) else { return Ok(None) };
    let is_visible = |key: &&str| (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = key.to_str().ok().filter(is_visible).filter(|_| keys.next().is_none()).ok_or(HttpError::BadKey)?;
    Ok(Some(Once::new(tenant, caller.token_digest(), A::NAME, key, request.body())))
}

/// Marks the answer to a repetition.
pub(super) fn mark(headers: &mut HeaderMap, once: Option<&Once>) {
    if once.is_some_and(Once::was_repeated) {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
}
