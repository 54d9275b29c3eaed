//! Lambda's Invoke API, so that every AWS SDK and `aws lambda invoke` can call a function with any
//! event.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::IgnoredAny;
use serde_json::json;
use uuid::Uuid;

use super::aws;
use super::body::{self, FUNCTION_LIMIT, Unread};
use super::pool::Functions;
use super::process::Outcome;
use super::unattended::Unattended;

/// What the API works with.
#[derive(Clone)]
pub(super) struct Invoke {
    pub(super) functions: Arc<Functions>,
    pub(super) unattended: Arc<Unattended>,
}

/// Answers `POST /2015-03-31/functions/{name}/invocations`.
pub(super) async fn invoke(
    State(api): State<Invoke>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut response = answer(&api, &name, &headers, body).await;
    let id = Uuid::new_v4().to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

async fn answer(api: &Invoke, name: &str, headers: &HeaderMap, body: Body) -> Response {
    // A name may come as an ARN, and with a version, of which there is one.
    let name = name.strip_suffix(":$LATEST").unwrap_or(name);
    let name = name.rsplit(':').next().unwrap_or(name);
    let Some(function) = api.functions.find(name) else {
        let message = format!("Function not found: {}", aws::function_arn(name));
        return refused(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    };
    let event = match event(body).await {
        Ok(event) => event,
        Err(refusal) => return refusal,
    };
    match headers.get("x-amz-invocation-type").map(HeaderValue::as_bytes) {
        None | Some(b"RequestResponse") => response(function.call(event).await),
        Some(b"Event") => {
            api.unattended.call(Arc::clone(function), event);
            StatusCode::ACCEPTED.into_response()
        }
        Some(b"DryRun") => StatusCode::NO_CONTENT.into_response(),
        Some(_) => refused(
            StatusCode::BAD_REQUEST,
            "InvalidParameterValueException",
            "InvocationType must be RequestResponse, Event or DryRun",
        ),
    }
}

async fn event(body: Body) -> Result<Bytes, Response> {
    let event = match body::read(body, FUNCTION_LIMIT).await {
        Ok(event) if event.is_empty() => Bytes::from_static(b"{}"),
        Ok(event) => event,
        Err(Unread::TooLarge(length)) => {
            return Err(refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestTooLargeException",
                &format!(
                    "{length} byte payload is too large for the RequestResponse invocation type (limit {FUNCTION_LIMIT} bytes)"
                ),
            ));
        }
        Err(Unread::Cut) => Bytes::new(),
    };
    match serde_json::from_slice::<IgnoredAny>(&event) {
        Ok(_) => Ok(event),
        Err(error) => Err(refused(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            &format!("Could not parse request body into json: {error}"),
        )),
    }
}

fn response(outcome: Outcome) -> Response {
    let header = HeaderName::from_static;
    let mut response = (
        [(CONTENT_TYPE, "application/json"), (header("x-amz-executed-version"), "$LATEST")],
        outcome.payload().clone(),
    )
        .into_response();
    if !matches!(outcome, Outcome::Answered(_)) {
        let unhandled = HeaderValue::from_static("Unhandled");
        response.headers_mut().insert("x-amz-function-error", unhandled);
    }
    response
}

/// An error of the API itself, as AWS words it.
fn refused(status: StatusCode, kind: &'static str, message: &str) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (HeaderName::from_static("x-amzn-errortype"), kind)];
    let body = json!({ "Type": "User", "Message": message }).to_string();
    (status, headers, body).into_response()
}
