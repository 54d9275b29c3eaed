//! `carnet erase`: erases a person's contact.

use std::io;
use std::path::PathBuf;

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use contacts::model::{ContactId, ContactKey, Email, Phone, Tenant, Violation};
use contacts::store::{self, ContactsTable, Deletion};
use serde_json::{Value, json};

use crate::output::{Receipt, confirm, print, print_json, table};
use crate::show;
use crate::target::{ContactsTargetArgs, Target, explain_store};

/// The end of the long help.
pub(crate) const HELP: &str = "\
A contact, its memberships under its tags and its index entries are deleted in one transaction,
which cannot be undone, and contact.deleted is published. A tombstone without personal data
remains: it keeps the contact's version and an opt-out, so that a contact that is created again
with the number is still opted out. If the number was changed, there is one for each former id
too, and --id takes former ids. docs/operations.md, `Erase a person`, lists what is beyond
the table: backups, the stream of the last 24 hours, subscribers, dead letters.

With --email, all contacts with the address are erased. They are found by an eventually
consistent index; a contact that got the address within the last second may be missed.

It asks before it erases. With --yes it does not, which is needed where standard input is not a
terminal. Other users of the machine see arguments, and shells keep them: give - as the number
or the address to have it read from standard input.

The receipt says which ids were erased, when, and how many items were removed. It contains no
personal data: an id is a keyed hash of the number. Keep it, because after a table is restored
from a backup, the contacts have to be erased again: --id takes the id of a receipt. With --json,
standard output is the receipt as one JSON document; --receipt writes the same into a file that
does not exist, or is empty.

Examples:
  carnet erase --tenant acme --phone +5511987654321
  carnet erase --tenant acme --email jane@example.com --stack carnet --receipt receipt.json
  carnet erase --tenant acme --phone - --yes --json < number.txt

Exit status: 0 if all were erased; 1 if there is no such contact, if that failed, or if it was not
confirmed; 2 if the arguments are wrong. If it fails between two contacts, the receipt has those
that were erased; the command that is repeated needs another file for the others.";

/// Options of `carnet erase`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Slug or id of the tenant
    #[arg(long, value_name = "TENANT")]
    tenant: String,
    #[command(flatten)]
    person: PersonArgs,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Print the receipt as JSON
    #[arg(long)]
    json: bool,
    /// Write the receipt as JSON into this file, which must not exist, or be empty
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    #[command(flatten)]
    target: ContactsTargetArgs,
}

/// Whose contacts are erased.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
struct PersonArgs {
    /// The contact with this phone number, in any spelling; - reads it from standard input
    #[arg(long, value_name = "NUMBER", value_parser = given::<Phone>, allow_hyphen_values = true)]
    phone: Option<Given<Phone>>,
    /// The contact with this id
    #[arg(long, value_name = "ID", value_parser = parsed::<ContactId>)]
    id: Option<ContactId>,
    /// All contacts with this email address; - reads it from standard input
    #[arg(long, value_name = "ADDRESS", value_parser = given::<Email>, allow_hyphen_values = true)]
    email: Option<Given<Email>>,
}

/// A value of an option.
#[derive(Debug, Clone)]
enum Given<T> {
    /// As an argument.
    Argument(T),
    /// On the first line of standard input.
    Input,
}

/// Parses a value as the API does.
fn parsed<T: std::str::FromStr<Err = Violation>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|violation: Violation| violation.message("value"))
}

fn given<T: std::str::FromStr<Err = Violation>>(text: &str) -> Result<Given<T>, String> {
    if text == "-" { Ok(Given::Input) } else { parsed(text).map(Given::Argument) }
}

