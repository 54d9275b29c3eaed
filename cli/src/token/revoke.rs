//! `carnet token revoke`.

use carnet_local::BoxError;
use clap::Args as ClapArgs;

use super::named::NamedToken;
use crate::output::{confirm, plain, print_json};
use crate::show;
use crate::target::{Target, TargetArgs, explain};

/// The end of the long help.
pub(super) const HELP: &str = "\
The token's item is deleted, which cannot be undone. Processes cache tokens: warm ones may
accept it for up to another 60 s, and all others refuse it at once, with 401. To replace a token
without interruption, use `carnet token rotate`.

It asks before it revokes. With --yes it does not, which is needed where standard input is not a
terminal.

With --json, standard output is the revoked token, as `carnet token list --json` prints it, but
without last_used.

Examples:
  carnet token revoke n8n --tenant acme
  carnet token revoke a1b2 --tenant acme --stack carnet --yes
  carnet token revoke - --yes < leaked-token.txt

Exit status: 0 if it was revoked, 1 if that failed or was not confirmed, 2 if the arguments are
wrong.";

/// Options of `carnet token revoke`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    token: NamedToken,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) async fn run(args: Args) -> Result<(), BoxError> {
    let target = Target::open(&args.target).await?;
    let token = args.token.find(&target).await?.token;
    eprint!("{}", show::tokens_table(std::slice::from_ref(&token)));
    let label = plain(&token.record.label);
    confirm(&format!("Revoke the token `{label}`? Its callers get 401."), args.yes)?;
    target.access.revoke(&token).await.map_err(explain)?;
    eprintln!("The token `{label}` is revoked. It is refused by every process within 60 s.");
    if args.json { print_json(&show::token(&token)) } else { Ok(()) }
}
