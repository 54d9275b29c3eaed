//! The Lambda Runtime API, as one function process sees it.
//!
//! Every process has a listener of its own, so the address identifies the process, and the state is that of one
//! invocation: waiting to be taken, or running.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use serde_json::json;
use tokio::sync::{Notify, oneshot};

use super::outcome::InvocationOutcome;
use crate::body::{self, FUNCTION_LIMIT, Unread};
use crate::lock::lock;
use crate::origin;

/// An invocation on its way to a process.
pub(super) struct Invocation {
    /// The request id.
    pub(super) id: String,
    /// The event.
    pub(super) event: axum::body::Bytes,
    /// How long it may take from the moment the process takes it.
    pub(super) timeout: Duration,
    /// Completed when the process takes it.
    pub(super) taken: oneshot::Sender<()>,
    /// Completed when it has ended.
    pub(super) answer: oneshot::Sender<InvocationOutcome>,
}

/// Where an invocation waits for the process. It holds at most one.
pub(super) struct ProcessSlot {
    arn: String,
    offered: Notify,
    state: Mutex<ProcessSlotState>,
}

#[derive(Default)]
struct ProcessSlotState {
    waiting: Option<Invocation>,
    /// The running invocation's id, and who waits for its outcome.
    running: Option<(String, oneshot::Sender<InvocationOutcome>)>,
    /// The error that the process reported while it started.
    init_error: Option<InvocationOutcome>,
    /// The status it ended with.
    ended: Option<String>,
}

impl ProcessSlotState {
    /// Fails the invocation that this process will not answer any more.
    fn fail(&mut self, status: &str) {
        let waiting = self.waiting.take().map(|invocation| (invocation.id, invocation.answer));
        if let Some((id, answer)) = waiting.or(self.running.take()) {
            let outcome = self.init_error.take().unwrap_or_else(|| InvocationOutcome::exit(&id, status));
            // The caller may have stopped waiting.
            let _ = answer.send(outcome);
        }
    }
}

impl ProcessSlot {
    pub(super) fn new(arn: String) -> Self {
        Self { arn, offered: Notify::new(), state: Mutex::default() }
    }

    /// Offers an invocation to the process.
    pub(super) fn offer(&self, invocation: Invocation) {
        let mut state = lock(&self.state);
        state.waiting = Some(invocation);
        match state.ended.clone() {
            Some(status) => state.fail(&status),
            None => self.offered.notify_one(),
        }
    }

    /// Whether the process has ended.
    pub(super) fn ended(&self) -> bool {
        lock(&self.state).ended.is_some()
    }

    /// The process has ended with this status.
    pub(super) fn end(&self, status: &str) {
        let mut state = lock(&self.state);
        state.ended = Some(status.to_owned());
        state.fail(status);
    }

    async fn next(&self) -> Response {
        loop {
            if let Some(invocation) = self.take() {
                return invocation;
            }
            self.offered.notified().await;
        }
    }

    fn take(&self) -> Option<Response> {
        let mut state = lock(&self.state);
        let invocation = state.waiting.take()?;
        let deadline = SystemTime::now() + invocation.timeout;
        let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let header = HeaderName::from_static;
        let headers = [
            (header("lambda-runtime-aws-request-id"), invocation.id.clone()),
            (header("lambda-runtime-deadline-ms"), deadline.to_string()),
            (header("lambda-runtime-invoked-function-arn"), self.arn.clone()),
            (header("content-type"), "application/json".to_owned()),
        ];
        let _ = invocation.taken.send(());
        state.running = Some((invocation.id, invocation.answer));
        Some((headers, invocation.event).into_response())
    }

    fn finish(&self, id: &str, outcome: InvocationOutcome) -> bool {
        let mut state = lock(&self.state);
        let running = state.running.take_if(|(running, _)| running == id);
        running.map(|(_, answer)| answer.send(outcome)).is_some()
    }
}

/// The API for the process behind `slot`.
pub(super) fn router(slot: Arc<ProcessSlot>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(slot)
        .layer(middleware::from_fn(origin::check_origin))
        .layer(middleware::from_fn(origin::check_host))
}

async fn next(State(slot): State<Arc<ProcessSlot>>) -> Response {
    slot.next().await
}

async fn response(State(slot): State<Arc<ProcessSlot>>, Path(id): Path<String>, body: Body) -> Response {
    match body::read(body, FUNCTION_LIMIT).await {
        Ok(payload) => accepted(slot.finish(&id, InvocationOutcome::Answered(payload))),
        Err(unread) => {
            slot.finish(&id, unusable(&unread));
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            refused(status, "RequestEntityTooLarge", "the response is too large")
        }
    }
}

async fn error(State(slot): State<Arc<ProcessSlot>>, Path(id): Path<String>, body: Body) -> Response {
    accepted(slot.finish(&id, failure(body).await))
}

async fn init_error(State(slot): State<Arc<ProcessSlot>>, body: Body) -> Response {
    let outcome = failure(body).await;
    lock(&slot.state).init_error = Some(outcome);
    accepted(true)
}

async fn failure(body: Body) -> InvocationOutcome {
    match body::read(body, FUNCTION_LIMIT).await {
        Ok(payload) => InvocationOutcome::Failed(payload),
        Err(unread) => unusable(&unread),
    }
}

fn unusable(unread: &Unread) -> InvocationOutcome {
    match unread {
        Unread::TooLarge(length) => InvocationOutcome::failure(
            "Function.ResponseSizeTooLarge",
            &format!(
                "Response payload size ({length} bytes) exceeded maximum allowed payload size ({FUNCTION_LIMIT} bytes)."
            ),
        ),
        Unread::Aborted => {
            InvocationOutcome::failure("Runtime.ExitError", "The function closed the connection within its answer")
        }
    }
}

fn accepted(known: bool) -> Response {
    if known {
        (StatusCode::ACCEPTED, r#"{"status":"OK"}"#).into_response()
    } else {
        refused(StatusCode::BAD_REQUEST, "InvalidRequestID", "no invocation with this id is running")
    }
}

fn refused(status: StatusCode, error_type: &str, message: &str) -> Response {
    let body = json!({ "errorType": error_type, "errorMessage": message });
    (status, body.to_string()).into_response()
}
