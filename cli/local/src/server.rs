//! The port that all HTTP clients use.
//!
//! A request goes to EventBridge if its `X-Amz-Target` names it, to Lambda's Invoke API or a page if their routes
//! take it, and to the HTTP API otherwise. `GET /_local/events` returns the published events. Requests of web pages are
//! refused as [`origin`] says.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::error::Error;
use crate::eventbridge::bus::{self, EventBuses};
use crate::http_api::gateway::Gateway;
use crate::lambda::invoke_api::{self, InvokeApi};
use crate::listen::bind;
use crate::origin;
use crate::shutdown::Shutdown;

/// What answers requests.
pub(crate) struct Apis {
    pub(crate) gateway: Gateway,
    pub(crate) invoke: InvokeApi,
    pub(crate) buses: Arc<EventBuses>,
    pub(crate) pages: Option<Router>,
}

/// Takes the port. Requests that come before [`serve`] wait.
///
/// # Errors
/// [`Error::PortTaken`], [`Error::Listen`].
pub(crate) fn listen(port: u16) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { port, source };
    let listener = TcpListener::from_std(bind(port, "--port")?).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Serves until the stack stops.
pub(crate) fn serve(listener: TcpListener, apis: Apis, shutdown: &Shutdown) {
    let gateway = Arc::new(apis.gateway);
    let http_api = move |request: Request| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.answer(request).await }
    };
    let router = Router::new()
        .route("/_local/events", get(events))
        .with_state(Arc::clone(&apis.buses))
        .merge(invoke_api::router(apis.invoke))
        .route_layer(middleware::from_fn(origin::check_origin))
        .merge(apis.pages.unwrap_or_default())
        .method_not_allowed_fallback(http_api.clone())
        .fallback(http_api)
        .layer(middleware::from_fn_with_state(apis.buses, put_events))
        .layer(middleware::from_fn(origin::check_host));

    // Nagle's algorithm would delay small responses by 40 ms.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown.begun());
    shutdown.spawn(shutdown.clone().serve(serving.into_future()));
}

/// Passes requests to EventBridge that are addressed to it.
async fn put_events(State(buses): State<Arc<EventBuses>>, request: Request, next: Next) -> Response {
    if !bus::is_addressed(request.headers()) {
        return next.run(request).await;
    }
    if let Some(refusal) = origin::foreign_origin(request.headers()) {
        return refusal;
    }
    let (request, body) = request.into_parts();
    buses.answer(&request.headers, body).await
}

/// The published events as lines of JSON, from the index `from` of the query on, counted from 0.
async fn events(State(buses): State<Arc<EventBuses>>, uri: Uri) -> Response {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let from = query.filter(|(name, _)| name == "from").find_map(|(_, value)| value.parse().ok());
    let lines = buses.published.lines(from.unwrap_or(0));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    ([(CONTENT_TYPE, "application/x-ndjson")], text).into_response()
}
