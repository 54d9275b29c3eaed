//! HTTP, by way of API Gateway: the only place that knows statuses, headers and error bodies.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indexmap::IndexMap;
use lambda_http::http::{HeaderValue, Response, StatusCode, header};
use lambda_http::{Body, Context, Request, RequestExt};
use serde::Serialize;
use tokio::time::timeout;
use tracing::Instrument;

use super::{Action, Answer, Fields, Kind};
use crate::access::{Access, Tenant};
use crate::error::Error;
use crate::table::{Outcome, Table};

/// What answering takes, at the most.
const TO_SPARE: Duration = Duration::from_millis(500);

/// Ours: what a write did to the contact.
const OUTCOME: &str = "x-contact-outcome";

/// Answers one request. Never fails: an error is an answer too.
pub(super) async fn answer<A: Action>(
    access: &Access,
    table: &Table,
    request: Request,
) -> Result<Response<Body>, lambda_http::Error> {
    let context = request.lambda_context();
    let request_id = context.request_id.as_str();
    let span = tracing::info_span!("call", action = A::NAME, request_id, tenant_id = tracing::field::Empty);
    async {
        let call = timeout(time_left(&context), call::<A>(access, table, &request));
        let response = match call.await.unwrap_or(Err(Error::TimedOut)) {
            Ok(answer) => success(answer),
            Err(error) => failure(&error),
        };
        tracing::info!(status = response.status().as_u16(), "answered");
        Ok(response)
    }
    .instrument(span)
    .await
}

/// How long the call may take, with enough to spare to answer it. Lambda would end the process
/// instead, and API Gateway would answer in its own words.
fn time_left(context: &Context) -> Duration {
    let end = UNIX_EPOCH + Duration::from_millis(context.deadline);
    end.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(TO_SPARE)
}

/// The order of checks is the contract's: who, which tenant, what, and only then the table.
async fn call<A: Action>(access: &Access, table: &Table, request: &Request) -> Result<Answer<A::Answer>, Error> {
    let caller = access.authenticate(bearer(request)?).await?;
    let tenant: Tenant = caller.tenant.ok_or(Error::NoTenant)?;
    tracing::Span::current().record("tenant_id", tenant.id().to_string());
    let action = Fields::read(request.body())?.parse(A::parse)?;
    action.run(table, &tenant).await
}

fn bearer(request: &Request) -> Result<&str, Error> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match header.and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => Ok(token.trim()),
        _ => Err(Error::Unauthenticated),
    }
}

fn success<T: Serialize>(answer: Answer<T>) -> Response<Body> {
    let (status, outcome) = match answer.kind {
        Kind::Found => (StatusCode::OK, None),
        Kind::Upserted(outcome) => (StatusCode::CREATED, Some(outcome)),
        Kind::Changed(outcome) => (StatusCode::OK, Some(outcome)),
    };
    let body = match serde_json::to_string(&answer.body) {
        Ok(body) => body,
        Err(error) => return failure(&Error::Internal(format!("writing an answer: {error}"))),
    };
    let mut response = json_response(status, body);
    if let Some(outcome) = outcome {
        let outcome = match outcome {
            Outcome::Created => "created",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "unchanged",
        };
        response.headers_mut().insert(OUTCOME, HeaderValue::from_static(outcome));
    }
    response
}

/// The body of an error. The keys of each are the contract's: its literal samples, where they
/// differ from its rules, win.
#[derive(Default, Serialize)]
struct Failure {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// The fields, in the order they were looked at.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    errors: IndexMap<&'static str, [String; 1]>,
}

fn failure(error: &Error) -> Response<Body> {
    let message = |text| Failure { message: Some(text), ..Failure::default() };
    let rule = |text| Failure { error: Some(text), ..Failure::default() };
    let both = |text| Failure { message: Some(text), ..rule(text) };
    let (status, body) = match error {
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, message("Unauthenticated.")),
        Error::NoTenant => (StatusCode::UNPROCESSABLE_ENTITY, rule("No workspace configured for this account.")),
        Error::Malformed => (StatusCode::UNPROCESSABLE_ENTITY, both("Malformed JSON.")),
        Error::Invalid(flaws) => {
            let errors = flaws.iter().map(|(field, flaw)| (*field, [flaw.about(field)])).collect();
            (StatusCode::UNPROCESSABLE_ENTITY, Failure { errors, ..message("The given data was invalid.") })
        }
        Error::Rule(text) => (StatusCode::UNPROCESSABLE_ENTITY, rule(text)),
        Error::NotFound => (StatusCode::NOT_FOUND, rule("Contact not found")),
        Error::Conflict | Error::Throttled | Error::TimedOut => {
            (StatusCode::SERVICE_UNAVAILABLE, both("Service Unavailable."))
        }
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, both("Server Error.")),
    };
    if status.is_server_error() {
        tracing::error!(%error, "failed");
    }
    // A body of static texts and a map of strings can't fail to be written.
    let mut response = json_response(status, serde_json::to_string(&body).unwrap_or_default());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn json_response(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
