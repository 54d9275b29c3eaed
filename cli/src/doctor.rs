//! `carnet doctor`: verifies what is stored of a tenant, and repairs it.

mod report;

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use contacts::model::{ContactId, Tenant, TenantId, TenantRecord};
use contacts::store::{ContactsTable, Counts, Pace, Repair, Verification};
use serde_json::{Value, json};

use report::Examined;

use crate::output::{confirm, print, print_json};
use crate::target::{ContactsTargetArgs, Target, explain, explain_store};

/// The end of the long help.
pub(crate) const HELP: &str = "\
Contacts are stored with items that are derived from them: a membership for each tag, the
attributes of the indexes, the tag catalogue. Functions keep them right; they differ after items
were edited or deleted by hand. The command reads all items of a tenant, computes what they have
to be, and lists what differs. The tenant may be in use: what seems wrong is read again in one
transaction before it is listed. Contacts in the layout of an earlier version are right too, and
are only counted. Recorded events are not read.

  missing membership      searches by the tag do not find the contact
  stale membership        searches by the tag show old values
  extra membership        searches by the tag find a contact that does not have it
  orphaned membership     searches find a contact that does not exist any more
  wrong index attributes  searches or look-ups by address miss the contact
  tombstone with data     a deleted contact of which more than a tombstone is left
  dangling redirect       an id from before a change of number leads to no contact
  wrong id                the contact's number or key belongs to another id
  unreadable contact      functions fail with 500 for this contact
  missing tag, wrong tag  list-tags does not show the tag, or shows another id
  unknown item            no function writes or reads this item

--repair writes and deletes what can be computed from the contacts, each on the condition that
the contact has not changed meanwhile; it asks first, and verifies again afterwards. It does not
repair what is stored nowhere else: a wrong id, an unreadable contact, an unknown item.
docs/operations.md says what to do about these.

Reading costs 0.5 read units for each 4 KB, some 160 for 1,000 contacts with two tags each. --rate
leaves the rest of a partition's 3,000 read units a second to the tenant's own calls. Memory is
some 40 bytes for each contact.

With --json, standard output is {\"healthy\", \"tenants\"}: of each tenant \"tenant\" (\"id\",
\"slug\"), \"counts\", \"findings\" (\"kind\", \"contact_id\", \"tag_id\", \"key_bytes\",
\"repairable\", \"repair\"), \"left\" (the findings after the repair, or null), \"read_units\"
and \"seconds\". Tags are named by their ids, as list-tags shows them; --names adds \"tag\" and
\"key\". \"repair\" is null, \"repaired\", \"not_needed\", \"not_possible\" or \"failed\".
With --all, a tenant that could not be verified has \"tenant\" and \"error\" only, and the others are
verified all the same. A tenant that is being deleted is left out.

Examples:
  carnet doctor --tenant acme
  carnet doctor --tenant acme --repair --stack carnet
  carnet doctor --all --rate 100 --json --stack carnet

Exit status: 0 if nothing is wrong, or nothing is wrong any more after --repair; 1 if something
is, or if the command failed; 2 if the arguments are wrong.";

/// How often the progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(500);

/// Options of `carnet doctor`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Slug or id of the tenant
    #[arg(long, required_unless_present = "all", conflicts_with = "all")]
    tenant: Option<String>,
    /// Verify every tenant, one after the other
    #[arg(long)]
    all: bool,
    /// Repair what is wrong
    #[arg(long)]
    repair: bool,
    /// Do not ask before the repair
    #[arg(long, short, requires = "repair")]
    yes: bool,
    /// Read units per second, on average; 0 for as fast as the table answers
    #[arg(long, value_name = "UNITS", default_value_t = 300)]
    rate: u32,
    /// Show names of tags in JSON, and keys of unknown items, which can be personal data
    #[arg(long)]
    names: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: ContactsTargetArgs,
}

