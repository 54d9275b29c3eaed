//! `carnet export`: writes all contacts of a tenant.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use carnet_local::BoxError;
use clap::{Args as ClapArgs, ValueEnum};
use contacts::backoff::Backoff;
use contacts::import::{EXPORT, protect};
use contacts::model::{Contact, Tag, Tenant};
use contacts::store::{ContactsTable, Error, Pace, Page};
use serde_json::{Value, json};

use crate::output::private_file;
use crate::target::{ContactsTargetArgs, Target, explain_store};

/// How often a page is read while DynamoDB throttles or cannot be reached, with pauses of up to 10 s.
const ATTEMPTS: u32 = 8;
/// Read units a second on a deployed stack, unless --rate says otherwise: half of what a tenant's partition of the table takes.
const DEPLOYED_RATE: u32 = 1_500;

/// The end of the long help.
pub(crate) const HELP: &str = "\
The contacts are in the order of their ids. Every field that clients can see is in the export,
and all that `carnet import` needs to make the same contacts in another tenant: an import of the
file into an empty tenant and another export give the same rows, apart from the ids, which follow
from the tenant, and so the order. Applied message ids are not exported: a message that is
redelivered to the copy within 31 days is counted again.

In CSV, tags are separated by commas, metadata is JSON, and a cell that a spreadsheet program
would take for a formula begins with an apostrophe, also the phone numbers: '+5511987654321.
`carnet import` removes it. JSON lines have no apostrophes; tags are lists, empty fields null.

The export has personal data. A file is readable for its owner only and appears under its name
when it is complete. The command reads the contacts once: 1 read unit per 4 KB, some 0.2 a
contact. --rate leaves the rest of a partition's 3,000 read units a second to the tenant's own
calls. Contacts that are created meanwhile may be missing.

Examples:
  carnet export --tenant demo --output demo.csv
  carnet export --tenant demo --format jsonl | jq -r .phone
  carnet export --tenant demo --stack carnet --rate 300 --output demo.csv

Exit status: 0 if it was done, 1 if it failed or contacts cannot be read, 2 if the arguments are
wrong.";

/// Options of `carnet export`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The tenant's slug or id
    #[arg(long, value_name = "TENANT")]
    tenant: String,
    /// The format
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// The file [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Read units a second at most, as an average; 0 means unlimited [default: unlimited, on a deployed stack 1500]
    ///
    /// While DynamoDB throttles, the export slows down by itself.
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    #[command(flatten)]
    target: ContactsTargetArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Comma-separated values in UTF-8, with a header
    Csv,
    /// One JSON object a line
    Jsonl,
}

/// Runs the command.
///
/// # Errors
/// When it fails; the text says what to do.
pub(crate) async fn run(args: Args) -> Result<(), BoxError> {
    let (target, contacts) = Target::open_with_contacts(&args.target).await?;
    let tenant = target.tenant_of_contacts(&args.tenant).await?;
    let mut pace = Pace::new(args.rate.unwrap_or(if args.target.is_deployed() { DEPLOYED_RATE } else { 0 }));
    let Some(path) = &args.output else {
        return export(&contacts, &tenant, &mut pace, args.format, io::stdout().lock(), false).await;
    };
    let part = PathBuf::from(format!("{}.part", path.display()));
    let file = private_file(&part)?;
    let exported = export(&contacts, &tenant, &mut pace, args.format, file, true).await;
    if let Err(error) = exported {
        return Err(format!("{error}; what was read is in {}", part.display()).into());
    }
    rename(&part, path)
}

fn rename(part: &Path, path: &Path) -> Result<(), BoxError> {
    fs::rename(part, path)
        .map_err(|error| format!("{}: {error}; the export is in {}", path.display(), part.display()).into())
}

