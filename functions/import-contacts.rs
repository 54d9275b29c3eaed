//! Creates and updates contacts from rows of a CSV file.
//!
//! Event: `{"tenant_id":"<UUID>","input":{…}}` by direct invocation. The template's state machine reads a file of the
//! import bucket and sends its rows in batches. There is no HTTP route, and the rate limit does not apply.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `rows` | yes | list of 1 to 100 objects: `cells`, an object of strings by column, and optionally `line`, where the row is in its file; the first row's columns are those of the batch |
//! | `columns` | | object: columns that are not understood by their name, and the field that each becomes: `{"Fone":"phone","Cidade":"metadata.city"}` |
//! | `country` | | two letters, such as `BR`: the country of numbers without `+`; without it they are refused |
//! | `dry_run` | | `true`: says what an import would do, and writes nothing |
//! | `check` | | `true`: only checks the options and the columns of the first row; takes precedence over `dry_run` |
//!
//! # Answer
//! How many rows had which outcome, which columns were left out, and a report: the failed rows as cells below `columns`,
//! so that they can be imported again after they were corrected, and the duplicates. A cell that a spreadsheet program
//! would take for a formula begins with an apostrophe, which an import removes. The line of a row without one is its number
//! in the batch.
//! ```json
//! {"created":97,"updated":0,"unchanged":1,"duplicates":1,"failed":1,"ignored":["Notes"],
//!  "report":{"columns":["import_line","import_field","import_reason","Name","Phone"],
//!            "rows":[["17","phone","The phone must be in international format, starting with +.","Ana","12"]],
//!            "duplicates":[{"line":31,"first_line":30}]}}
//! ```
//!
//! # Errors
//! | error type | when |
//! |---|---|
//! | `ValidationFailed` | the input is invalid, no column has the phone number, or `columns` names a column or a field that does not exist; no row was applied |
//! | `UnknownTenant` | `tenant_id` is not a UUID, or the tenant does not exist or is being deleted |
//! | `UnknownEvent` | the event is not JSON, or `tenant_id` or `input` is missing |
//! | `Conflict`, `Throttled`, `Unavailable`, `TimedOut` | temporary; rows may have been applied. A retry of the whole batch can succeed |
//! | `InternalError` | an unexpected error, which is logged |
//!
//! No error names a column or quotes a cell: a file without a header has a person's data there.
//!
//! # Guarantees
//! Idempotent: what a row says is in the contact after it was applied, and applying it again writes nothing, so after a
//! retry its outcome is `unchanged`. A row with the phone number of an earlier row of the batch is a duplicate and not
//! applied. Consent is never re-opened. At most four rows are written at once.
//!
//! # Cost
//! Per row that of create-contact; a row that changes nothing is two GetItem, a row of a dry run one, a check none.
//! On a tenant-cache miss (60 s) one more GetItem.

use std::sync::atomic::{AtomicUsize, Ordering};

use contacts::import::{
    ApplyError, Country, Counts, FailedRows, Mapping, MappingError, Options, Problem, Row, Seen, apply, predict,
};
use contacts::model::{Tenant, Violation};
use contacts::store::{self, ContactsTable, Outcome};
use functions::{Action, Call, Error, Input, Invalid, Reply};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The most rows of a batch, so that it ends within the time limit also while DynamoDB is slow.
const MOST_ROWS: usize = 100;
/// What a decoder puts in the place of bytes that are not UTF-8.
const REPLACEMENT: char = '\u{fffd}';

struct ImportContacts {
    mode: Mode,
    options: Options,
    rows: Vec<GivenRow>,
}

enum Mode {
    Check,
    DryRun,
    Import,
}

#[derive(Deserialize)]
struct GivenRow {
    line: Option<u64>,
    cells: IndexMap<String, String>,
}

#[derive(Default, Serialize)]
struct Answer {
    #[serde(flatten)]
    counts: Counts,
    ignored: Vec<String>,
    report: Report,
}

/// What the file's owner has to look at.
#[derive(Default, Serialize)]
struct Report {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    duplicates: Vec<Duplicate>,
}

#[derive(Serialize)]
struct Duplicate {
    line: u64,
    first_line: u64,
}

/// A row that can be applied: its place in the batch, and its values.
struct ValidRow {
    index: usize,
    row: Row,
}

