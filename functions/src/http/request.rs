//! What a request contains: the caller, the tenant, the input, the preconditions and the request id.
//! Preferences are in `prefer.rs`.

use contacts::access::{Access, Caller};
use contacts::model::Tenant;
use lambda_http::http::{HeaderName, header};
use lambda_http::{Context, Request, RequestExt};
use tokio::time::Instant;

use super::error::HttpError;
use super::flowiq;
use super::response::REQUEST_ID;
use crate::action::{Action, Call, Dialect, InputSource};
use crate::conditions::Preconditions;
use crate::deadline::time_left;
use crate::error::Error;
use crate::input::Input;

/// The caller that the request's bearer token belongs to.
pub(super) async fn caller(access: &Access, dialect: Dialect, request: &Request) -> Result<Caller, HttpError> {
    let token = bearer(request)?;
    if dialect == Dialect::FlowIq {
        flowiq::check_key(token)?;
    }
    Ok(access.authenticate(token).await?)
}

fn bearer(request: &Request) -> Result<&str, HttpError> {
    // A header with bytes that are not text carries a token, but an invalid one.
    let header = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str());
    let header = header.transpose().map_err(|_| HttpError::Unauthenticated)?;
    match header.and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => Ok(token.trim()),
        _ => Err(HttpError::NoToken),
    }
}

/// The caller's tenant, whose id is recorded in the span of the call.
pub(super) fn tenant<'a>(dialect: Dialect, caller: &'a Caller, request: &Request) -> Result<&'a Tenant, HttpError> {
    let tenant = match dialect {
        Dialect::Qyvo => caller.tenant.as_ref().ok_or(HttpError::NoTenant),
        Dialect::FlowIq => {
            let slug = request.query_string_parameters();
            flowiq::named_tenant(caller.tenant.as_ref(), request.method(), slug.first(flowiq::TENANT))
        }
    }?;
    tracing::Span::current().record("tenant_id", tenant.id().to_string());
    Ok(tenant)
}

/// The circumstances of a call.
pub(super) fn call(tenant: &Tenant, preconditions: Preconditions, request: &Request) -> Call {
    let deadline = Instant::now() + time_left(&request.lambda_context());
    Call { tenant: tenant.clone(), preconditions, deadline }
}

/// The input of the action, from where the action expects it.
pub(super) fn input<A: Action>(request: &Request) -> Result<Input, Error> {
    match A::INPUT {
        InputSource::Body => Input::from_json(request.body()),
        InputSource::BodyAndCursor => {
            let mut input = Input::from_json(request.body())?;
            let parameters = request.query_string_parameters();
            // An empty parameter is none, as everywhere.
            if let Some(cursor) = parameters.first("cursor").filter(|cursor| !cursor.trim().is_empty()) {
                input.set("cursor", cursor)?;
            }
            Ok(input)
        }
        InputSource::Query => {
            let mut input = Input::from_query(request.query_string_parameters().iter())?;
            // Read by `tenant`.
            input.know(flowiq::TENANT);
            Ok(input)
        }
    }
}

/// The conditional headers.
pub(super) fn preconditions(request: &Request) -> Preconditions {
    // A header can be sent in several lines, which are one list.
    let text = |name: HeaderName| {
        let lines = request.headers().get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
        lines.map(String::from).reduce(|list, line| list + "," + &line)
    };
    Preconditions { if_match: text(header::IF_MATCH), if_none_match: text(header::IF_NONE_MATCH) }
}

/// The request id: the caller's own `X-Request-Id` if it has 1–128 ASCII letters, digits, `.`, `_` or `-`,
/// otherwise Lambda's.
pub(super) fn id(request: &Request, context: &Context) -> String {
    let is_safe = |id: &&str| {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        (1..=128).contains(&id.len()) && id.bytes().all(is_allowed)
    };
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    given.filter(is_safe).unwrap_or(&context.request_id).to_owned()
}
