//! What an import reports: the file of failed rows, an outcome for each row, and the progress.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
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

/// Collects the outcomes of rows.
pub(super) struct Report {
    /// How many rows had which outcome.
    pub(super) counts: Counts,
    /// The file of failed rows, as soon as there is one.
    failed: Option<csv::Writer<File>>,
    failed_path: PathBuf,
    format: FailedRows,
    outcomes: Option<BufWriter<File>>,
    is_terminal: bool,
    begun: Instant,
    shown: Instant,
}

impl Report {
    /// # Errors
    /// When the file of outcomes cannot be created.
    pub(super) fn new(header: &[String], failed_path: PathBuf, outcomes: Option<&Path>) -> Result<Self, BoxError> {
        let outcomes = outcomes.map(private_file).transpose()?.map(BufWriter::new);
        let begun = Instant::now();
        let is_terminal = io::stderr().is_terminal();
        Ok(Report {
            counts: Counts::default(),
            failed: None,
            failed_path,
            format: FailedRows::new(header),
            outcomes,
            is_terminal,
            begun,
            shown: begun,
        })
    }

    /// Notes the outcome of a row that was applied: `created`, `updated` or `unchanged`.
    pub(super) fn applied(&mut self, line: u64, outcome: contacts::store::Outcome) -> Result<(), BoxError> {
        self.counts.applied(outcome);
        self.outcome(|| json!({ "line": line, "outcome": format!("{outcome:?}").to_lowercase() }))
    }

    /// Notes a row whose phone number an earlier row has.
    pub(super) fn duplicate(&mut self, line: u64, first_line: u64) -> Result<(), BoxError> {
        self.counts.duplicates += 1;
        self.outcome(|| json!({ "line": line, "outcome": "duplicate", "first_line": first_line }))
    }

    /// Notes a row that failed, and writes it into the file of failed rows.
    pub(super) fn failed(&mut self, row: &Record, problems: &[Problem]) -> Result<(), BoxError> {
        self.counts.failed += 1;
        if self.counts.failed <= SHOWN {
            self.clear();
            eprintln!("line {}: {}", row.line, reasons(problems));
        }
        let writer = match &mut self.failed {
            Some(writer) => writer,
            None => {
                let mut writer = csv::Writer::from_writer(private_file(&self.failed_path)?);
                writer.write_record(self.format.columns())?;
                self.failed.insert(writer)
            }
        };
        writer.write_record(self.format.row(row.line, problems, &row.cells))?;
        self.outcome(|| json!({ "line": row.line, "outcome": "failed", "problems": problems }))
    }

    fn outcome(&mut self, outcome: impl FnOnce() -> Value) -> Result<(), BoxError> {
        if let Some(outcomes) = &mut self.outcomes {
            writeln!(outcomes, "{}", outcome())?;
        }
        Ok(())
    }

    /// Writes what is left of the files. Returns the file of failed rows, if there is one.
    pub(super) fn finish(mut self) -> Result<(Counts, Option<PathBuf>), BoxError> {
        self.clear();
        if let Some(outcomes) = &mut self.outcomes {
            outcomes.flush()?;
        }
        let Some(mut failed) = self.failed.take() else { return Ok((self.counts, None)) };
        failed.flush()?;
        Ok((self.counts, Some(self.failed_path)))
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
