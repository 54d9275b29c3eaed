//! DynamoDB's error responses, and connections that break.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const JSON: [(&str, &str); 1] = [("content-type", "application/x-amz-json-1.0")];

/// Cancels a transaction, with the same reason for each of its writes.
pub(super) fn cancellation(body: &[u8], reason: &str) -> Response {
    let request: Value = serde_json::from_slice(body).unwrap();
    let reasons = vec![json!({ "Code": reason }); request["TransactItems"].as_array().unwrap().len()];
    rejection("TransactionCanceledException", json!({ "CancellationReasons": reasons }))
}

/// Refuses a request with status 400.
pub(super) fn rejection(code: &str, body: Value) -> Response {
    error(StatusCode::BAD_REQUEST, code, body)
}

/// A failure of DynamoDB itself.
pub(super) fn server_error(status: StatusCode, code: &str) -> Response {
    error(status, code, json!({ "message": "a fault of the server" }))
}

fn error(status: StatusCode, code: &str, mut body: Value) -> Response {
    body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
    (status, JSON, body.to_string()).into_response()
}

/// No response: the connection is closed in the middle of the body.
pub(super) fn closed_connection() -> Response {
    let broken = futures_util::stream::once(async { Err::<Bytes, _>(io::Error::other("closed")) });
    Body::from_stream(broken).into_response()
}

/// The first half of a response; then the connection is closed.
pub(super) fn cut_connection(status: StatusCode, response: &str) -> Response {
    let half = Bytes::copy_from_slice(&response.as_bytes()[..response.len() / 2]);
    let halves = futures_util::stream::unfold(Some(half), |half| async move {
        match half {
            Some(half) => Some((Ok(half), None)),
            None => {
                // The pause lets the server send the first half.
                tokio::time::sleep(Duration::from_millis(2)).await;
                Some((Err(io::Error::other("closed")), None))
            }
        }
    });
    (status, JSON, Body::from_stream(halves)).into_response()
}
