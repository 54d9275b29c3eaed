//! What a request says: who sends it, for which tenant, with which fields, under which id.

use lambda_http::http::header;
use lambda_http::{Context, Request, RequestExt};

use super::super::{Action, Dialect, Fields};
use super::flowiq;
use crate::access::{Access, Caller, Tenant};
use crate::error::Error;

/// Names an answer and its log lines.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// The caller a request's token belongs to.
pub(super) async fn caller(access: &Access, dialect: Dialect, request: &Request) -> Result<Caller, Error> {
    let token = bearer(request)?;
    if dialect == Dialect::FlowIq {
        flowiq::check_key(token)?;
    }
    access.authenticate(token).await
}

fn bearer(request: &Request) -> Result<&str, Error> {
    // What is no text is no token either, but it was given.
    let header = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str());
    let header = header.transpose().map_err(|_| Error::Unauthenticated)?;
    match header.and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => Ok(token.trim()),
        _ => Err(Error::NoToken),
    }
}

/// The tenant a call is for: the caller's own.
pub(super) fn tenant<'a>(dialect: Dialect, caller: &'a Caller, request: &Request) -> Result<&'a Tenant, Error> {
    match dialect {
        Dialect::Qyvo => caller.tenant.as_ref().ok_or(Error::NoTenant),
        Dialect::FlowIq => {
            flowiq::named_tenant(caller.tenant.as_ref(), request.query_string_parameters().first("tenantId"))
        }
    }
}

/// The input: the body, or the query of what FlowIQ's clients ask for with a GET.
pub(super) fn fields<A: Action>(request: &Request) -> Result<Fields, Error> {
    if A::DIALECT == Dialect::FlowIq && !A::CHANGES {
        return Fields::of_query(request.query_string_parameters().iter());
    }
    Fields::read(request.body())
}

/// The id of a call: the caller's own, if it can stand in a log as it is, or Lambda's.
pub(super) fn id(request: &Request, context: &Context) -> String {
    let plain = |id: &&str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        (1..=128).contains(&id.len()) && id.bytes().all(known)
    };
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    given.filter(plain).unwrap_or(&context.request_id).to_owned()
}
