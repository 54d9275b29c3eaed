//! `carnet token create`.

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use contacts::access::{SecretKind, User};
use contacts::model::{Email, Name};

use crate::issue::{Choices, issue, placeholder_user};
use crate::output::{print, print_json};
use crate::show;
use crate::target::{Target, TargetArgs};
use crate::values::{Expiry, RateLimit};

/// The end of the long help.
pub(super) const HELP: &str = "\
Standard output is the token alone, so that it can be put into a variable or a secret store; the
rest is on standard error. The token is shown only now, and works at once.

A token is accepted by Qyvo's actions. With --flowiq it begins with fiq_, and is accepted by
FlowIQ's endpoints too.

With --json, standard output is {\"secret\", \"id\", \"label\", \"last_four\", \"kind\", \"user\",
\"created_at\", \"expires_at\", \"expired\", \"rate_limit\"}.

Examples:
  carnet token create --tenant acme --label n8n
  carnet token create --tenant acme --label FlowIQ --flowiq --expires 2027-01-31
  carnet token create --tenant acme --label 'nightly import' --rate-limit 1000 --expires 8h
  TOKEN=$(carnet token create --tenant acme --label ci --stack carnet)

Exit status: 0 if it was done, 1 if it failed, 2 if the arguments are wrong.";

/// Options of `carnet token create`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Slug or id of the tenant
    #[arg(long, value_name = "TENANT")]
    tenant: String,
    /// What the token is used for, at most 255 characters; lists show it
    #[arg(long, value_name = "TEXT")]
    label: Name,
    /// When the token expires: a duration such as 90d, a date or time in UTC, or never
    ///
    /// On the day of a date it is refused from 00:00 UTC.
    #[arg(long, value_name = "WHEN", default_value = "never")]
    expires: Expiry,
    /// Calls in any 60 s, at most 1000; 0 means unlimited, and default is the tenant's limit
    #[arg(long, value_name = "N", default_value = "default")]
    rate_limit: RateLimit,
    /// Make it a FlowIQ key, which begins with fiq_
    #[arg(long)]
    flowiq: bool,
    /// Number of the token's user, which GET /api/v1/me shows
    #[arg(long, value_name = "N", default_value_t = 1)]
    user_id: u64,
    /// Email address of the token's user [default: one that cannot exist]
    #[arg(long, value_name = "ADDRESS")]
    user_email: Option<Email>,
    /// Name of the token's user
    #[arg(long, value_name = "NAME")]
    user_name: Option<Name>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) async fn run(args: Args) -> Result<(), BoxError> {
    let target = Target::open(&args.target).await?;
    let tenant = target.tenant(&args.tenant).await?;
    let user = User {
        id: args.user_id,
        email: args.user_email.map_or_else(|| placeholder_user(&tenant).email, String::from),
        name: args.user_name.map(String::from),
    };
    let choices = Choices {
        label: args.label.into(),
        kind: if args.flowiq { SecretKind::FlowIq } else { SecretKind::Bearer },
        expires: args.expires,
        rate_limit: args.rate_limit.0,
        user: Some(user),
    };
    let (secret, token) = issue(&target, &tenant, choices).await?;
    if args.json {
        let mut document = show::token(&token);
        document["secret"] = secret.reveal().into();
        return print_json(&document);
    }
    eprint!("{}", show::tokens_table(&[token]));
    eprintln!("\nThe token is shown only now:\n");
    print(&format!("{}\n", secret.reveal()))
}
