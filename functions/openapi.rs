//! `GET /api/v1/openapi.yaml`, `GET /api/v1/openapi.json`: the contract of all endpoints, OpenAPI 3.1.
//!
//! Without a token. This function also takes every request that is no endpoint's, and answers it as
//! the contract says: 405 with the methods a path has, 404 where there is no such path.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve_contract("openapi").await
}
