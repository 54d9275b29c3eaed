//! Which token an operator means.

use std::{env, io};

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use contacts::access::{ListedToken, SecretKind};
use contacts::model::TenantRecord;

use crate::output::plain;
use crate::show::{self, ID_DIGITS};
use crate::target::{Target, explain};
use crate::values::TOKEN_VARIABLE;

/// How long a name is at least that is probably a token. Tokens must not be arguments, which other users can see.
const SECRET_LENGTH: usize = 24;

/// The arguments that name a token.
#[derive(Debug, ClapArgs)]
pub(super) struct NamedToken {
    /// Label, last four characters or id of the token; - reads the token itself from standard input
    ///
    /// At least the first eight digits of an id. Without this argument, the token itself is read from CARNET_TOKEN.
    #[arg(value_name = "TOKEN")]
    name: Option<String>,
    /// Slug or id of the tenant; needed unless the token itself is given
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

/// The token that was found.
pub(super) struct Found {
    /// As it is stored.
    pub(super) token: ListedToken,
    /// Which clients it is for, if the token itself was given: tokens of earlier versions do not store it.
    pub(super) kind: Option<SecretKind>,
}

impl NamedToken {
    /// Finds the token.
    ///
    /// # Errors
    /// When no token has the name or several have it, or when the table cannot be read.
    pub(super) async fn find(&self, target: &Target) -> Result<Found, BoxError> {
        let tenant = match &self.tenant {
            Some(tenant) => Some(target.tenant(tenant).await?),
            None => None,
        };
        let secret = match self.name.as_deref() {
            Some("-") => {
                let mut line = String::new();
                io::stdin().read_line(&mut line)?;
                line.trim().to_owned()
            }
            Some(name) => {
                let tenant = tenant.ok_or("add --tenant with the slug of the tenant that the token belongs to")?;
                let tokens = target.tokens(&tenant).await?;
                return Ok(Found { token: by_name(&tenant, tokens, name)?, kind: None });
            }
            None => env::var(TOKEN_VARIABLE).unwrap_or_default(),
        };
        if secret.is_empty() {
            let text = format!(
                "name a token by its label, last four characters or id, or give the token itself in {TOKEN_VARIABLE} or, \
                 with -, on standard input"
            );
            return Err(text.into());
        }
        let token = target.access.find(&secret).await.map_err(explain)?.ok_or(
            "no tenant has this token: it was revoked, or has expired and been deleted, or is one of another deployment",
        )?;
        match tenant {
            Some(tenant) if token.record.tenant_id != Some(tenant.id) => {
                Err(format!("this token is not one of tenant {}", tenant.slug.as_str()).into())
            }
            _ => Ok(Found { token, kind: Some(SecretKind::of(&secret)) }),
        }
    }
}

/// The one token that has the name.
fn by_name(tenant: &TenantRecord, tokens: Vec<ListedToken>, name: &str) -> Result<ListedToken, BoxError> {
    let slug = tenant.slug.as_str();
    let has_name = |token: &ListedToken| {
        token.record.label == name
            || token.record.last_four == name
            || (name.len() >= ID_DIGITS && token.id().starts_with(name))
    };
    let (mut named, others): (Vec<_>, Vec<_>) = tokens.into_iter().partition(has_name);
    match named.len() {
        1 => Ok(named.remove(0)),
        // The text does not repeat what may be a secret.
        0 if name.len() >= SECRET_LENGTH && !name.contains(' ') => Err(format!(
            "tenant {slug} has no token of this name. If it is a token itself, give it on standard input with - or in \
             {TOKEN_VARIABLE}: other users of the machine see arguments, so rotate it now"
        )
        .into()),
        0 if others.is_empty() => Err(format!("tenant {slug} has no tokens").into()),
        0 => {
            let table = show::tokens_table(&others);
            Err(format!("tenant {slug} has no token `{}`; it has these:\n{}", plain(name), table.trim_end()).into())
        }
        several => Err(format!(
            "{several} tokens of tenant {slug} have the name `{}`; name one by its last four characters or its id:\n{}",
            plain(name),
            show::tokens_table(&named).trim_end()
        )
        .into()),
    }
}
