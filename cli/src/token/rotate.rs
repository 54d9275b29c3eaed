//! `carnet token rotate`.

use std::time::Duration;

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use contacts::access::{RotateError, Secret, SecretKind};
use serde_json::json;

use super::named::NamedToken;
use crate::output::{print, print_json};
use crate::show;
use crate::target::{Target, TargetArgs, explain_store};
use crate::values::{Expiry, duration};

/// The end of the long help.
pub(super) const HELP: &str = "\
The new token has the label, user, rate limit and expiry of the old one. Both work until the
overlap ends; then the old one is refused, by every process within 60 s. Standard output is the
new token alone; the rest is on standard error. It is shown only now.

A token that expires keeps its expiry, so a rotation does not prolong it unknowingly; --expires
sets another one. A FlowIQ key becomes a FlowIQ key. For tokens of versions that did not store the
kind (`carnet token list` shows -), give the key itself or add --flowiq. After the rotation both
tokens have the same label: name them by their last four characters.

With --json, standard output is {\"secret\", \"new\", \"old\"}: the new token and the old one
with its new expiry, both as `carnet token list --json` prints them, but without last_used.

Examples:
  carnet token rotate n8n --tenant acme
  carnet token rotate n8n --tenant acme --overlap 7d --expires 90d
  carnet token rotate FlowIQ --tenant acme --stack carnet
  NEW=$(CARNET_TOKEN=$OLD carnet token rotate)

Exit status: 0 if it was done, 1 if it failed, 2 if the arguments are wrong.";

/// Options of `carnet token rotate`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    token: NamedToken,
    /// How long the old token still works: 90s, 10m, 24h, 7d, 2w; 0s ends it at once
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    overlap: Duration,
    /// When the new token expires: a duration such as 90d, a date or time in UTC, or never [default: as the old one]
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expiry>,
    /// Make the new token a FlowIQ key, which begins with fiq_
    #[arg(long)]
    flowiq: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) async fn run(args: Args) -> Result<(), BoxError> {
    let target = Target::open(&args.target).await?;
    let found = args.token.find(&target).await?;
    let kind = found.token.record.kind.or(found.kind).unwrap_or(SecretKind::Bearer);
    let kind = if args.flowiq { SecretKind::FlowIq } else { kind };
    let secret = Secret::generate(kind);
    let expires_at = args.expires.map(Expiry::second);
    let rotated = target.access.rotate(&found.token, &secret, args.overlap, expires_at).await;
    let rotation = rotated.map_err(|error| -> BoxError {
        let hint = match error {
            RotateError::Store(error) => return explain_store(error),
            RotateError::Revoked | RotateError::Expired => "create a new one with `carnet token create`",
            RotateError::Changed => "`carnet token list` shows what it is now; try again",
            RotateError::TooShort => "give a later time with --expires, or a shorter --overlap",
        };
        format!("{error}; {hint}").into()
    })?;
    let mut old = found.token;
    old.record.expires_at = Some(rotation.old_expires_at);
    if args.json {
        let (new, old) = (show::token(&rotation.new), show::token(&old));
        return print_json(&json!({ "secret": secret.reveal(), "new": new, "old": old }));
    }
    eprint!("{}", show::tokens_table(&[old, rotation.new]));
    eprintln!("\nThe old token is refused from {}, by every process", show::second(rotation.old_expires_at));
    eprintln!("within 60 s. The new token is shown only now:\n");
    print(&format!("{}\n", secret.reveal()))
}