/// Runs the command.
///
/// # Errors
/// When a tenant or its items cannot be read, or the repair is not confirmed; the text says what to do.
pub(crate) async fn run(args: Args) -> Result<ExitCode, BoxError> {
    let (target, table) = Target::open_with_contacts(&args.target).await?;
    let records = match &args.tenant {
        Some(name) => vec![target.tenant(name).await?],
        None => target.access.tenants().await.map_err(explain)?,
    };
    announce(&table, &args, &records).await;
    let (mut is_healthy, mut documents) = (true, Vec::new());
    for record in records {
        let examined = match examine(&args, &target, &table, record.clone()).await {
            Ok(Some(examined)) => examined,
            Ok(None) => {
                eprintln!("Tenant {} is left out: it is being deleted.", record.slug.as_str());
                continue;
            }
            // The other tenants are verified all the same.
            Err(error) if args.all => {
                eprintln!("Tenant {} could not be verified: {error}", record.slug.as_str());
                is_healthy = false;
                documents.push(report::failure(&record, &error));
                continue;
            }
            Err(error) => return Err(error),
        };
        is_healthy &= examined.is_healthy();
        if args.json {
            documents.push(report::document(&examined, args.names));
        } else {
            print(&report::text(&examined, args.repair, args.names))?;
        }
    }
    if args.json {
        print_json(&json!({ "healthy": is_healthy, "tenants": Value::from(documents) }))?;
    }
    Ok(if is_healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what it will cost at most: the size of the table is known, that of a tenant is not.
async fn announce(table: &ContactsTable, args: &Args, records: &[TenantRecord]) {
    let whose = match records {
        [one] => format!("tenant {}", one.slug.as_str()),
        all => format!("{} tenants", all.len()),
    };
    let rate = match args.rate {
        0 => "as fast as the table answers".to_owned(),
        rate => format!("at {rate} read units a second"),
    };
    // A table of the local stack is small, and DynamoDB counts every six hours only: a size of 0 says nothing.
    let bound = match table.size().await {
        Ok(size) if size.bytes > 0 => format!(
            "the table has {} items of all tenants, which can be read for {:.0} read units",
            size.items,
            size.read_units().ceil()
        ),
        _ => "some 160 read units for 1,000 contacts with two tags each".to_owned(),
    };
    eprintln!("Verifying {whose} {rate}; {bound}.");
}

/// Whether a tenant is being deleted, or has been deleted.
async fn is_deleted(target: &Target, id: TenantId) -> Result<bool, BoxError> {
    let record = target.access.tenant_record(id).await.map_err(explain)?;
    Ok(record.is_none_or(|record| record.deleting_since.is_some()))
}

/// Verifies a tenant, and repairs it if that is asked for. `None` if the tenant is being deleted.
async fn examine(
    args: &Args,
    target: &Target,
    table: &ContactsTable,
    record: TenantRecord,
) -> Result<Option<Examined>, BoxError> {
    let id = record.id;
    if is_deleted(target, id).await? {
        return Ok(None);
    }
    let tenant = target.tenant_of_contacts(&id.to_string()).await?;
    let begun = Instant::now();
    let mut pace = Pace::new(args.rate);
    let first = verify(table, &tenant, &mut pace).await?;
    // The deletion may have begun meanwhile, and what it has deleted seems to be missing.
    if !first.findings.is_empty() && is_deleted(target, id).await? {
        return Ok(None);
    }
    let mut examined = Examined {
        record,
        tenant,
        first,
        repairs: Vec::new(),
        second: None,
        read_units: pace.units(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    let repairable = examined.first.findings.iter().filter(|finding| finding.kind.is_repairable()).count();
    if !args.repair || repairable == 0 {
        return Ok(Some(examined));
    }
    eprint!("{}", report::findings(&examined.first.findings, args.names));
    let slug = examined.record.slug.as_str();
    confirm(&format!("Repair {repairable} findings of tenant {slug}?"), args.yes)?;
    let begun_repair = Instant::now();
    let mut repaired: HashSet<ContactId> = HashSet::new();
    for finding in &examined.first.findings {
        if finding.contact().is_none() {
            // A deletion begins with a pause that is longer than one repair, so what is written now it deletes. An entry of the
            // catalogue that is written later would stay.
            pace.wait().await;
            if is_deleted(target, id).await? {
                return Ok(None);
            }
        }
        // One that cannot be repaired now, for example because of throttling, must not keep the others from it.
        let mut repair = table.repair(&examined.tenant, finding, &mut pace).await;
        if let (Some(contact), Ok(done)) = (finding.contact(), &mut repair) {
            match done {
                Repair::Repaired => drop(repaired.insert(contact)),
                // What is wrong with one contact is repaired together.
                Repair::NotNeeded if repaired.contains(&contact) => *done = Repair::Repaired,
                Repair::NotNeeded | Repair::NotPossible => {}
            }
        }
        examined.repairs.push(repair.map_err(|error| explain_store(error).to_string()));
    }
    examined.second = Some(verify(table, &examined.tenant, &mut pace).await?);
    examined.read_units = pace.units();
    examined.seconds += begun_repair.elapsed().as_secs_f64();
    Ok(Some(examined))
}

async fn verify(table: &ContactsTable, tenant: &Tenant, pace: &mut Pace) -> Result<Verification, BoxError> {
    let is_shown = std::io::stderr().is_terminal();
    let mut shown = Instant::now();
    let mut progress = |counts: &Counts, units: f64| {
        if is_shown && shown.elapsed() >= SHOW_EVERY {
            shown = Instant::now();
            line(&format!("{} contacts, {} memberships, {units:.0} read units", counts.contacts, counts.memberships));
        }
    };
    let verified = table.verify(tenant, pace, &mut progress).await.map_err(explain_store);
    if is_shown {
        line("");
    }
    verified
}

/// Replaces the last line of a terminal.
fn line(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // A terminal that is gone must not end the verification.
    let _ = write!(stderr, "\r\u{1b}[K{text}").and_then(|()| stderr.flush());
}
