//! Returns the OpenAPI 3.1 document of all endpoints, and answers requests that match no route.
//!
//! Routes: `GET /api/v1/openapi.yaml`, `GET /api/v1/openapi.json`, and `$default`. It takes no events.
//!
//! # Input
//! None; no token is needed.
//!
//! # Answer
//! 200, the document as `application/yaml` or `application/json`.
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 405 | `{"message":"Method Not Allowed.","error":"Method Not Allowed."}` | the path exists with other methods, which `Allow` lists |
//! | 404 | `{"message":"Not Found.","error":"Not Found."}` | the path does not exist |
//!
//! # Guarantees
//! The document is compiled into the executable, so it describes the deployed version.
//!
//! # Cost
//! None.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_openapi("openapi").await
}
