//! `carnet tenant list`.

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use serde_json::Value;

use crate::output::{print, print_json};
use crate::show;
use crate::target::{Target, TargetArgs, explain};

/// The end of the long help.
pub(super) const HELP: &str = "\
The tenants are sorted by slug. A tenant created a second ago may be missing, because the index
is eventually consistent. The command reads the whole index of tenants and tokens: some 60 read
units per 1,000 tenants with one token each.

With --json, standard output is a list of {\"id\", \"slug\", \"name\", \"created_at\",
\"rate_limit\", \"deleting_since\"}; rate_limit is null where the template's parameter RateLimit
applies, and deleting_since unless the tenant is being deleted.

Examples:
  carnet tenant list
  carnet tenant list --stack carnet --json | jq -r '.[].slug'

Exit status: 0 if it was done, 1 if it failed, 2 if the arguments are wrong.";

/// Options of `carnet tenant list`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) async fn run(args: Args) -> Result<(), BoxError> {
    let tenants = Target::open(&args.target).await?.access.tenants().await.map_err(explain)?;
    if args.json {
        print_json(&tenants.iter().map(show::tenant).collect::<Value>())
    } else if tenants.is_empty() {
        print("There are no tenants; `carnet tenant create` creates one.\n")
    } else {
        print(&show::tenants_table(&tenants))
    }
}
