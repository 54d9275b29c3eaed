//! The HTTP API: answers preflight requests, finds the route of any other, invokes its function and converts the answer.

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::cors::Cors;
use super::event;
use super::routes::{RouteMatch, Routes};
use crate::body::{self, FUNCTION_LIMIT, Unread};
use crate::lambda::outcome::InvocationOutcome;
use crate::lambda::pool::Functions;
use crate::logs::{HttpCall, Logs};
use crate::template::Template;

/// The largest body API Gateway accepts, in bytes.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// The HTTP API of a stack.
pub(crate) struct Gateway {
    routes: Routes,
    cors: Option<Cors>,
    functions: Arc<Functions>,
    logs: Logs,
}

impl Gateway {
    /// The routes and CORS settings of a template, with its functions. Each request is a line in `logs`.
    pub(crate) fn new(template: &Template, functions: Arc<Functions>, logs: Logs) -> Self {
        Self { routes: Routes::new(template), cors: template.cors.as_ref().map(Cors::new), functions, logs }
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request) -> Response {
        let begun = Instant::now();
        let (request, body) = request.into_parts();
        let preflight = self.cors.as_ref().and_then(|cors| cors.preflight(&request));
        let (response, route) = match preflight {
            Some(response) => (response, None),
            None => {
                let route = self.routes.find(&request.method, request.uri.path());
                let mut response = self.invoke(&request, body, route.as_ref()).await;
                if let Some(cors) = &self.cors {
                    cors.apply(&request, &mut response);
                }
                (response, route)
            }
        };
        self.logs.http_call(&HttpCall {
            method: request.method.to_string(),
            path: request.uri.path().to_owned(),
            status: response.status().as_u16(),
            took: begun.elapsed(),
            function: route.map(|route| route.function.to_owned()),
        });
        response
    }

    async fn invoke(&self, request: &Parts, body: Body, route: Option<&RouteMatch<'_>>) -> Response {
        let Some(route) = route else {
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        let Some(function) = self.functions.find(route.function) else {
            return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        };
        let body = match body::read(body, BODY_LIMIT).await {
            Ok(body) => body,
            Err(Unread::TooLarge(_)) => return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Err(Unread::Aborted) => return message(StatusCode::BAD_REQUEST, "Bad Request"),
        };
        let id = Uuid::new_v4().to_string();
        let event = event::from_request(request, &body, route, &id, Timestamp::now()).to_string();
        if event.len() > FUNCTION_LIMIT {
            return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        }
        match function.invoke(Bytes::from(event)).await {
            InvocationOutcome::Answered(payload) => event::to_response(&payload)
                .unwrap_or_else(|| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")),
            InvocationOutcome::Failed(_) => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            InvocationOutcome::TimedOut(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        }
    }
}

/// A response of API Gateway's own.
fn message(status: StatusCode, text: &str) -> Response {
    let body = json!({ "message": text }).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
