//! `carnet tenant update`.

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use contacts::access::{Error, TenantUpdate};
use contacts::model::{Name, Patch, Slug};

use crate::output::{print, print_json};
use crate::show;
use crate::target::{Target, TargetArgs, explain};
use crate::values::RateLimit;

/// The end of the long help.
pub(super) const HELP: &str = "\
What is not given stays as it is. The change is seen by all calls within 60 s, because processes
cache tenants for that long. With --slug, FlowIQ's clients have to name the new slug as
tenantId: the old one gets 401 from then on, and another tenant may take it. Ids, contacts and
tokens stay the same.

With --json, standard output is {\"id\", \"slug\", \"name\", \"created_at\", \"rate_limit\",
\"deleting_since\"} after the change.

Examples:
  carnet tenant update acme --name 'Acme International'
  carnet tenant update acme --slug acme-intl
  carnet tenant update acme --rate-limit default

Exit status: 0 if it was done, 1 if it failed, for example because another tenant has the slug,
2 if the arguments are wrong.";

/// Options of `carnet tenant update`.
#[derive(Debug, ClapArgs)]
#[group(id = "change", required = true, multiple = true, args = ["name", "slug", "rate_limit"])]
pub(super) struct Args {
    /// Slug or id of the tenant
    tenant: String,
    /// New display name, at most 255 characters
    #[arg(long)]
    name: Option<Name>,
    /// New slug: 1 to 63 lower-case letters, digits and inner hyphens; no other tenant may have it
    #[arg(long)]
    slug: Option<Slug>,
    /// Calls in any 60 s of each token without a limit of its own, at most 1000; 0 means unlimited
    ///
    /// `default` stands for the template's parameter RateLimit.
    #[arg(long, value_name = "N")]
    rate_limit: Option<RateLimit>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) async fn run(args: Args) -> Result<(), BoxError> {
    let target = Target::open(&args.target).await?;
    let tenant = target.tenant(&args.tenant).await?;
    let update = TenantUpdate {
        name: args.name.map(String::from),
        slug: args.slug,
        rate_limit: match args.rate_limit {
            None => Patch::Keep,
            Some(RateLimit(None)) => Patch::Clear,
            Some(RateLimit(Some(limit))) => Patch::Set(limit),
        },
    };
    let updated = target.access.update_tenant(tenant.id, &update).await.map_err(|error| match error {
        Error::SlugTaken => {
            let slug = update.slug.as_ref().map_or("", Slug::as_str);
            format!("another tenant has the slug `{slug}`; `carnet tenant show {slug}` shows it").into()
        }
        error => explain(error),
    })?;
    if args.json {
        return print_json(&show::tenant(&updated));
    }
    print(&show::tenants_table(&[updated]))?;
    eprintln!("All calls see this within 60 s.");
    Ok(())
}
