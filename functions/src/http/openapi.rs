//! The two documents that the API serves, and the answers to requests that match no route: the OpenAPI 3.1 document of all
//! endpoints, and the AsyncAPI 3 document of all events.
//!
//! They are written in `openapi.yaml` and `../events/asyncapi.yaml`. The build script converts them to JSON.

use std::collections::BTreeMap;

use lambda_http::http::{HeaderValue, Method, Response, StatusCode, header};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{qyvo, response};

/// The OpenAPI document in YAML.
pub const YAML: &str = include_str!("openapi.yaml");

/// The OpenAPI document in JSON, with its keys in the same order.
pub const JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// The AsyncAPI document in YAML.
pub const EVENTS_YAML: &str = include_str!("../events/asyncapi.yaml");

/// The AsyncAPI document in JSON, with its keys in the same order.
pub const EVENTS_JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/asyncapi.json"));

/// The path, the content type and the text of each document.
const DOCUMENTS: [(&str, &str, &str); 4] = [
    ("/api/v1/openapi.yaml", "application/yaml", YAML),
    ("/api/v1/openapi.json", "application/json", JSON),
    ("/api/v1/asyncapi.yaml", "application/yaml", EVENTS_YAML),
    ("/api/v1/asyncapi.json", "application/json", EVENTS_JSON),
];

/// The HTTP methods that a path of the OpenAPI document can have. Its other keys apply to all methods.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The paths of the OpenAPI document.
#[derive(Deserialize)]
pub(crate) struct OpenApiDocument {
    paths: BTreeMap<String, BTreeMap<String, IgnoredAny>>,
}

impl OpenApiDocument {
    /// Parses the document.
    pub(crate) fn parse() -> Result<Self, serde_json::Error> {
        serde_json::from_str(JSON)
    }

    /// Answers a request for one of the documents, or one that matches no route: 405 with `Allow` for a path of
    /// the OpenAPI document, 404 for any other path.
    pub(super) fn respond(&self, request: &Request) -> Response<Body> {
        let path = request.raw_http_path();
        let asked = route(request).unwrap_or(path);
        let document = DOCUMENTS.iter().find(|(path, ..)| request.method() == Method::GET && *path == asked);
        if let Some((_, content_type, text)) = document {
            let mut response = response::json(StatusCode::OK, *text);
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            return response;
        }
        let Some(methods) = self.allowed(path) else { return not_found() };
        let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed.");
        if let Ok(methods) = HeaderValue::from_str(&methods) {
            response.headers_mut().insert(header::ALLOW, methods);
        }
        response
    }

    /// The methods of a path, for `Allow`: `GET, POST`. `None` for an unknown path.
    fn allowed(&self, path: &str) -> Option<String> {
        let keys = self.paths.get(path)?.keys();
        let methods = keys.filter(|key| METHODS.contains(&key.as_str()));
        Some(methods.map(|method| method.to_uppercase()).collect::<Vec<_>>().join(", "))
    }
}

/// The path of the route that matched (HTTP API only), because the request's path may begin with a stage or
/// the mapping of a custom domain. Behind such a prefix, every unmatched request gets 404.
fn route(request: &Request) -> Option<&str> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => context.route_key.as_deref()?.strip_prefix("GET "),
        _ => None,
    }
}

/// 404 for an unknown path.
pub(super) fn not_found() -> Response<Body> {
    error(StatusCode::NOT_FOUND, "Not Found.")
}

fn error(status: StatusCode, text: &str) -> Response<Body> {
    response::json(status, qyvo::ErrorBody::both(text).json())
}
