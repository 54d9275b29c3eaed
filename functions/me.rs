//! Returns the user of the token and their tenant. Clients call it to check a token.
//!
//! Route: `GET /api/v1/me`. It takes no events.
//!
//! # Input
//! The bearer token only.
//!
//! # Answer
//! 200. This is the only endpoint that accepts a token whose user has no tenant; `tenant` is then `null`.
//! ```json
//! {"id":42,"email":"jane@example.com","name":"Jane","tenant":{"id":"6c1f8a57-2f0e-4b5e-9d57-0a1e1a0d9a11","name":"demo"}}
//! ```
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"message":"Unauthenticated."}` | the token is missing, unknown, expired or revoked, or its tenant does not exist or is being deleted |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 120); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles or cannot be reached, or the call takes 9.5 s; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! # Guarantees
//! A token is accepted as soon as it is issued. An expired token is rejected at once; a revoked one may
//! be accepted for another 60 s.
//!
//! # Cost
//! On a token-cache or tenant-cache miss (60 s each), 1 GetItem each. If the token has a rate limit, 1 UpdateItem (1
//! write unit for a limit of up to 120). Otherwise none.

use contacts::access::Caller;
use contacts::model::{Tenant, TenantId};
use serde::Serialize;

#[derive(Serialize)]
struct Me {
    id: u64,
    email: String,
    name: Option<String>,
    tenant: Option<MyTenant>,
}

#[derive(Serialize)]
struct MyTenant {
    id: TenantId,
    name: String,
}

fn me(caller: &Caller) -> Me {
    let tenant = |tenant: &Tenant| MyTenant { id: tenant.id(), name: tenant.name().to_owned() };
    let user = caller.user.clone();
    Me { id: user.id, email: user.email, name: user.name, tenant: caller.tenant.as_ref().map(tenant) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_caller("me", me).await
}
