//! `GET /api/v1/me`: who a token belongs to, and which tenant they work in.
//!
//! The one endpoint that answers a user without a tenant: clients ask it whether a token is any
//! good.

use contacts::access::{Caller, Tenant, TenantId};
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
    let my = |tenant: &Tenant| MyTenant { id: tenant.id(), name: tenant.name().to_owned() };
    let user = caller.user.clone();
    Me { id: user.id, email: user.email, name: user.name, tenant: caller.tenant.as_ref().map(my) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve_caller("me", me).await
}
