//! The HTTP endpoint of the embedded DynamoDB.
//!
//! The engine's own server answers any `Origin` with `Access-Control-Allow-Origin: *`, which lets every web page read the
//! tables and cannot be switched off. So clients connect to this endpoint instead. It checks each request and forwards it
//! to the engine's server over pooled connections. Each connection is accepted on a temporary listener, which is then
//! closed, so that no other process can connect.

use std::future;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderName, ORIGIN, TE, TRANSFER_ENCODING, UPGRADE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use dynoxide::{Database, server};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::body::{self, Unread};
use crate::error::BoxError;
use crate::lock::lock;
use crate::origin;

/// The largest request that DynamoDB accepts, in bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// Headers of the connection to the client, and `Origin`, for which the engine's server would set CORS headers.
const NOT_PASSED_ON: [HeaderName; 7] = [CONNECTION, CONTENT_LENGTH, EXPECT, ORIGIN, TE, TRANSFER_ENCODING, UPGRADE];

/// The routes of the endpoint.
pub(super) fn router(database: Database) -> Router {
    let endpoint = Arc::new(Endpoint { database, idle: Mutex::default() });
    let answer = move |request: Request| {
        let endpoint = Arc::clone(&endpoint);
        async move { endpoint.answer(request).await }
    };
    Router::new()
        .fallback(answer)
        .layer(middleware::from_fn(origin::check_origin))
        .layer(middleware::from_fn(origin::check_host))
}

struct Endpoint {
    database: Database,
    /// Connections to the engine's server that no request uses.
    idle: Mutex<Vec<SendRequest<Body>>>,
}

impl Endpoint {
    async fn answer(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = match body::read(body, BODY_LIMIT).await {
            Ok(body) => body,
            Err(Unread::TooLarge(_)) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Err(Unread::Aborted) => return StatusCode::BAD_REQUEST.into_response(),
        };
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = parts.method;
        *request.uri_mut() = parts.uri.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        *request.headers_mut() = parts.headers;
        for name in NOT_PASSED_ON {
            request.headers_mut().remove(name);
        }
        self.pass_on(request).await.unwrap_or_else(|error| {
            let body = json!({ "__type": "InternalServerError", "message": error.to_string() });
            (StatusCode::INTERNAL_SERVER_ERROR, body.to_string()).into_response()
        })
    }

    /// Sends a request over a connection that no other request uses.
    async fn pass_on(&self, request: Request) -> Result<Response, BoxError> {
        let mut connection = self.connection().await?;
        let (parts, body) = connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        lock(&self.idle).push(connection);
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    async fn connection(&self) -> Result<SendRequest<Body>, BoxError> {
        loop {
            let Some(mut idle) = lock(&self.idle).pop() else {
                return connect(&self.database).await;
            };
            if idle.ready().await.is_ok() {
                return Ok(idle);
            }
        }
    }
}

/// A new connection to the engine's server.
async fn connect(database: &Database) -> Result<SendRequest<Body>, BoxError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let stream = TcpStream::connect(listener.local_addr()?).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    // An answer shows that the connection has been accepted. The server's future is then dropped, and the listener with
    // it. The connection is a task of its own, which would end with the shutdown signal.
    let accepted = tokio::select! {
        answer = sender.send_request(Request::new(Body::empty())) => answer?.into_body().collect().await?.to_bytes(),
        _ = server::serve_with_shutdown(listener, database.clone(), future::pending()) => Bytes::new(),
    };
    if accepted.is_empty() {
        return Err(io::Error::other("the embedded DynamoDB doesn't answer").into());
    }
    sender.ready().await?;
    Ok(sender)
}
