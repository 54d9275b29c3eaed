//! The endpoint of the Model Context Protocol: `POST /mcp`. What messages mean is in `crate::mcp`.

use std::pin::pin;
use std::sync::OnceLock;

use contacts::access::Access;
use contacts::store::ContactsTable;
use lambda_http::http::{HeaderValue, Response, StatusCode, header};
use lambda_http::{Body, Request};

use super::{check_rate_limit, request, respond, response};
use crate::action::{Call, Dialect};
use crate::mcp::{self, Answer, Headers};

/// Answers a message of the protocol.
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
        let mut answer = pin!(async {
            let tenant = request::tenant(Dialect::Qyvo, &caller, &request)?;
            tracing::Span::current().record("tenant_id", tenant.id().to_string());
            let call = Call { tenant: tenant.clone(), preconditions: request::preconditions(&request) };
            let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
            let headers = Headers {
                revision: header("mcp-protocol-version"),
                method: header("mcp-method"),
                name: header("mcp-name"),
            };
            Ok(to_response(Box::pin(mcp::answer(&table, &call, &headers, request.body())).await))
        });
        let mut checked = pin!(check_rate_limit(access, &caller, &rate_limit));
        tokio::select! {
            biased;
            checked = &mut checked => {
                checked?;
                permit.allow();
                answer.await
            }
            answer = &mut answer => checked.await.and(answer),
        }
    };
    let units = || access.take_units();
    let mut response = respond(name, Dialect::Qyvo, &request, &rate_limit, units, call).await;
    // Clients of the protocol learn from it which kind of token is missing.
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The statuses that the protocol asks for.
fn to_response(answer: Answer) -> Response<Body> {
    match answer {
        Answer::Response(body) => response::json(StatusCode::OK, body),
        Answer::Refused(body) => response::json(StatusCode::BAD_REQUEST, body),
        Answer::UnknownMethod(body) => response::json(StatusCode::NOT_FOUND, body),
        Answer::Accepted => {
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
    }
}