impl Action for ImportContacts {
    const NAME: &'static str = "import-contacts";
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let rows = input.json::<Vec<GivenRow>>("rows", Violation::NotRows(MOST_ROWS)).and_then(|rows| match rows {
            Some(rows) if (1..=MOST_ROWS).contains(&rows.len()) => Ok(rows),
            _ => Err(input.refuse("rows", Violation::NotRows(MOST_ROWS))),
        });
        let columns = input.json::<IndexMap<String, String>>("columns", Violation::NotObject);
        let country = input.json::<String>("country", Violation::NotString).and_then(|country| {
            let country = country.map(|code| code.parse::<Country>()).transpose();
            country.map_err(|_| input.refuse("country", Violation::NotCountry))
        });
        let (dry_run, check) = (input.boolean("dry_run"), input.boolean("check"));
        let mode = match (check?, dry_run?) {
            (Some(true), _) => Mode::Check,
            (_, Some(true)) => Mode::DryRun,
            _ => Mode::Import,
        };
        let map = columns?.unwrap_or_default().into_iter().collect();
        let options = Options { map, country: country?, ..Options::default() };
        Ok(ImportContacts { mode, options, rows: rows? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let header: Vec<&str> = self.rows.iter().take(1).flat_map(|row| row.cells.keys()).map(String::as_str).collect();
        if header.iter().any(|name| name.contains(REPLACEMENT)) {
            return Err(Error::Rule("The file is not UTF-8. Save it as CSV with the encoding UTF-8."));
        }
        let mapping = Mapping::new(&header, &self.options).map_err(|error| refusal(&error))?;
        let ignored = mapping.ignored().into_iter().map(str::to_owned).collect();
        let mut answer = Answer { ignored, ..Answer::default() };
        if matches!(self.mode, Mode::Check) {
            return Ok(Reply::read(answer));
        }
        let mut failed = Vec::new();
        let valid = self.valid_rows(&mapping, &header, &call.tenant, &mut answer, &mut failed);
        for (index, outcome) in self.apply_all(table, &call.tenant, &valid).await? {
            match outcome {
                Ok(outcome) => answer.counts.applied(outcome),
                Err(problem) => failed.push((index, vec![problem])),
            }
        }
        failed.sort_by_key(|(index, _)| *index);
        answer.counts.failed = failed.len() as u64;
        let format = FailedRows::new(&header);
        let row = |(index, problems): &(usize, Vec<Problem>)| {
            format.row(self.line(*index), problems, &self.cells(*index, &header))
        };
        answer.report.rows = failed.iter().map(row).collect();
        answer.report.columns = format.columns().to_vec();
        Ok(Reply::read(answer))
    }
}

impl ImportContacts {
    /// Where a row is in its file.
    fn line(&self, index: usize) -> u64 {
        self.rows[index].line.unwrap_or(index as u64 + 1)
    }

    fn cells<'a>(&'a self, index: usize, header: &[&str]) -> Vec<&'a str> {
        let cells = &self.rows[index].cells;
        header.iter().map(|name| cells.get(*name).map_or("", String::as_str)).collect()
    }

    /// The rows that can be applied. Duplicates go to the answer, invalid rows to `failed`.
    fn valid_rows(
        &self,
        mapping: &Mapping,
        header: &[&str],
        tenant: &Tenant,
        answer: &mut Answer,
        failed: &mut Vec<(usize, Vec<Problem>)>,
    ) -> Vec<ValidRow> {
        let (mut seen, mut valid) = (Seen::default(), Vec::new());
        for index in 0..self.rows.len() {
            let cells = self.cells(index, header);
            if cells.iter().any(|cell| cell.contains(REPLACEMENT)) {
                let reason = "The row is not UTF-8. Save the file as CSV with the encoding UTF-8.";
                failed.push((index, vec![Problem::new("row", reason)]));
                continue;
            }
            match mapping.read(&cells) {
                Err(problems) => failed.push((index, problems)),
                Ok(row) => match seen.first_line(row.id(tenant), self.line(index)) {
                    Some(first_line) => {
                        answer.counts.duplicates += 1;
                        answer.report.duplicates.push(Duplicate { line: self.line(index), first_line });
                    }
                    None => valid.push(ValidRow { index, row }),
                },
            }
        }
        valid
    }

    /// Applies rows of different contacts, four at once: more would not make a batch much faster, and would leave less of
    /// the table's capacity to calls. Stops at the first error that concerns more than one row.
    async fn apply_all(
        &self,
        table: &ContactsTable,
        tenant: &Tenant,
        rows: &[ValidRow],
    ) -> Result<Vec<(usize, Result<Outcome, Problem>)>, Error> {
        let next = AtomicUsize::new(0);
        let worker = || async {
            let mut outcomes = Vec::new();
            while let Some(ValidRow { index, row }) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = match self.mode {
                    Mode::Import => apply(table, tenant, row).await,
                    Mode::Check | Mode::DryRun => predict(table, tenant, row).await,
                };
                let outcome = match outcome {
                    Ok(outcome) => Ok(outcome),
                    Err(ApplyError::Invalid(problem)) => Err(problem),
                    Err(ApplyError::Store(error @ store::Error::Unreadable(_))) => {
                        tracing::error!(%error, "a row was not applied, because its contact cannot be read");
                        Err(Problem::new("row", "What is stored of the contact cannot be read; ask the operator."))
                    }
                    Err(ApplyError::Store(error)) => return Err(Error::from(error)),
                };
                outcomes.push((*index, outcome));
            }
            Ok(outcomes)
        };
        let (one, two, three, four) = tokio::try_join!(worker(), worker(), worker(), worker())?;
        Ok([one, two, three, four].concat())
    }
}

/// Why a file cannot be imported, without the names of its columns.
fn refusal(error: &MappingError) -> Error {
    Error::Rule(match error {
        MappingError::NoPhone(_) => {
            "No column is known to hold the phone number. The file has to be UTF-8, separated by commas, and name its columns \
             in the first line; the option columns says which column becomes the field phone."
        }
        MappingError::NoColumn { .. } => "The option columns names a column that the file does not have.",
        MappingError::NoField(..) => {
            "The option columns names a field that does not exist. Fields are phone, name, email, tags, metadata.<key>, \
             ignore, and the columns of an export."
        }
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_events::<ImportContacts>().await
}
