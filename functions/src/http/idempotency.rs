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
    if !A::WRITES {
        return Ok(None);
    }
    let mut keys = request.headers().get_all(KEY).iter();
    let key = match (keys.next(), keys.next()) {
        (None, _) => return Ok(None),
        (Some(key), None) => key.to_str().ok().filter(|key| is_key(key)).ok_or(HttpError::BadKey)?,
        (Some(_), Some(_)) => return Err(HttpError::BadKey),
    };
    Ok(Some(Once::new(tenant, caller.token_digest(), A::NAME, key, request.body())))
}

fn is_key(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Marks the answer to a repetition.
pub(super) fn mark(headers: &mut HeaderMap, once: Option<&Once>) {
    if once.is_some_and(Once::was_repeated) {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
}
