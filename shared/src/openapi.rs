//! The HTTP contract, OpenAPI 3.1: every endpoint, field, limit, status and body.
//!
//! Written in `shared/openapi.yaml`, and the same in JSON for programs.

/// As it is written.
pub const YAML: &str = include_str!("../openapi.yaml");

/// The same in JSON, in the same order.
pub const JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// Where the document is served.
pub const YAML_PATH: &str = "/api/v1/openapi.yaml";

/// Where the document is served in JSON.
pub const JSON_PATH: &str = "/api/v1/openapi.json";
