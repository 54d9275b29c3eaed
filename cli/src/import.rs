//! `carnet import`: creates and changes contacts from a CSV file.
//!
//! ```text
//! file ──► text (encoding, lines) ──► rows (CSV) ──► contacts::import (columns, values, rule) ──► DynamoDB
//!                  one thread                         32 rows in flight, at the pace of Pace ──► Report
//! ```

mod error;
mod file;
mod pace;
mod report;
mod send;
mod text;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args as ClapArgs;
use contacts::import::{Country, Mapping, Options, Problem, Seen};
use contacts::model::Tenant;
use encoding_rs::Encoding;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::output::{plain, print, table};
use crate::target::{ContactsTargetArgs, Target, explain_store};
use error::Error;
use file::{Record, Rows, Source, is_stream};
use report::Report;
use send::{Job, Sent};

/// How many rows are being written at the same time.
const IN_FLIGHT: usize = 32;
/// Rows a second on a deployed stack, unless --rate says otherwise. A tenant's new contacts go to one partition of an index,
/// which takes 1,000 write units a second; this leaves half of it to calls.
const DEPLOYED_RATE: u32 = 500;

/// The end of the long help.
pub(crate) const HELP: &str = "\
The first line of the file names the columns. Columns are recognised by name, ignoring case,
accents and punctuation: those of Google Contacts, HubSpot, Shopify, Qyvo, FlowIQ and of
`carnet export`, and usual ones. --map names others. Fields:

  phone, whatsapp_id, name, first_name, middle_name, last_name, email, tags, source, locale,
  metadata, metadata.<key>, consent (yes, no, opt_in, opt_out), opted_out (yes, no), consent_at,
  opted_in_at, opted_out_at, consent_method; ignore leaves a column out.

Only a contact that does not exist yet takes created_at, last_message_at, total_messages,
bot_status and other state, from a file of `carnet export` or with --map.

A row is created, updated, unchanged, a duplicate of an earlier row with the same phone number,
or failed. An empty cell keeps what is stored; tags are added; metadata is merged by key. A
stored opt-out stays. Repeating an import changes nothing, so an import that was stopped is
continued by running it again. Failed rows are written to a CSV file with the line and the
reason; correct it and import it. A file of that name that exists is replaced.

UTF-8 and UTF-16 are recognised, as are comma, semicolon and tab. The file is checked as a whole
before the first row is written, unless it is standard input or a pipe, which can be read only
once.

With --json, standard output is {\"created\", \"updated\", \"unchanged\", \"duplicates\", \"failed\"}.

Examples:
  carnet import contacts.csv --tenant demo --dry-run
  carnet import contacts.csv --tenant demo --country BR --map 'Cidade=metadata.city'
  carnet import contacts.csv --tenant demo --stack carnet --rate 200
  carnet export --tenant demo | carnet import - --tenant copy

Exit status: 0 if all rows are done, 1 if rows failed or the import stopped, 2 if the arguments
are wrong or the file cannot be read.";

/// Options of `carnet import`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The CSV file or a named pipe; `-` for standard input
    file: PathBuf,
    /// The tenant's slug or id
    #[arg(long, value_name = "TENANT")]
    tenant: String,
    /// A column and the field that it becomes, such as 'Cidade=metadata.city'; can be repeated
    #[arg(long, value_name = "COLUMN=FIELD", value_parser = assignment)]
    map: Vec<(String, String)>,
    /// Keep columns that are not recognised as metadata, each under its own name
    #[arg(long)]
    unknown_to_metadata: bool,
    /// The country of numbers without +, such as BR; without it, such numbers fail
    #[arg(long, value_name = "COUNTRY")]
    country: Option<Country>,
    /// The encoding of the file, such as windows-1252 [default: recognised, UTF-8 or UTF-16]
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    encoding: Option<&'static Encoding>,
    /// What separates cells: one character, or `tab` [default: recognised]
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Report what would be done, and write nothing to the table
    #[arg(long)]
    dry_run: bool,
    /// Rows a second at most; 0 means unlimited [default: unlimited, on a deployed stack 500]
    ///
    /// While DynamoDB throttles, the import slows down by itself.
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// The file for failed rows [default: beside the file, with .failed.csv; of a pipe or standard input import.failed.csv]
    #[arg(long, value_name = "FILE")]
    failed: Option<PathBuf>,
    /// Write the outcome of each row to this file, as lines of JSON
    #[arg(long, value_name = "FILE")]
    outcomes: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: ContactsTargetArgs,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (column, field) =
        text.rsplit_once('=').ok_or("write the column, = and the field, such as 'Cidade=metadata.city'")?;
    Ok((column.to_owned(), field.trim().to_owned()))
}

