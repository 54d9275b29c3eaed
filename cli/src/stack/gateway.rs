//! The HTTP side of a stack: API Gateway for every path, but for Lambda's Invoke API, the API page, and
//! EventBridge for whoever names it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::uri::Authority;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::body::{self, FUNCTION_LIMIT, Unread};
use super::bus::{self, Bus};
use super::invoke::{self, Invoke};
use super::pool::Functions;
use super::process::Outcome;
use super::routes::Routes;
use super::{Demo, Error, Life, bind, event, page, until_overdue};
use crate::template::Template;

/// The largest body API Gateway takes.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

struct Gateway {
    routes: Routes,
    functions: Arc<Functions>,
    bus: Arc<Bus>,
}

/// Takes the port. Who calls from now on waits until the stack serves.
pub(super) fn listen(port: u16) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { port, source };
    let listener = TcpListener::from_std(bind(port, "--port")?).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Serves until the stack stops.
pub(super) fn serve(
    listener: TcpListener,
    template: &Template,
    api: Invoke,
    bus: Arc<Bus>,
    page: Option<Demo>,
    life: &Life,
) {
    let gateway = Gateway { routes: Routes::new(template), functions: Arc::clone(&api.functions), bus };
    let page = page.map_or_else(Router::new, page::router);
    let gateway = page.method_not_allowed_fallback(proxy).fallback(proxy).with_state(Arc::new(gateway));
    let router = Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke::invoke))
        .with_state(api)
        .fallback_service(gateway);

    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let stop = life.stop.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    life.tasks.spawn(until_overdue(stop, serving.into_future()));
}

async fn proxy(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let (request, body) = request.into_parts();
    if bus::is_addressed(&request.headers) {
        return gateway.bus.answer(&request.headers, body).await;
    }
    // A function could make no address of it.
    let host = request.headers.get(HOST).map(|host| Authority::try_from(host.as_bytes()));
    if host.is_some_and(|host| host.is_err()) {
        return message(StatusCode::BAD_REQUEST, "Bad Request");
    }
    let Some(route) = gateway.routes.find(&request.method, request.uri.path()) else {
        return message(StatusCode::NOT_FOUND, "Not Found");
    };
    let Some(function) = gateway.functions.find(route.function) else {
        return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    };
    let body = match body::read(body, BODY_LIMIT).await {
        Ok(body) => body,
        Err(Unread::TooLarge(_)) => return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        Err(Unread::Cut) => return message(StatusCode::BAD_REQUEST, "Bad Request"),
    };
    let id = Uuid::new_v4().to_string();
    let event = event::from_request(&request, &body, &route, &id, Timestamp::now()).to_string();
    if event.len() > FUNCTION_LIMIT {
        return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    }
    match function.call(Bytes::from(event)).await {
        Outcome::Answered(payload) => event::to_response(&payload)
            .unwrap_or_else(|| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")),
        Outcome::Failed(_) => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        Outcome::TimedOut(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}

/// API Gateway's own answers.
fn message(status: StatusCode, text: &str) -> Response {
    let body = json!({ "message": text }).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
