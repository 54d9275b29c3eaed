//! `carnet token list`.

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use serde_json::Value;

use crate::output::{print, print_json};
use crate::show;
use crate::target::{Target, TargetArgs, explain};

/// The end of the long help.
pub(super) const HELP: &str = "\
The oldest token comes first. DynamoDB deletes expired tokens within days; until then they are
listed as expired. A token issued or revoked a second ago may be missing or still be listed,
because the index is eventually consistent.

The last use is a UTC day. It is - if the token was not used for 90 days, or if its calls are not
counted because its rate limit is 0. The kind is - for tokens of versions that did not store it.
Reading the last uses takes 1 read unit per token.

With --json, standard output is a list of {\"id\", \"label\", \"last_four\", \"kind\", \"user\",
\"created_at\", \"expires_at\", \"expired\", \"rate_limit\", \"last_used\"}. The id is the SHA-256
of the token, of which tables show the first eight digits; kind is \"bearer\", \"flowiq\" or null;
expires_at is null for never, rate_limit is null where the tenant's limit applies, and last_used
is a day or null.

Examples:
  carnet token list --tenant acme
  carnet token list --tenant acme --stack carnet --json | jq -r '.[] | select(.expires_at == null) | .label'

Exit status: 0 if it was done, 1 if it failed, 2 if the arguments are wrong.";

/// Options of `carnet token list`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Slug or id of the tenant
    #[arg(long, value_name = "TENANT")]
    tenant: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) async fn run(args: Args) -> Result<(), BoxError> {
    let target = Target::open(&args.target).await?;
    let tenant = target.tenant(&args.tenant).await?;
    let tokens = target.tokens(&tenant).await?;
    let usage = target.access.token_usage(&tokens).await.map_err(explain)?;
    if args.json {
        let tokens = tokens.iter().zip(&usage).map(|(token, usage)| show::token_with_use(token, usage));
        print_json(&tokens.collect::<Value>())
    } else if tokens.is_empty() {
        let slug = tenant.slug.as_str();
        print(&format!("{slug} has no tokens; `carnet token create --tenant {slug} --label TEXT` issues one.\n"))
    } else {
        print(&show::used_tokens_table(&tokens, &usage))
    }
}
