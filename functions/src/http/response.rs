//! Responses: statuses, headers and bodies.

use contacts::access::RateLimitStatus;
use lambda_http::Body;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::error::HttpError;
use super::{flowiq, qyvo};
use crate::action::{Dialect, Reply, ReplyKind};
use crate::error::Error;

/// The id of a call, in its response and in its log lines.
pub(super) const REQUEST_ID: &str = "x-request-id";
/// What a write did to the contact: `created`, `updated` or `unchanged`.
const OUTCOME: &str = "x-contact-outcome";
/// The cursor of the next page of a list.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");
/// The number of calls that a token may make in any 60 s.
const LIMIT: &str = "x-ratelimit-limit";
/// The number of calls that the token may still make now.
const REMAINING: &str = "x-ratelimit-remaining";

/// The response for the reply of an action.
pub(super) fn success<T: Serialize>(reply: Reply<T>) -> Result<Response<Body>, Error> {
    let status = match reply.kind {
        ReplyKind::Done => StatusCode::OK,
        ReplyKind::Upserted => StatusCode::CREATED,
        ReplyKind::NotModified => StatusCode::NOT_MODIFIED,
    };
    let mut response = match reply.kind {
        ReplyKind::NotModified => empty(status),
        ReplyKind::Done | ReplyKind::Upserted => {
            let body = serde_json::to_string(&reply.body);
            json(status, body.map_err(|error| Error::Internal(format!("an answer could not be serialized: {error}")))?)
        }
    };
    if let Some(version) = reply.version {
        let tag = HeaderValue::from_str(&format!(r#""{version}""#));
        let tag = tag.map_err(|error| Error::Internal(format!("a version cannot be a header: {error}")))?;
        response.headers_mut().insert(header::ETAG, tag);
    }
    if let Some(outcome) = reply.outcome {
        response.headers_mut().insert(OUTCOME, HeaderValue::from_static(outcome.name()));
    }
    if let Some(cursor) = reply.next_cursor {
        // A cursor is safe in URLs. The target is relative, so that it is right behind every host and stage.
        for (name, value) in
            [(NEXT_CURSOR, cursor.to_string()), (header::LINK, format!(r#"<?cursor={cursor}>; rel="next""#))]
        {
            let value = HeaderValue::from_str(&value)
                .map_err(|error| Error::Internal(format!("a cursor cannot be a header: {error}")))?;
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// The response for an error.
pub(super) fn failure(dialect: Dialect, error: &HttpError) -> Response<Body> {
    let (status, body) = match dialect {
        Dialect::Qyvo => qyvo::error_response(error),
        Dialect::FlowIq => flowiq::error_response(error),
    };
    if status.is_server_error() {
        tracing::error!(%error, "the request failed");
    }
    let mut response = json(status, body);
    let retry_after = match error {
        HttpError::RateLimited { retry_after } => Some(*retry_after),
        _ if status == StatusCode::SERVICE_UNAVAILABLE => Some(1),
        _ => None,
    };
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Adds the request id, and the status of the rate limit if the call was counted. It was not after a 401,
/// for an unlimited token, or if the access table did not answer.
pub(super) fn add_common_headers(headers: &mut HeaderMap, request_id: &str, rate_limit: Option<&RateLimitStatus>) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(status) = rate_limit {
        headers.insert(LIMIT, status.limit.into());
        headers.insert(REMAINING, status.remaining.into());
    }
}

/// A response without a body.
fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

/// A response with a body of JSON text.
pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
