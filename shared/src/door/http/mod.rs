//! HTTP, by way of API Gateway: the only place that knows statuses, headers and error bodies.
//!
//! | | |
//! |---|---|
//! | `request` | what a request says: token, fields, id |
//! | `response` | what an answer looks like from outside |
//! | `qyvo`, `flowiq` | what the two dialects say differently, errors above all |
//! | `contract` | the document, and the answer to what is no endpoint |

mod contract;
mod flowiq;
mod qyvo;
mod request;
mod response;

use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;

use lambda_http::http::Response;
use lambda_http::{Body, Request, RequestExt};
use serde::Serialize;
use tokio::time::timeout;
use tracing::Instrument;

pub(super) use contract::Contract;

use super::{Action, Answer, Dialect, time_left};
use crate::access::{Access, Caller, Standing, Tenant};
use crate::error::Error;
use crate::table::Table;

/// Answers a request with an action.
pub(super) async fn action<A: Action>(access: &Access, table: &Table, request: Request) -> Response<Body> {
    let standing = OnceLock::new();
    let call = async {
        let caller = request::caller(access, A::DIALECT, &request).await?;
        if A::CHANGES {
            // A call that is turned away changes nothing.
            count(access, &caller, &standing).await?;
            return run::<A>(table, &caller, &request).await;
        }
        // What only reads need not wait to be counted. Turned away, it is answered at once, and nobody
        // learns what it read.
        let mut response = pin!(run::<A>(table, &caller, &request));
        let mut counted = pin!(count(access, &caller, &standing));
        tokio::select! {
            biased;
            counted = &mut counted => {
                counted?;
                response.await
            }
            response = &mut response => counted.await.and(response),
        }
    };
    answered(A::NAME, A::DIALECT, &request, &standing, call).await
}

/// Answers a request with what its token says about the caller.
pub(super) async fn caller<T: Serialize>(
    name: &'static str,
    access: &Access,
    about: impl FnOnce(&Caller) -> T + Send,
    request: Request,
) -> Response<Body> {
    let standing = OnceLock::new();
    let call = async {
        let caller = request::caller(access, Dialect::Qyvo, &request).await?;
        count(access, &caller, &standing).await?;
        response::success(Answer::found(about(&caller)))
    };
    answered(name, Dialect::Qyvo, &request, &standing, call).await
}

/// Answers a request that no endpoint takes.
pub(super) async fn unrouted(name: &'static str, contract: &Contract, request: Request) -> Response<Body> {
    let call = async { Ok(contract.answer(&request)) };
    answered(name, Dialect::Qyvo, &request, &OnceLock::new(), call).await
}

/// Answers a request to a function that has no requests.
pub(super) async fn nothing(name: &'static str, request: Request) -> Response<Body> {
    let call = async { Ok(contract::no_path()) };
    answered(name, Dialect::Qyvo, &request, &OnceLock::new(), call).await
}

/// The order of checks is the contract's: who and how often, which tenant, what, and only then the
/// table.
async fn run<A: Action>(table: &Table, caller: &Caller, request: &Request) -> Result<Response<Body>, Error> {
    let tenant: &Tenant = request::tenant(A::DIALECT, caller, request)?;
    tracing::Span::current().record("tenant_id", tenant.id().to_string());
    let action = request::fields::<A>(request)?.parse(A::parse)?;
    response::success(action.run(table, tenant).await?)
}

async fn count(access: &Access, caller: &Caller, standing: &OnceLock<Standing>) -> Result<(), Error> {
    match access.count(caller).await {
        Some(counted) => standing.get_or_init(|| counted).check(),
        None => Ok(()),
    }
}

/// Runs a call, in time and under its id, and makes a response of an error too.
async fn answered(
    name: &'static str,
    dialect: Dialect,
    request: &Request,
    standing: &OnceLock<Standing>,
    call: impl Future<Output = Result<Response<Body>, Error>>,
) -> Response<Body> {
    let context = request.lambda_context();
    let request_id = request::id(request, &context);
    let span = tracing::info_span!(
        "call",
        action = name,
        request_id,
        invocation_id = context.request_id,
        tenant_id = tracing::field::Empty
    );
    async {
        let response = timeout(time_left(&context), call).await.unwrap_or(Err(Error::TimedOut));
        let mut response = response.unwrap_or_else(|error| response::failure(dialect, &error));
        response::about(response.headers_mut(), &request_id, standing.get());
        tracing::info!(status = response.status().as_u16(), "answered");
        response
    }
    .instrument(span)
    .await
}
