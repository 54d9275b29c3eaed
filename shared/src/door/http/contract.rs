//! The contract as a document, and what it says to requests that are none of it.

use std::collections::BTreeMap;

use lambda_http::http::{HeaderValue, Method, Response, StatusCode, header};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::StartError;
use super::{qyvo, response};
use crate::openapi;

/// What a path of the document may have; the rest of it is about all of them.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The paths of the document.
#[derive(Deserialize)]
pub(in crate::door) struct Contract {
    paths: BTreeMap<String, BTreeMap<String, IgnoredAny>>,
}

impl Contract {
    /// Reads the document that was compiled in.
    pub(in crate::door) fn read() -> Result<Self, StartError> {
        Ok(serde_json::from_str(openapi::JSON)?)
    }

    /// Answers a request that no endpoint takes.
    pub(super) fn answer(&self, request: &Request) -> Response<Body> {
        let path = request.raw_http_path();
        match (request.method(), route(request).unwrap_or(path)) {
            (&Method::GET, openapi::JSON_PATH) => response::json(StatusCode::OK, openapi::JSON),
            (&Method::GET, openapi::YAML_PATH) => {
                let mut response = response::json(StatusCode::OK, openapi::YAML);
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/yaml"));
                response
            }
            _ => match self.allowed(path) {
                None => no_path(),
                Some(methods) => {
                    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed.");
                    if let Ok(methods) = HeaderValue::from_str(&methods) {
                        response.headers_mut().insert(header::ALLOW, methods);
                    }
                    response
                }
            },
        }
    }

    /// The methods of a path, if it is one: `GET, POST`.
    fn allowed(&self, path: &str) -> Option<String> {
        let about = self.paths.get(path)?;
        let methods = about.keys().filter(|key| METHODS.contains(&key.as_str()));
        Some(methods.map(|method| method.to_uppercase()).collect::<Vec<_>>().join(", "))
    }
}

/// The path of the route that took a request: the path itself may have a stage or a domain's mapping
/// before it.
fn route(request: &Request) -> Option<&str> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => context.route_key.as_deref()?.strip_prefix("GET "),
        _ => None,
    }
}

/// There is nothing here.
pub(super) fn no_path() -> Response<Body> {
    refusal(StatusCode::NOT_FOUND, "Not Found.")
}

fn refusal(status: StatusCode, text: &str) -> Response<Body> {
    response::json(status, qyvo::Failure::both(text).json())
}
