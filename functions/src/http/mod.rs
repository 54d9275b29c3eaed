//! The event source HTTP: API Gateway (HTTP API and REST API), function URLs and load balancers.
//!
//! This is the only module that knows HTTP statuses, headers and error bodies. It must not know what an
//! action does. Start reading at [`run_action`].
//!
//! | file | owns |
//! |---|---|
//! | `request.rs` | the parts of a request: token, tenant, input, preconditions, request id |
//! | `prefer.rs` | the preference for strict handling |
//! | `response.rs` | statuses and headers of the answer |
//! | `idempotency.rs` | calls with an idempotency key |
//! | `item.rs` | the answer about one contact of a request about several |
//! | `error.rs` | what can go wrong with a request |
//! | `mcp_message.rs` | messages of the Model Context Protocol in requests and responses |
//! | `qyvo.rs`, `flowiq.rs` | the dialects' error bodies and rules of their own |
//! | `sanitize.rs` | events that `lambda_http` cannot convert into a request |
//! | `openapi.rs` | the OpenAPI document, and the answers to unknown paths and methods |

mod error;
mod flowiq;
mod idempotency;
mod item;
mod mcp_message;
pub mod openapi;
mod prefer;
mod qyvo;
mod request;
mod response;
mod sanitize;

use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;

use contacts::access::{Access, Caller, RateLimitStatus};
use contacts::store::{ConsumedUnits, ContactsTable, Once, WritePermit};
use lambda_http::http::Response;
use lambda_http::{Body, Request, RequestExt};
use serde::Serialize;
use tokio::time::timeout;
use tracing::Instrument;

use crate::action::{Action, Call, Dialect, Reply};
use crate::conditions::Preconditions;
use crate::deadline::time_left;
use crate::input::Input;
use crate::mcp;
use error::HttpError;
pub use item::ItemAnswer;
use openapi::OpenApiDocument;
pub(crate) use sanitize::sanitize;

/// Answers a request with the reply of an action.
///
/// The action runs concurrently with the rate-limit check and is cancelled when the check rejects the call. Its writes
/// wait for the check.
pub(crate) async fn run_action<A: Action>(access: &Access, table: &ContactsTable, request: Request) -> Response<Body> {
    let rate_limit = OnceLock::new();
    let call = async {
        let caller = request::caller(access, A::DIALECT, &request).await?;
        let (table, permit) = table.with_held_writes();
        let checked = check_rate_limit(access, &caller, &rate_limit);
        unless_rejected(checked, permit, run::<A>(&table, &caller, &request)).await
    };
    let units = || access.take_units();
    respond(A::NAME, A::DIALECT, &request, &rate_limit, units, call).await
}

/// Answers a message of the Model Context Protocol.
///
/// A tool runs concurrently with the rate-limit check, as an action does.
pub(crate) async fn answer_mcp(
    name: &'static str,
    access: &Access,
    table: &ContactsTable,
    request: Request,
) -> Response<Body> {
    let rate_limit = OnceLock::new();
    let call = async {
        let caller = request::caller(access, Dialect::Qyvo, &request).await?;
        let (table, permit) = table.with_held_writes();
        let response = async {
            let tenant = request::tenant(Dialect::Qyvo, &caller, &request)?;
            let call = request::call(tenant, Preconditions::default(), &request);
            let headers = mcp_message::headers(&request);
            let answer = Box::pin(mcp::answer(&table, &call, &headers, request.body())).await;
            Ok(mcp_message::to_response(answer))
        };
        unless_rejected(check_rate_limit(access, &caller, &rate_limit), permit, response).await
    };
    let units = || access.take_units();
    let mut response = respond(name, Dialect::Qyvo, &request, &rate_limit, units, call).await;
    mcp_message::add_challenge(response.status(), response.headers_mut());
    response
}

/// Answers a request with information about its caller.
pub(crate) async fn describe_caller<T: Serialize>(
    name: &'static str,
    access: &Access,
    describe: impl FnOnce(&Caller) -> T + Send,
    request: Request,
) -> Response<Body> {
    let rate_limit = OnceLock::new();
    let call = async {
        let caller = request::caller(access, Dialect::Qyvo, &request).await?;
        check_rate_limit(access, &caller, &rate_limit).await?;
        Ok(response::success(Reply::read(describe(&caller)))?)
    };
    let units = || access.take_units();
    respond(name, Dialect::Qyvo, &request, &rate_limit, units, call).await
}