impl<T: std::str::FromStr<Err = Violation>> Given<T> {
    fn read(self) -> Result<T, BoxError> {
        match self {
            Given::Argument(value) => Ok(value),
            Given::Input => {
                let mut line = String::new();
                io::stdin().read_line(&mut line)?;
                Ok(parsed(line.trim()).map_err(|message| format!("standard input: {message}"))?)
            }
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When there is no such contact, or when it fails; the text says what to do.
pub(crate) async fn run(args: Args) -> Result<(), BoxError> {
    let (target, contacts) = Target::open_with_contacts(&args.target).await?;
    let tenant = target.tenant_of_contacts(&args.tenant).await?;
    let ids = find(&contacts, &tenant, args.person).await?;
    let slug = tenant.slug();
    let question = match &ids[..] {
        [id] => format!("Erase the contact {id} of tenant {slug}? This cannot be undone."),
        ids => {
            ids.iter().for_each(|id| eprintln!("{id}"));
            format!("Erase these {} contacts of tenant {slug}? This cannot be undone.", ids.len())
        }
    };
    confirm(&question, args.yes)?;
    let file = args.receipt.as_deref().map(Receipt::open).transpose()?;
    let mut erased: Vec<Deletion> = Vec::new();
    let mut failed = None;
    for id in ids {
        match contacts.delete(&tenant, id).await {
            Ok(deletion) => erased.push(deletion),
            // Another call has deleted it since it was found.
            Err(store::Error::NotFound) => eprintln!("The contact {id} has been deleted meanwhile."),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let receipt = receipt(&tenant, &erased);
    // If nothing was erased, the file stays empty, so that the same command can be repeated.
    let written = file.filter(|_| !erased.is_empty()).map_or(Ok(()), |file| file.write(&receipt));
    if args.json {
        print_json(&receipt)?;
    } else {
        print(&receipt_table(&erased))?;
    }
    match failed {
        None => {
            written?;
            eprintln!("Searches may show the erased for another second. docs/operations.md lists what else remains.");
            Ok(())
        }
        Some(error) => {
            let hint = match &args.receipt {
                Some(_) if !erased.is_empty() => "repeat the command with another file for its receipt",
                _ => "repeat the command",
            };
            let unwritten = written.err().map(|error| format!("; {error}")).unwrap_or_default();
            let error = format!("{} erased, then it failed: {}", erased.len(), explain_store(error));
            Err(format!("{error}; {hint}: what was erased stays erased{unwritten}").into())
        }
    }
}

/// The contacts to erase; at least one.
async fn find(contacts: &ContactsTable, tenant: &Tenant, person: PersonArgs) -> Result<Vec<ContactId>, BoxError> {
    let slug = tenant.slug();
    if let Some(email) = person.email {
        let ids = contacts.all_with_email(tenant, &email.read()?).await.map_err(explain_store)?;
        if ids.is_empty() {
            return Err(format!("tenant {slug} has no contact with this email address; nothing was erased").into());
        }
        return Ok(ids);
    }
    let (key, by) = match (person.id, person.phone) {
        (Some(id), _) => (ContactKey::Id(id), "id"),
        (None, Some(phone)) => (ContactKey::Number(tenant.contact_id(&phone.read()?)), "phone number"),
        (None, None) => return Err("name the contact with --phone, --id or --email".into()),
    };
    if let Some(contact) = contacts.get(tenant, key).await.map_err(explain_store)? {
        return Ok(vec![contact.id]);
    }
    // By id, a contact is found after its number was changed.
    if let Some(moved) = contacts.get(tenant, key.id()).await.map_err(explain_store)? {
        let id = moved.id;
        return Err(format!(
            "no contact in tenant {slug} has this {by}; nothing was erased. The contact that had it is {id}: erase it \
             with --id {id}"
        )
        .into());
    }
    Err(format!(
        "tenant {slug} has no contact with this {by}; nothing was erased. If its item was removed by hand, `carnet doctor \
         --tenant {slug} --repair` deletes the memberships that are left of it"
    )
    .into())
}

/// What was erased, without personal data.
fn receipt(tenant: &Tenant, erased: &[Deletion]) -> Value {
    let contacts: Vec<Value> = erased
        .iter()
        .map(|deletion| {
            json!({
                "id": deletion.id,
                "former_ids": deletion.former_ids,
                "deleted_at": deletion.deleted_at,
                "version": deletion.version,
                "removed": { "contact": 1, "memberships": deletion.memberships },
                "opt_out_remembered": deletion.opted_out_at.is_some(),
            })
        })
        .collect();
    let memberships: usize = erased.iter().map(|deletion| deletion.memberships).sum();
    json!({
        "tenant": { "id": tenant.id(), "slug": tenant.slug() },
        "erased": contacts,
        "removed": { "contacts": erased.len(), "memberships": memberships },
    })
}

fn receipt_table(erased: &[Deletion]) -> String {
    let rows: Vec<_> = erased
        .iter()
        .map(|deletion| {
            let opt_out = if deletion.opted_out_at.is_some() { "remembered" } else { "none" };
            [
                deletion.id.to_string(),
                show::second(deletion.deleted_at.as_second()),
                deletion.memberships.to_string(),
                opt_out.to_owned(),
            ]
        })
        .collect();
    table(["ERASED", "AT", "MEMBERSHIPS", "OPT-OUT"], &rows)
}
