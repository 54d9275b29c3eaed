//! `carnet tenant show`.

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use serde_json::Value;

use crate::output::{print, print_json};
use crate::show;
use crate::target::{Target, TargetArgs, explain};

/// The end of the long help.
pub(super) const HELP: &str = "\
With --json, standard output is {\"id\", \"slug\", \"name\", \"created_at\", \"rate_limit\",
\"deleting_since\", \"tokens\"}, with the tokens as `carnet token list --json` prints them. A token
issued a second ago may be missing, because the index is eventually consistent.

Examples:
  carnet tenant show acme
  carnet tenant show 6c1f8a57-2f0e-4b5e-9d57-0a1e1a0d9a11 --stack carnet

Exit status: 0 if it was done, 1 if it failed, for example because there is no such tenant, 2 if
the arguments are wrong.";

/// Options of `carnet tenant show`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Slug or id of the tenant
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
        let mut document = show::tenant(&tenant);
        let tokens = tokens.iter().zip(&usage).map(|(token, usage)| show::token_with_use(token, usage));
        document["tokens"] = tokens.collect::<Value>();
        return print_json(&document);
    }
    let slug = tenant.slug.as_str().to_owned();
    let tokens = match &tokens[..] {
        [] => format!("It has no tokens; `carnet token create --tenant {slug} --label TEXT` issues one.\n"),
        tokens => show::used_tokens_table(tokens, &usage),
    };
    print(&format!("{}\n{tokens}", show::tenants_table(&[tenant])))
}
