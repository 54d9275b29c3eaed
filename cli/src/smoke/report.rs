//! The report: a line per case for people, or one JSON document for programs.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// As expected, and as the local stack.
    Ok,
    /// Another answer, for a reason that is documented.
    KnownDifference,
    /// Another answer than expected or than the local stack's.
    Different,
    /// No answer.
    NoAnswer,
    /// Not run; the note says why.
    Skipped,
}

/// Capacity units of one call.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Units {
    /// Read units.
    pub(super) read: f64,
    /// Write units.
    pub(super) write: f64,
}

/// What is reported of a case.
#[derive(Debug, Clone, Serialize)]
pub(super) struct CaseReport {
    /// The function, or what the case is about.
    pub(super) group: String,
    /// The call, in words.
    pub(super) name: String,
    /// How it ended.
    pub(super) verdict: Verdict,
    /// The deployment's status, or how its invocation ended.
    pub(super) answer: Option<String>,
    /// The documented status, if there is one.
    pub(super) expected: Option<String>,
    /// How long the deployment took, in milliseconds.
    pub(super) ms: Option<u64>,
    /// What the call consumed in the deployment, if it reports that.
    pub(super) units: Option<Units>,
    /// What it consumed in the local stack.
    pub(super) local_units: Option<Units>,
    /// Why it was skipped, or which difference is known.
    pub(super) note: Option<String>,
    /// The lines that differ: `-` local stack, `+` deployment.
    pub(super) differences: Vec<String>,
}

impl CaseReport {
    /// A case that has not been run yet.
    pub(super) fn new(group: &str, name: &str) -> Self {
        Self {
            group: group.to_owned(),
            name: name.to_owned(),
            verdict: Verdict::Ok,
            answer: None,
            expected: None,
            ms: None,
            units: None,
            local_units: None,
            note: None,
            differences: Vec::new(),
        }
    }

    /// A case that is not run.
    pub(super) fn skipped(group: &str, name: &str, why: &str) -> Self {
        Self { verdict: Verdict::Skipped, note: Some(why.to_owned()), ..Self::new(group, name) }
    }

    /// The same with the time that the deployment took.
    pub(super) fn took(self, took: Duration) -> Self {
        Self { ms: u64::try_from(took.as_millis()).ok(), ..self }
    }

    fn line(&self) -> String {
        let mark = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::KnownDifference => "known",
            Verdict::Different => "DIFFERENT",
            Verdict::NoAnswer => "NO ANSWER",
            Verdict::Skipped => "skipped",
        };
        let answer = self.answer.as_deref().unwrap_or("-");
        let ms = self.ms.map_or_else(String::new, |ms| format!("{ms} ms"));
        let mut line = format!("{mark:<10}{answer:<16}{ms:>9}  {:<29} {}", self.group, self.name);
        if let Some(Units { read, write }) = self.units {
            line.push_str(&format!("  read {read}, write {write}"));
            if let Some(local) = self.local_units.filter(|local| Some(*local) != self.units) {
                line.push_str(&format!(" (local stack: read {}, write {})", local.read, local.write));
            }
        }
        if let Some(note) = &self.note {
            line.push_str(&format!("\n{:37}{note}", ""));
        }
        for difference in &self.differences {
            line.push_str(&format!("\n{:37}{difference}", ""));
        }
        line
    }
}

/// The whole report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The deployment.
    pub(super) url: String,
    /// The name of this run, which is part of everything that it has written.
    pub(super) run: String,
    /// Whether the answers were compared with the local stack's, or only their statuses with the documented ones.
    pub(super) compared: bool,
    /// The calls in 60 s that the token may make; absent if it is unlimited.
    pub(super) rate_limit: Option<u32>,
    /// The cases.
    pub(super) cases: Vec<CaseReport>,
    /// What stays in the tenant.
    pub(super) left_behind: Vec<String>,
    #[serde(skip)]
    json: bool,
}

impl Report {
    /// An empty report. With `json`, nothing is printed before the end.
    pub(super) fn new(url: String, run: String, json: bool) -> Self {
        Self { url, run, compared: false, rate_limit: None, cases: Vec::new(), left_behind: Vec::new(), json }
    }

    /// Adds a case and prints it.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(super) fn add(&mut self, case: CaseReport) -> io::Result<()> {
        if !self.json {
            writeln!(io::stdout().lock(), "{}", case.line())?;
        }
        self.cases.push(case);
        Ok(())
    }

    /// Prints a line for people.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(super) fn say(&self, line: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(io::stdout().lock(), "{line}") }
    }

    /// How many cases ended in this way.
    pub(super) fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }

    /// Whether every answer is as expected or differs for a documented reason.
    pub(super) fn is_good(&self) -> bool {
        self.count(Verdict::Different) + self.count(Verdict::NoAnswer) == 0
    }

    /// Prints the summary, or the JSON document.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(super) fn finish(&self) -> io::Result<()> {
        if self.json {
            return writeln!(io::stdout().lock(), "{}", serde_json::to_string_pretty(self)?);
        }
        let text: String = self.left_behind.iter().map(|line| format!("left behind: {line}\n")).collect();
        let units: (f64, f64) = self
            .cases
            .iter()
            .filter_map(|case| case.units)
            .fold((0.0, 0.0), |sum, units| (sum.0 + units.read, sum.1 + units.write));
        let units = match units {
            (0.0, 0.0) => String::new(),
            (read, write) => format!("; {read} read units, {write} write units"),
        };
        writeln!(
            io::stdout().lock(),
            "\n{text}smoke: {} calls, {} ok, {} known differences, {} different, {} without an answer, {} skipped{units}",
            self.cases.len() - self.count(Verdict::Skipped),
            self.count(Verdict::Ok),
            self.count(Verdict::KnownDifference),
            self.count(Verdict::Different),
            self.count(Verdict::NoAnswer),
            self.count(Verdict::Skipped),
        )
    }
}
