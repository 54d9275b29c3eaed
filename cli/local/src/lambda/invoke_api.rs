//! Lambda's Invoke API, so that every AWS SDK and `aws lambda invoke` can invoke a function with any event.
//!
//! Also ListFunctions, with the functions' names.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use uuid::Uuid;

use super::async_invoke::AsyncInvoke;
use super::outcome::InvocationOutcome;
use super::pool::Functions;
use crate::aws;
use crate::body::{self, FUNCTION_LIMIT, Unread};
use crate::logs::{HttpCall, Logs};

const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");

/// What the API works with.
pub(crate) struct InvokeApi {
    /// The functions it invokes.
    pub(crate) functions: Arc<Functions>,
    /// Takes invocations of type `Event`.
    pub(crate) async_invoke: Arc<AsyncInvoke>,
    /// Gets a line for each call.
    pub(crate) logs: Logs,
}

/// The routes of the API.
pub(crate) fn router(api: InvokeApi) -> Router {
    Router::new()
        .route("/2015-03-31/functions", get(list))
        .route("/2015-03-31/functions/", get(list))
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .with_state(Arc::new(api))
}

async fn list(State(api): State<Arc<InvokeApi>>) -> Response {
    let functions = api.functions.iter().map(|function| {
        let launch = &function.launch;
        let arn = aws::function_arn(&launch.name);
        json!({ "FunctionName": launch.name, "FunctionArn": arn, "Timeout": launch.timeout.as_secs() })
    });
    let body = json!({ "Functions": functions.collect::<Vec<Value>>() }).to_string();
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

async fn invoke(
    State(api): State<Arc<InvokeApi>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let begun = Instant::now();
    // A name may be an ARN, and have a version, of which there is one.
    let name = name.strip_suffix(":$LATEST").unwrap_or(&name);
    let name = name.rsplit(':').next().unwrap_or(name);
    let mut response = answer(&api, name, &headers, body).await;
    let id = Uuid::new_v4().to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    api.logs.http_call(&HttpCall {
        method: "POST".to_owned(),
        path: format!("/2015-03-31/functions/{name}/invocations"),
        status: response.status().as_u16(),
        took: begun.elapsed(),
        function: api.functions.find(name).map(|function| function.launch.name.clone()),
    });
    response
}

async fn answer(api: &InvokeApi, name: &str, headers: &HeaderMap, body: Body) -> Response {
    let Some(function) = api.functions.find(name) else {
        let message = format!("Function not found: {}", aws::function_arn(name));
        return refused(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    };
    let event = match event(body).await {
        Ok(event) => event,
        Err(refusal) => return refusal,
    };
    let header = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    match header("x-amz-invocation-type") {
        None | Some(b"RequestResponse") if header("x-amz-log-type") == Some(b"Tail") => {
            let (outcome, logs) = function.invoke_with_logs(event).await;
            let mut response = response(&outcome);
            if let Ok(logs) = HeaderValue::from_str(&STANDARD.encode(logs)) {
                response.headers_mut().insert(LOG_RESULT, logs);
            }
            response
        }
        None | Some(b"RequestResponse") => response(&function.invoke(event).await),
        Some(b"Event") => {
            api.async_invoke.invoke(Arc::clone(function), event);
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
        Err(Unread::Aborted) => Bytes::new(),
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

fn response(outcome: &InvocationOutcome) -> Response {
    let header = HeaderName::from_static;
    let mut response = (
        [(CONTENT_TYPE, "application/json"), (header("x-amz-executed-version"), "$LATEST")],
        outcome.payload().clone(),
    )
        .into_response();
    if !matches!(outcome, InvocationOutcome::Answered(_)) {
        let unhandled = HeaderValue::from_static("Unhandled");
        response.headers_mut().insert("x-amz-function-error", unhandled);
    }
    response
}

/// An error of the API itself, in AWS's words.
fn refused(status: StatusCode, error_type: &'static str, message: &str) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (HeaderName::from_static("x-amzn-errortype"), error_type)];
    let body = json!({ "Type": "User", "Message": message }).to_string();
    (status, headers, body).into_response()
}