/// Writes all contacts of the tenant.
async fn export(
    contacts: &ContactsTable,
    tenant: &Tenant,
    pace: &mut Pace,
    format: Format,
    output: impl Write,
    to_file: bool,
) -> Result<(), BoxError> {
    let mut writer = Writer::new(format, output)?;
    let shows_progress = to_file && io::stderr().is_terminal();
    let (mut written, mut unreadable, mut after) = (0_u64, Vec::new(), None);
    loop {
        pace.wait().await;
        let page = page(contacts, tenant, after).await?;
        pace.add(page.read_units);
        for contact in &page.contacts {
            writer.write(contact)?;
        }
        written += page.contacts.len() as u64;
        unreadable.extend(page.unreadable);
        if shows_progress {
            eprint!("\r{written} contacts");
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    writer.finish()?;
    eprintln!("{}{written} contacts", if shows_progress { "\r" } else { "" });
    if unreadable.is_empty() {
        return Ok(());
    }
    Err(format!("{} contacts cannot be read and are missing: {}", unreadable.len(), unreadable.join(", ")).into())
}

/// A page, read again while DynamoDB throttles or cannot be reached.
async fn page(
    contacts: &ContactsTable,
    tenant: &Tenant,
    after: Option<contacts::model::ContactId>,
) -> Result<Page, BoxError> {
    let mut pauses = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
    for _ in 1..ATTEMPTS {
        match contacts.contacts_page(tenant, after).await {
            Err(Error::Throttled | Error::Unavailable(_)) => pauses.pause().await,
            page => return page.map_err(explain_store),
        }
    }
    contacts.contacts_page(tenant, after).await.map_err(explain_store)
}

/// Writes contacts in a format.
enum Writer<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Jsonl(BufWriter<W>),
}

impl<W: Write> Writer<W> {
    fn new(format: Format, output: W) -> Result<Self, BoxError> {
        Ok(match format {
            Format::Jsonl => Writer::Jsonl(BufWriter::new(output)),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(output);
                writer.write_record(EXPORT)?;
                Writer::Csv(Box::new(writer))
            }
        })
    }

    fn write(&mut self, contact: &Contact) -> Result<(), BoxError> {
        let fields = fields(contact);
        match self {
            Writer::Csv(writer) => writer.write_record(fields.iter().map(|(_, value)| cell(value)))?,
            Writer::Jsonl(writer) => {
                // Metadata keeps the spelling of its numbers, which a parsed value would lose.
                let members = fields.iter().map(|(name, value)| format!("{}:{}", json!(name), value.json()));
                writeln!(writer, "{{{}}}", members.collect::<Vec<_>>().join(","))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Writer::Csv(mut writer) => writer.flush(),
            Writer::Jsonl(mut writer) => writer.flush(),
        }
    }
}

/// The value of a field.
enum Field {
    /// A text, a number or a flag; null is an empty cell.
    Plain(Value),
    /// JSON text.
    Json(String),
    /// The tags.
    Tags(Vec<String>),
}

impl Field {
    fn json(&self) -> String {
        match self {
            Field::Plain(value) => value.to_string(),
            Field::Json(text) => text.clone(),
            Field::Tags(tags) => json!(tags).to_string(),
        }
    }
}

/// The cell of a field, safe to open in a spreadsheet program.
fn cell(field: &Field) -> String {
    let text = match field {
        Field::Plain(Value::Null) => String::new(),
        Field::Plain(Value::String(text)) => text.clone(),
        Field::Plain(value) => value.to_string(),
        Field::Json(text) if text == "{}" => String::new(),
        Field::Json(text) => text.clone(),
        Field::Tags(tags) => tags.join(","),
    };
    protect(&text).into_owned()
}

/// The fields of a contact, in the order of [`EXPORT`].
fn fields(contact: &Contact) -> Vec<(&'static str, Field)> {
    let state = &contact.state;
    let value = |value: Value| Field::Plain(value);
    EXPORT
        .into_iter()
        .map(|name| {
            let field = match name {
                "id" => value(json!(contact.id)),
                "phone" => value(json!(contact.phone)),
                "name" => value(json!(contact.name)),
                "email" => value(json!(contact.email)),
                "source" => value(json!(contact.source)),
                "locale" => value(json!(contact.locale)),
                "tags" => Field::Tags(contact.tags.iter().map(Tag::as_str).map(str::to_owned).collect()),
                "metadata" => Field::Json(serde_json::to_string(&contact.metadata).unwrap_or_default()),
                "opted_in_at" => value(json!(contact.opted_in_at)),
                "opted_out_at" => value(json!(contact.opted_out_at)),
                "consent_method" => value(json!(contact.consent_method)),
                "last_message_at" => value(json!(contact.last_message_at)),
                "total_messages" => value(json!(contact.total_messages)),
                "bot_status" => value(json!(state.bot_status)),
                "archived" => value(json!(state.archived)),
                "blocked" => value(json!(state.blocked)),
                "active_status" => value(json!(state.active_status)),
                "has_unread_messages" => value(json!(state.has_unread_messages)),
                "contact_summary" => value(json!(state.summary)),
                "contact_summary_updated_at" => value(json!(state.summary_updated_at)),
                "event_times" => Field::Json(json!(state.event_times()).to_string()),
                "created_at" => value(json!(contact.created_at)),
                _ => value(json!(contact.updated_at)),
            };
            (name, field)
        })
        .collect()
}
