//! What an answer looks like from outside.

use lambda_http::Body;
use lambda_http::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::super::{Answer, Dialect, Kind};
use super::request::REQUEST_ID;
use super::{flowiq, qyvo};
use crate::access::Standing;
use crate::error::Error;
use crate::table::Outcome;

/// Ours: what a write did to the contact.
const OUTCOME: &str = "x-contact-outcome";
/// How many calls a token may make in any minute, and how many of them are left.
const LIMIT: &str = "x-ratelimit-limit";
const REMAINING: &str = "x-ratelimit-remaining";

/// The response to a call that went well.
pub(super) fn success<T: Serialize>(answer: Answer<T>) -> Result<Response<Body>, Error> {
    let (status, outcome) = match answer.kind {
        Kind::Found => (StatusCode::OK, None),
        Kind::Upserted(outcome) => (StatusCode::CREATED, Some(outcome)),
        Kind::Changed(outcome) => (StatusCode::OK, Some(outcome)),
    };
    let body = serde_json::to_string(&answer.body);
    let mut response = json(status, body.map_err(|error| Error::Internal(format!("writing an answer: {error}")))?);
    if let Some(outcome) = outcome {
        let outcome = match outcome {
            Outcome::Created => "created",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "unchanged",
        };
        response.headers_mut().insert(OUTCOME, HeaderValue::from_static(outcome));
    }
    Ok(response)
}

/// The response to a call that did not.
pub(super) fn failure(dialect: Dialect, error: &Error) -> Response<Body> {
    let (status, body) = match dialect {
        Dialect::Qyvo => qyvo::failure(error),
        Dialect::FlowIq => flowiq::failure(error),
    };
    if status.is_server_error() {
        tracing::error!(%error, "failed");
    }
    let mut response = json(status, body);
    let wait = match error {
        Error::TooManyCalls(wait) => Some(*wait),
        Error::Conflict | Error::Throttled | Error::TimedOut => Some(1),
        _ => None,
    };
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, wait.into());
    }
    response
}

/// What every answer says of the call, whatever became of it.
pub(super) fn about(headers: &mut HeaderMap, request_id: &str, standing: Option<&Standing>) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(standing) = standing {
        headers.insert(LIMIT, standing.limit.into());
        headers.insert(REMAINING, standing.remaining.into());
    }
}

/// A body of JSON text.
pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