fn encoding(name: &str) -> Result<&'static Encoding, String> {
    let unknown = || "write an encoding such as utf-8, utf-16le or windows-1252".to_owned();
    Encoding::for_label_no_replacement(name.as_bytes()).ok_or_else(unknown)
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => Err("write one character such as ; or the word tab".to_owned()),
    }
}

/// Whether two paths name one file, which one of them would overwrite.
fn is_same_file(one: Option<&Path>, other: Option<&Path>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    let identity = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    one == other || identity(one).is_some_and(|file| identity(other) == Some(file))
}

/// Runs the command.
///
/// # Errors
/// When the file cannot be read, the deployment is not accessible, or writing fails for another reason than the row.
pub(crate) async fn run(args: Args) -> Result<ExitCode, Error> {
    let path = (args.file.as_os_str() != "-").then(|| args.file.clone());
    let failed = args.failed.clone().unwrap_or_else(|| failed_path(path.as_deref()));
    let files = [path.as_deref(), Some(&*failed), args.outcomes.as_deref()];
    if (0..files.len()).any(|n| files[n + 1..].iter().any(|other| is_same_file(files[n], *other))) {
        return Err(Error::File(
            "the file, the one for failed rows and the one for outcomes have to be three files; choose others with \
             --failed and --outcomes"
                .to_owned(),
        ));
    }
    let (target, contacts) = Target::open_with_contacts(&args.target).await?;
    let tenant = target.tenant_of_contacts(&args.tenant).await?;
    let source = Source { path, encoding: args.encoding, delimiter: args.delimiter };
    let rows =
        tokio::task::spawn_blocking(move || source.open()).await.map_err(|error| Error::Other(error.into()))??;
    let options = Options { map: args.map, country: args.country, unknown_to_metadata: args.unknown_to_metadata };
    let mapping = Mapping::new(&rows.header, &options)
        .map_err(|error| Error::File(format!("{}; --map 'Column=field' maps one", plain(&error.to_string()))))?;
    describe(&mapping);
    let rate = args.rate.unwrap_or(if args.target.is_deployed() { DEPLOYED_RATE } else { 0 });
    let job = Arc::new(Job::new(contacts, tenant, rate, args.dry_run));
    let mut report = Report::new(&rows.header, failed, args.outcomes)?;
    let end = import(rows, &mapping, &job, &mut report).await;
    let (counts, failed, broken) = report.finish();
    if args.json {
        let summary = serde_json::to_string_pretty(&counts).map_err(|error| Error::Other(error.into()))?;
        print(&(summary + "\n"))?;
    } else {
        let numbers = [
            ("created", counts.created),
            ("updated", counts.updated),
            ("unchanged", counts.unchanged),
            ("duplicates", counts.duplicates),
            ("failed", counts.failed),
        ];
        print(&table(["OUTCOME", "ROWS"], &numbers.map(|(name, count)| [name.to_owned(), count.to_string()])))?;
    }
    if args.dry_run {
        eprintln!("This was a dry run: nothing was written to the table.");
    }
    if let Some(failed) = &failed {
        eprintln!("The failed rows are in {}; correct and import it.", failed.display());
    }
    match (end, broken) {
        (Err(error), broken) => {
            if let Some(broken) = broken {
                eprintln!("error: {broken}");
            }
            Err(error)
        }
        (Ok(_), Some(error)) => Err(Error::Other(error)),
        (Ok(End::Complete), None) if counts.failed == 0 => Ok(ExitCode::SUCCESS),
        (Ok(End::Complete), None) => Ok(ExitCode::FAILURE),
        (Ok(End::Stopped), None) => {
            eprintln!("Stopped. Run the same command again to go on: rows that are done are not written again.");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The file for failed rows, beside the imported one. A stream has no place for it.
fn failed_path(path: Option<&Path>) -> PathBuf {
    let file = path.filter(|path| !is_stream(path));
    file.map_or_else(|| PathBuf::from("import.failed.csv"), |path| path.with_extension("failed.csv"))
}

/// Says what becomes of the columns.
fn describe(mapping: &Mapping) {
    let used = mapping.uses().iter().filter_map(|column| Some((&*column.column, column.field.as_deref()?)));
    let used: Vec<String> = used.map(|(column, field)| format!("{} → {field}", plain(column.trim()))).collect();
    eprintln!("Columns: {}", used.join(", "));
    let ignored = mapping.ignored();
    if !ignored.is_empty() {
        eprintln!("Left out: {}", plain(&ignored.join(", ")));
    }
}

/// How an import ended.
enum End {
    /// All rows are done.
    Complete,
    /// It was interrupted. The rows that were in flight are done.
    Stopped,
}

/// Reads all rows, and sends those that are valid and the first of their contact.
async fn import(mut rows: Rows, mapping: &Mapping, job: &Arc<Job>, report: &mut Report) -> Result<End, Error> {
    let listen = |kind| signal(kind).map_err(|error| Error::Other(error.into()));
    let (mut interrupted, mut terminated) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let mut seen = Seen::default();
    let mut in_flight = JoinSet::new();
    let mut has_more = true;
    let mut end = Ok(End::Complete);
    while has_more || !in_flight.is_empty() {
        tokio::select! {
            _ = interrupted.recv() => end = Ok(End::Stopped),
            _ = terminated.recv() => end = Ok(End::Stopped),
            Some(sent) = in_flight.join_next() => match sent {
                Ok((record, sent)) => end = note(report, &record, sent).map(|()| End::Complete),
                Err(panic) => end = Err(Error::Other(panic.into())),
            },
            record = rows.records.recv(), if has_more && in_flight.len() < IN_FLIGHT => match record {
                None => has_more = false,
                Some(Err(error)) => end = Err(error),
                Some(Ok(record)) => {
                    let columns = rows.header.len();
                    if let Some((record, row)) = checked(record, mapping, columns, &job.tenant, &mut seen, report) {
                        let job = Arc::clone(job);
                        in_flight.spawn(async move { (record, job.send(&row).await) });
                    }
                }
            },
        }
        report.show_progress(&rows, job.throttled());
        if report.is_broken() || !matches!(end, Ok(End::Complete)) {
            break;
        }
    }
    // Nothing more is begun. What is being written is not cut off, so that its outcome is known.
    job.stop();
    while let Some(ended) = in_flight.join_next().await {
        // The first error is the one to report.
        let _ = ended.map(|(record, sent)| note(report, &record, sent));
    }
    end
}

/// The row, if it is valid and no earlier row has its phone number. Otherwise its outcome is noted.
fn checked(
    record: Record,
    mapping: &Mapping,
    columns: usize,
    tenant: &Tenant,
    seen: &mut Seen,
    report: &mut Report,
) -> Option<(Record, contacts::import::Row)> {
    if record.cells.iter().skip(columns).any(|cell| !cell.trim().is_empty()) {
        let reason =
            "The row has more cells than the header; a cell with a delimiter in it must be in quotation marks.";
        report.failed(&record, &[Problem::new("row", reason)]);
        return None;
    }
    match mapping.read(&record.cells) {
        Err(problems) => report.failed(&record, &problems),
        Ok(row) => match seen.first_line(row.id(tenant), record.line) {
            Some(first_line) => report.duplicate(record.line, first_line),
            None => return Some((record, row)),
        },
    }
    None
}

/// Notes what became of a row that was sent.
fn note(report: &mut Report, record: &Record, sent: Sent) -> Result<(), Error> {
    match sent {
        Sent::Applied(outcome) => report.applied(record.line, outcome),
        Sent::Invalid(problem) => report.failed(record, &[problem]),
        Sent::Stopped => {}
        Sent::Failed(error) => {
            let error = explain_store(error);
            let hint =
                "the import stopped; run the same command again to go on: rows that are done are not written again";
            return Err(Error::Other(format!("line {}: {error}; {hint}", record.line).into()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_parsed() {
        assert_eq!(assignment("a=b=phone"), Ok(("a=b".to_owned(), "phone".to_owned())));
        assert!(assignment("phone").is_err());
        assert_eq!((delimiter("tab"), delimiter(";")), (Ok(b'\t'), Ok(b';')));
        for text in ["", "a", ";;", "\"", "é"] {
            assert!(delimiter(text).is_err(), "{text}");
        }
        assert!(encoding("Windows-1252").is_ok() && encoding("utf-7").is_err());
        assert_eq!(failed_path(Some(Path::new("/a/b.csv"))), Path::new("/a/b.failed.csv"));
        assert_eq!(failed_path(Some(Path::new("/dev/fd/63"))), Path::new("import.failed.csv"));
        assert_eq!(failed_path(Some(Path::new("/dev/shm/b.csv"))), Path::new("/dev/shm/b.failed.csv"));
    }
}
