//! `carnet tenant create`.

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use contacts::access::{Error, SecretKind};
use contacts::model::{Name, Slug};
use serde_json::json;

use crate::issue::{Choices, first_call, issue};
use crate::output::{print, print_json};
use crate::show;
use crate::target::{Target, TargetArgs, explain};
use crate::values::{Expiry, RateLimit};

/// The end of the long help.
pub(super) const HELP: &str = "\
The token of --with-token is shown once and stored only as its SHA-256. It works at once.
`carnet token create` has more options.

With --json, standard output is {\"tenant\": {\"id\", \"slug\", \"name\", \"created_at\",
\"rate_limit\", \"deleting_since\"}}, and with --with-token also \"token\": {\"secret\", \"id\",
\"label\", \"last_four\", \"kind\", \"user\", \"created_at\", \"expires_at\", \"expired\",
\"rate_limit\"}.

Examples:
  carnet tenant create acme --name 'Acme Ltd' --with-token
  carnet tenant create acme --with-token --flowiq --label 'FlowIQ' --expires 90d
  TOKEN=$(carnet tenant create acme --with-token --json | jq -r .token.secret)

Exit status: 0 if it was done, 1 if it failed, for example because another tenant has the slug,
2 if the arguments are wrong.";

/// Options of `carnet tenant create`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The slug: 1 to 63 lower-case letters, digits and inner hyphens; no other tenant may have it
    slug: Slug,
    /// Display name, at most 255 characters [default: the slug]
    #[arg(long)]
    name: Option<Name>,
    /// Calls in any 60 s that each of the tenant's tokens may make, at most 1000; 0 means unlimited
    ///
    /// Tokens can have limits of their own. `default` stands for the template's parameter RateLimit.
    #[arg(long, value_name = "N", default_value = "default")]
    rate_limit: RateLimit,
    /// Issue a token too, and print a first call with it
    #[arg(long)]
    with_token: bool,
    /// What the token is used for [default: first token]
    #[arg(long, value_name = "TEXT", requires = "with_token")]
    label: Option<Name>,
    /// Make the token a FlowIQ key, which begins with fiq_
    #[arg(long, requires = "with_token")]
    flowiq: bool,
    /// When the token expires: a duration such as 90d, a date or time in UTC, or never [default: never]
    #[arg(long, value_name = "WHEN", requires = "with_token")]
    expires: Option<Expiry>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) async fn run(args: Args) -> Result<(), BoxError> {
    let target = Target::open(&args.target).await?;
    let name = args.name.as_ref().map_or(args.slug.as_str(), Name::as_str);
    let created = target.access.create_tenant(name, args.slug.clone(), args.rate_limit.0).await;
    let tenant = created.map_err(|error| match error {
        Error::SlugTaken => format!(
            "there is a tenant with the slug `{0}` already; `carnet tenant show {0}` shows it",
            args.slug.as_str()
        )
        .into(),
        error => explain(error),
    })?;
    let mut document = json!({ "tenant": show::tenant(&tenant) });
    let mut text = show::tenants_table(std::slice::from_ref(&tenant));
    if args.with_token {
        let choices = Choices {
            label: args.label.map_or_else(|| "first token".to_owned(), String::from),
            kind: if args.flowiq { SecretKind::FlowIq } else { SecretKind::Bearer },
            expires: args.expires.unwrap_or(Expiry::Never),
            rate_limit: None,
            user: None,
        };
        let (secret, token) = issue(&target, &tenant, choices).await.map_err(|error| {
            format!(
                "the tenant was created, but its token was not: {error}; `carnet token create --tenant {}` issues one",
                args.slug.as_str()
            )
        })?;
        document["token"] = show::token(&token);
        document["token"]["secret"] = secret.reveal().into();
        text += &format!(
            "\n{}\nIts token, which is shown only now:\n\n{}\n\nA first call:\n\n{}",
            show::tokens_table(&[token]),
            secret.reveal(),
            first_call(&target, &secret)
        );
    }
    if args.json { print_json(&document) } else { print(&text) }
}
