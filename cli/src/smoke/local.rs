//! The local stack that the deployment is compared with: the same template and functions, and a tenant of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use carnet_local::{BoxError, LogLines, Logs, Options, Seed, Stack, StreamStart};
use contacts::access::{NewToken, Secret, SecretKind, User};
use contacts::model::Slug;
use serde_json::Value;

use super::side::Side;
use super::wire::Endpoint;
use crate::seeding::tables;
use crate::{build, workspace};

/// What the local tenant and its user share with the deployment's, so that answers show the same.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// The user of the token.
    pub(super) user: User,
    /// The tenant's name.
    pub(super) tenant_name: String,
    /// The tenant's slug.
    pub(super) slug: Slug,
    /// The calls per minute of the token; 0 means unlimited.
    pub(super) rate_limit: u32,
}

impl Identity {
    /// From the answer of `GET /api/v1/me` and the limit in its headers.
    ///
    /// # Errors
    /// When the answer is not the documented one, or the user has no tenant.
    pub(super) fn new(me: &Value, slug: Slug, rate_limit: u32) -> Result<Self, BoxError> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let user = User {
            id: me["id"].as_u64().ok_or("GET /api/v1/me answered without the id of a user; is this URL Carnet's?")?,
            email: text(&me["email"]).unwrap_or_default(),
            name: text(&me["name"]),
        };
        let tenant_name = text(&me["tenant"]["name"]).ok_or(
            "the token's user has no tenant; issue a token for a tenant that is used for nothing else (README.md, \
             Deploy it)",
        )?;
        Ok(Self { user, tenant_name, slug, rate_limit })
    }
}

/// Builds the functions, starts a stack, and creates the tenant and a random token.
///
/// # Errors
/// When the functions do not compile or the stack does not start.
pub(super) async fn start(identity: &Identity) -> Result<(Stack, Side), BoxError> {
    let root = workspace::root();
    let binaries = build::functions(&root, false).await?;
    let token = Secret::generate(SecretKind::FlowIq).reveal().to_owned();
    let tenant_id: Arc<OnceLock<String>> = Arc::default();
    let seed = {
        let (identity, token, tenant_id) = (identity.clone(), token.clone(), Arc::clone(&tenant_id));
        Seed::new(move |environment| {
            let (identity, token, tenant_id) = (identity.clone(), token.clone(), Arc::clone(&tenant_id));
            async move {
                let id = write(&environment, identity, &token).await?;
                tenant_id.get_or_init(|| id);
                Ok(StreamStart::AsConfigured)
            }
        })
    };
    let options = Options {
        // The functions report what they consume, which a difference of units is seen by.
        environment: [("AWS_LAMBDA_LOG_LEVEL".to_owned(), "DEBUG".to_owned())].into(),
        seed: Some(seed),
        logs: Logs::Collect(LogLines::default()),
        ..Options::new(root.join("template.yaml"), binaries)
    };
    let stack = Stack::start(options).await?;
    let mut side = Side::new(Endpoint::new(&stack.url().parse()?)?, &token);
    side.set("tenant", tenant_id.get().cloned().unwrap_or_default());
    Ok((stack, side))
}

async fn write(environment: &BTreeMap<String, String>, identity: Identity, token: &str) -> Result<String, BoxError> {
    let (access, _) = tables(environment)?;
    let tenant = access.create_tenant(&identity.tenant_name, identity.slug, None).await?;
    let new = NewToken {
        user: identity.user,
        tenant_id: Some(tenant.id),
        label: "smoke".to_owned(),
        rate_limit: Some(identity.rate_limit),
        expires_at: None,
    };
    access.issue(token, new).await?;
    Ok(tenant.id.to_string())
}