/// Answers a request for the OpenAPI document, and requests that match no route.
pub(crate) async fn serve_document(name: &'static str, document: &OpenApiDocument, request: Request) -> Response<Body> {
    let call = async { Ok(document.respond(&request)) };
    respond(name, Dialect::Qyvo, &request, &OnceLock::new(), || None, call).await
}

/// Answers an HTTP request to a function that takes events only: 404.
pub(crate) async fn not_found(name: &'static str, request: Request) -> Response<Body> {
    let call = async { Ok(openapi::not_found()) };
    respond(name, Dialect::Qyvo, &request, &OnceLock::new(), || None, call).await
}

/// Checks in the order that the OpenAPI document promises: tenant, then input, and only then the table.
async fn run<A: Action>(
    table: &ContactsTable,
    caller: &Caller,
    request: &Request,
) -> Result<Response<Body>, HttpError> {
    let tenant = request::tenant(A::DIALECT, caller, request)?;
    let once = idempotency::once::<A>(caller, tenant, request)?;
    let input = request::input::<A>(request)?;
    let call = request::call(tenant, request::preconditions(request), request);
    let is_strict = prefer::is_strict(request.headers());
    let input = if is_strict { input.strict() } else { input };
    let answer = perform::<A>(table, &call, input, once).await;
    if !is_strict {
        return answer;
    }
    let mut response = answer.unwrap_or_else(|error| response::failure(A::DIALECT, &error));
    prefer::add_applied(response.headers_mut());
    Ok(response)
}

/// Parses the input and runs the action.
async fn perform<A: Action>(
    table: &ContactsTable,
    call: &Call,
    input: Input,
    once: Option<Once>,
) -> Result<Response<Body>, HttpError> {
    let action = input.parse(A::parse)?;
    let table_for_once = once.as_ref().map(|once| table.once(once));
    // Boxed: the SDK's futures are large, and every layer around this one would copy them.
    let reply = Box::pin(action.run(table_for_once.as_ref().unwrap_or(table), call)).await?;
    let mut response = response::success(reply)?;
    idempotency::mark(response.headers_mut(), once.as_ref());
    Ok(response)
}

/// Makes the response while the rate limit is checked, and lets its writes proceed when the check has passed.
async fn unless_rejected(
    checked: impl Future<Output = Result<(), HttpError>>,
    permit: WritePermit,
    response: impl Future<Output = Result<Response<Body>, HttpError>>,
) -> Result<Response<Body>, HttpError> {
    let (mut checked, mut response) = (pin!(checked), pin!(response));
    tokio::select! {
        biased;
        checked = &mut checked => {
            checked?;
            permit.allow();
            response.await
        }
        response = &mut response => checked.await.and(response),
    }
}

/// Counts the call. It passes if the token is unlimited, or if the call could not be counted within 1 s.
async fn check_rate_limit(
    access: &Access,
    caller: &Caller,
    rate_limit: &OnceLock<RateLimitStatus>,
) -> Result<(), HttpError> {
    match access.count(caller).await {
        Some(status) => Ok(rate_limit.get_or_init(|| status).check()?),
        None => Ok(()),
    }
}

/// Runs a call within the time limit and in its log span, and turns errors into responses. `units` returns what the call
/// has consumed, if that is reported.
async fn respond(
    name: &'static str,
    dialect: Dialect,
    request: &Request,
    rate_limit: &OnceLock<RateLimitStatus>,
    units: impl FnOnce() -> Option<ConsumedUnits>,
    call: impl Future<Output = Result<Response<Body>, HttpError>>,
) -> Response<Body> {
    let context = request.lambda_context();
    let request_id = request::id(request, &context);
    let span = tracing::info_span!(
        "call",
        action = name,
        request_id,
        invocation_id = context.request_id,
        tenant_id = tracing::field::Empty,
        tool = tracing::field::Empty
    );
    async {
        let response = timeout(time_left(&context), call).await.unwrap_or(Err(HttpError::TimedOut));
        let mut response = response.unwrap_or_else(|error| response::failure(dialect, &error));
        response::add_common_headers(response.headers_mut(), &request_id, rate_limit.get());
        let units = units();
        tracing::info!(
            status = response.status().as_u16(),
            read_units = units.map(|units| units.read),
            write_units = units.map(|units| units.write),
            "answered"
        );
        response
    }
    .instrument(span)
    .await
}
