//! `carnet token`: creates, lists, rotates and revokes tokens.

mod create;
mod list;
mod named;
mod revoke;
mod rotate;

use carnet_local::BoxError;
use clap::{Args as ClapArgs, Subcommand};

/// Options of `carnet token`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Issue a token for a tenant
    #[command(after_long_help = create::HELP)]
    Create(create::Args),
    /// List the tokens of a tenant
    #[command(after_long_help = list::HELP)]
    List(list::Args),
    /// Revoke a token at once
    #[command(after_long_help = revoke::HELP)]
    Revoke(revoke::Args),
    /// Replace a token by a new one; both work for a while
    #[command(after_long_help = rotate::HELP)]
    Rotate(rotate::Args),
}

/// The end of the long help of `carnet token`.
pub(crate) const HELP: &str = "\
A token gives its holder access to all contacts of one tenant. It is shown once, when it is
issued; stored are its SHA-256, its last four characters and its label. Commands take the label,
the last four characters or the id of a token, or the token itself from CARNET_TOKEN or standard
input, but never as an argument, because other users of the machine see those.

Processes cache tokens for 60 s: a revoked token is refused within 60 s, an expired one at once.

Examples:
  carnet token create --tenant acme --label n8n --expires 90d
  carnet token list --tenant acme
  carnet token rotate n8n --tenant acme --overlap 7d
  carnet token revoke n8n --tenant acme

Exit status: 0 if it was done, 1 if it failed or was not confirmed, 2 if the arguments are
wrong.";

/// Runs the command.
///
/// # Errors
/// When it fails; the text says what to do.
pub(crate) async fn run(args: Args) -> Result<(), BoxError> {
    match args.command {
        Command::Create(args) => create::run(args).await,
        Command::List(args) => list::run(args).await,
        Command::Revoke(args) => revoke::run(args).await,
        Command::Rotate(args) => rotate::run(args).await,
    }
}
