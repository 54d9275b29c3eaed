//! Returns the OpenAPI 3.1 document of all endpoints and the AsyncAPI 3 document of all events, and answers requests that
//! match no route.
//!
//! Routes: `GET /api/v1/openapi.yaml` and `.json`, `GET /api/v1/asyncapi.yaml` and `.json`, and `$default`. It takes no
//! events.
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
//! The documents are compiled into the executable, so they describe the deployed version.
//!
//! # Cost
//! None.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_openapi("openapi").await
}
