//! `carnet tenant delete`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use clap::builder::RangedU64ValueParser;
use contacts::access::{DeletionError, QUIET, TenantDeletion};
use contacts::model::{TenantRecord, Timestamp};
use contacts::store::ContactsTable;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::output::{Receipt, print, print_json, prompt, table};
use crate::show;
use crate::target::{ContactsTargetArgs, Target, explain, explain_store};
use crate::values::duration;

/// How often progress is reported.
const REPORT: Duration = Duration::from_secs(5);

/// The end of the long help.
pub(super) const HELP: &str = "\
Deleted are all contacts of the tenant, everything else in the contacts table that belongs to
it, its tokens, their call records, its slug and the tenant itself. This cannot be undone, except
by restoring the tables to an earlier time. In this order:

1. The tenant is marked: its tokens get 401, and its events fail with UnknownTenant.
2. Its tokens are deleted.
3. It waits for 90 s (--wait), because processes cache tenants for 60 s, and calls that have begun
   take up to 30 s.
4. The contacts table is emptied of the tenant, page by page, at --rate items per second.
5. The call records are deleted, and last the tenant and its slug in one transaction. Until then
   both name the tenant.

An interrupted deletion is continued by the same command. Stop imports of the tenant before:
they do not look whether it exists. For each contact that was not deleted before, contact.deleted
is published.

It asks for the slug to be typed. With --yes it does not, which is needed where standard input is
not a terminal.

--receipt writes a JSON document without personal data: {\"tenant\": {\"id\", \"slug\"},
\"started_at\", \"finished_at\", \"removed\": {\"contact\": 36, \"tag\": 20, …}, \"read_units\",
\"write_units\"}. removed counts items by the beginning of their keys, also those that were deleted
before an interruption; the units are those of the contacts table, without the write units of the
250 items at which it was interrupted. With --json, standard output is the same document.

Examples:
  carnet tenant delete acme
  carnet tenant delete acme --stack carnet --yes --receipt acme.json

Exit status: 0 if it was deleted, 1 if that failed or was not confirmed, 2 if the arguments are
wrong.";

/// Options of `carnet tenant delete`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Slug or id of the tenant
    tenant: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// File that a receipt is written to; it must not exist, or be empty
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Items that are deleted per second, at most; one takes up to four write units
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = RangedU64ValueParser::<u32>::new().range(1..=10_000))]
    rate: u32,
    /// How long to wait for calls that are still running; less than 90s may leave what they write
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: ContactsTargetArgs,
}

pub(super) async fn run(args: Args) -> Result<(), BoxError> {
    let (target, contacts) = Target::open_with_contacts(&args.target).await?;
    let tenant = target.tenant(&args.tenant).await?;
    let slug = tenant.slug.as_str().to_owned();
    eprint!("{}", show::tenants_table(std::slice::from_ref(&tenant)));
    if !args.yes {
        let question = "This deletes the tenant with all its contacts for good. Type its slug to confirm:";
        if prompt(question)? != slug {
            return Err(format!("nothing was deleted, because this is not `{slug}`").into());
        }
    }
    let receipt = args.receipt.as_deref().map(Receipt::open).transpose()?;
    let deletion = delete(&target, &contacts, &tenant, args.rate, args.wait.unwrap_or(QUIET)).await;
    let deletion = deletion.map_err(|error| -> BoxError {
        format!("{error}. The deletion of {slug} is not complete; the same command continues it").into()
    })?;
    let document = document(&deletion);
    if let Some(receipt) = receipt {
        receipt.write(&document)?;
    }
    eprintln!("{slug} is deleted.");
    if args.json {
        return print_json(&document);
    }
    let rows = deletion.removed.items.iter().map(|(kind, n)| [n.to_string(), described(kind).to_owned()]);
    print(&table(["ITEMS", "OF"], &rows.collect::<Vec<_>>()))
}

/// Deletes the tenant, or what is left of it.
async fn delete(
    target: &Target,
    contacts: &ContactsTable,
    tenant: &TenantRecord,
    rate: u32,
    wait: Duration,
) -> Result<TenantDeletion, BoxError> {
    let slug = tenant.slug.as_str();
    let mut deletion = target.access.begin_deletion(tenant.id).await.map_err(explain)?;
    target.access.delete_tokens(&mut deletion).await.map_err(explain_deletion)?;
    let passed = Timestamp::now().as_second().saturating_sub(deletion.since.as_second());
    let left = wait.saturating_sub(Duration::from_secs(passed.try_into().unwrap_or(0)));
    if !left.is_zero() {
        eprintln!(
            "Tokens and events of {slug} are refused now, by all processes within 60 s. Waiting {} s until calls that \
             have begun have ended.",
            left.as_secs()
        );
        sleep(left).await;
    }
    let mut reported = Instant::now();
    loop {
        let begun = Instant::now();
        let items = contacts.first_items(&deletion.tenant).await.map_err(explain_store)?;
        if items.keys.is_empty() {
            break;
        }
        target.access.note_items(&mut deletion, &items).await.map_err(explain)?;
        let written = contacts.delete_items(&deletion.tenant, &items).await;
        deletion.removed.write_units += written.map_err(explain_store)?;
        if reported.elapsed() >= REPORT {
            reported = Instant::now();
            eprintln!("{} items are deleted.", deletion.removed.items.values().sum::<u64>());
        }
        let least = Duration::from_secs_f64(items.keys.len() as f64 / f64::from(rate));
        sleep(least.saturating_sub(begun.elapsed())).await;
    }
    target.access.end_deletion(&mut deletion).await.map_err(explain_deletion)?;
    Ok(deletion)
}

fn explain_deletion(error: DeletionError) -> BoxError {
    match error {
        DeletionError::Access(error) => explain(error),
        error @ DeletionError::TooManyTokens => format!("{error}; revoke some with `carnet token revoke`").into(),
    }
}

/// The receipt. It has no name, because that can be a person's.
fn document(deletion: &TenantDeletion) -> Value {
    let removed = &deletion.removed;
    json!({
        "tenant": { "id": deletion.record.id, "slug": deletion.record.slug },
        "started_at": deletion.since,
        "finished_at": Timestamp::now(),
        "removed": removed.items,
        "read_units": removed.read_units,
        "write_units": removed.write_units,
    })
}

/// What the items of a kind are.
fn described(kind: &str) -> &str {
    match kind {
        "answer" => "results of calls with an idempotency key",
        "calls" => "call records of tokens",
        "contact" => "contacts, deleted ones included",
        "event" => "ids of applied events",
        "slug" => "slugs",
        "tag" => "contacts under a tag",
        "tagdef" => "tags",
        "tenant" => "tenants",
        "token" => "tokens",
        other => other,
    }
}
