//! What an import reports: the file of failed rows, an outcome for each row, and the progress.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use carnet_local::BoxError;
use contacts::import::{Counts, FailedRows, Problem, reasons};
use serde_json::{Value, json};

use super::file::{Record, Rows};
use crate::output::private_file;

/// How many failed rows are shown; all are in the file.
const SHOWN: u64 = 10;
/// How often the progress is shown.
const REFRESH: Duration = Duration::from_millis(200);

/// A file that each row is written into at once, so that it has what is known of the rows, however the import ends.
struct Lines {
    path: PathBuf,
    /// The option that names another file.
    option: &'static str,
    /// The file, as soon as it has been created.
    file: Option<File>,
    /// How many bytes it has.
    size: u64,
    /// Why it could not be created or written. Nothing more is written then.
    error: Option<BoxError>,
}

impl Lines {
    fn new(path: PathBuf, option: &'static str) -> Self {
        Lines { path, option, file: None, size: 0, error: None }
    }

    /// Creates the file, if it has not been.
    fn file(&mut self) -> Result<&mut File, BoxError> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(private_file(&self.path)?)),
        }
    }

    /// Appends a line, or all lines of a row. Returns whether the file has them.
    fn append(&mut self, text: &[u8]) -> bool {
        if self.error.is_none() {
            self.error = self.write(text).err();
        }
        self.error.is_none()
    }

    fn write(&mut self, text: &[u8]) -> Result<(), BoxError> {
        let size = self.size;
        let file = self.file()?;
        if let Err(error) = file.write_all(text) {
            // A part of a line would look like a row.
            let _ = file.set_len(size);
            return Err(format!("{}: {error}", self.path.display()).into());
        }
        self.size += text.len() as u64;
        Ok(())
    }
}

/// Collects the outcomes of rows.
///
/// A row that one of its files cannot take any more is shown on standard error instead, and [`is_broken`](Report::is_broken)
/// says so: the import has to stop, and [`finish`](Report::finish) has the error.
pub(super) struct Report {
    /// How many rows had which outcome.
    pub(super) counts: Counts,
    /// The file of failed rows, which exists as soon as there is one.
    failed: Lines,
    format: FailedRows,
    outcomes: Option<Lines>,
    is_terminal: bool,
    begun: Instant,
    shown: Instant,
}

impl Report {
    /// # Errors
    /// When the file of outcomes cannot be created.
    pub(super) fn new(header: &[String], failed_path: PathBuf, outcomes: Option<PathBuf>) -> Result<Self, BoxError> {
        let mut outcomes = outcomes.map(|path| Lines::new(path, "--outcomes"));
        outcomes.as_mut().map(Lines::file).transpose()?;
        let begun = Instant::now();
        let is_terminal = io::stderr().is_terminal();
        Ok(Report {
            counts: Counts::default(),
            failed: Lines::new(failed_path, "--failed"),
            format: FailedRows::new(header),
            outcomes,
            is_terminal,
            begun,
            shown: begun,
        })
    }

    /// Notes the outcome of a row that was applied: `created`, `updated` or `unchanged`.
    pub(super) fn applied(&mut self, line: u64, outcome: contacts::store::Outcome) {
        self.counts.applied(outcome);
        self.outcome(|| json!({ "line": line, "outcome": outcome.name() }));
    }

    /// Notes a row whose phone number an earlier row has.
    pub(super) fn duplicate(&mut self, line: u64, first_line: u64) {
        self.counts.duplicates += 1;
        self.outcome(|| json!({ "line": line, "outcome": "duplicate", "first_line": first_line }));
    }

    /// Notes a row that failed, and writes it into the file of failed rows.
    pub(super) fn failed(&mut self, row: &Record, problems: &[Problem]) {
        self.counts.failed += 1;
        let mut text = Vec::new();
        if self.failed.size == 0 {
            text = csv_line(self.format.columns());
        }
        text.extend(csv_line(&self.format.row(row.line, problems, &row.cells)));
        if !self.failed.append(&text) || self.counts.failed <= SHOWN {
            self.clear();
            eprintln!("line {}: {}", row.line, reasons(problems));
        }
        self.outcome(|| json!({ "line": row.line, "outcome": "failed", "problems": problems }));
    }

    fn outcome(&mut self, outcome: impl FnOnce() -> Value) {
        let Some(outcomes) = &mut self.outcomes else { return };
        let line = format!("{}\n", outcome());
        if !outcomes.append(line.as_bytes()) {
            self.clear();
            eprint!("{line}");
        }
    }

    /// Whether a file cannot be written any more.
    pub(super) fn is_broken(&self) -> bool {
        self.files().any(|file| file.error.is_some())
    }

    fn files(&self) -> impl Iterator<Item = &Lines> {
        std::iter::once(&self.failed).chain(&self.outcomes)
    }

    /// The numbers of rows, and the file of failed rows, if there is one. If a file could not be written, the reason, with
    /// what to do.
    pub(super) fn finish(self) -> (Counts, Option<PathBuf>, Option<BoxError>) {
        self.clear();
        let broken = self.files().find_map(|file| {
            let error = file.error.as_ref()?;
            let option = file.option;
            Some(BoxError::from(format!(
                "{error}; the import stopped, and the rows that this file does not have are above. Make room or name \
                 another file with {option}, and run the same command again: rows that are done are not written again"
            )))
        });
        let failed = (self.failed.size > 0).then_some(self.failed.path);
        (self.counts, failed, broken)
    }

    /// Removes the progress from the line.
    fn clear(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
        }
    }

    /// Shows the progress on a terminal, at most five times a second.
    pub(super) fn show_progress(&mut self, rows: &Rows, throttled: u64) {
        let now = Instant::now();
        if self.is_terminal && now.duration_since(self.shown) >= REFRESH {
            self.shown = now;
            let line = progress(rows.progress(), self.counts.rows(), now.duration_since(self.begun), throttled);
            eprint!("\r{line}\x1b[K");
        }
    }
}

/// Cells as a line of CSV.
fn csv_line(cells: &[String]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing into memory does not fail.
    let _ = writer.write_record(cells);
    writer.into_inner().unwrap_or_default()
}

/// A line with the progress: a bar, the rate since the beginning, and the time that is left at that rate.
fn progress(part: Option<f64>, rows: u64, time: Duration, throttled: u64) -> String {
    let seconds = time.as_secs_f64().max(0.001);
    let mut line = String::new();
    if let Some(part) = part {
        let filled = (part * 20.0) as usize;
        line += &format!("[{}{}] {:3.0} %  ", "#".repeat(filled), ".".repeat(20 - filled), part * 100.0);
    }
    line += &format!("{rows} rows  {:.0} rows/s", rows as f64 / seconds);
    if let Some(part) = part.filter(|part| *part > 0.0) {
        let left = (seconds / part - seconds).round() as u64;
        line += &format!("  {}:{:02} left", left / 60, left % 60);
    }
    if throttled > 0 {
        line += &format!("  throttled {throttled} times");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_a_rate_and_the_time_left() {
        let line = progress(Some(0.25), 5_000, Duration::from_secs(30), 0);
        assert_eq!(line, "[#####...............]  25 %  5000 rows  167 rows/s  1:30 left");
        assert_eq!(progress(None, 10, Duration::from_secs(5), 3), "10 rows  2 rows/s  throttled 3 times");
        assert_eq!(
            progress(Some(1.0), 1, Duration::ZERO, 0),
            "[####################] 100 %  1 rows  1000 rows/s  0:00 left"
        );
    }
}
