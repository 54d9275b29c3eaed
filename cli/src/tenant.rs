//! `carnet tenant`: creates, lists, shows, changes and deletes tenants.

mod create;
mod delete;
mod list;
mod show;
mod update;

use carnet_local::BoxError;
use clap::{Args as ClapArgs, Subcommand};

/// Options of `carnet tenant`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a tenant, and with --with-token its first token
    #[command(after_long_help = create::HELP)]
    Create(create::Args),
    /// List all tenants
    #[command(after_long_help = list::HELP)]
    List(list::Args),
    /// Show a tenant and its tokens
    #[command(after_long_help = show::HELP)]
    Show(show::Args),
    /// Change a tenant's name, slug or rate limit
    #[command(after_long_help = update::HELP)]
    Update(update::Args),
    /// Delete a tenant with its tokens and all its contacts
    #[command(after_long_help = delete::HELP)]
    Delete(delete::Args),
}

/// The end of the long help of `carnet tenant` and of its commands.
pub(crate) const HELP: &str = "\
A tenant is a customer with contacts of its own. It has an id, which is random and is the
organization_id that clients see; a slug, which is unique and is the tenantId of FlowIQ's
clients; and a name. Commands take the slug or the id. A tenant also has a secret namespace,
from which the ids of its contacts are derived: it is random, never changes and is never shown.

Examples:
  carnet tenant create acme --name 'Acme Ltd' --with-token
  carnet tenant list --stack carnet
  carnet tenant update acme --rate-limit 600
  carnet tenant delete acme

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
        Command::Show(args) => show::run(args).await,
        Command::Update(args) => update::run(args).await,
        Command::Delete(args) => delete::run(args).await,
    }
}
