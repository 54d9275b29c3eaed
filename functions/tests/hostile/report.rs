//! Violations and counts, as a run prints them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use super::history::{Call, Delivery, Outcome};

/// A broken rule.
#[derive(Debug, Clone)]
pub struct Violation {
    pub rule: &'static str,
    pub contact_id: Option<String>,
    pub sentence: String,
    /// The calls concerned.
    pub calls: Vec<Call>,
    /// The versions of the contact concerned, worded.
    pub versions: Vec<String>,
}

impl Violation {
    pub fn new(rule: &'static str, sentence: String) -> Self {
        Violation { rule, contact_id: None, sentence, calls: Vec::new(), versions: Vec::new() }
    }

    /// Prints it, with times in seconds since `start`.
    pub fn print(&self, start: Instant) {
        println!("violation of the rule: {}", self.rule);
        println!("  {}", self.sentence);
        if let Some(id) = &self.contact_id {
            println!("  contact {id}");
        }
        for version in &self.versions {
            println!("  {version}");
        }
        for call in &self.calls {
            println!("  {}", describe(call, start));
        }
    }
}

/// A time in seconds since `start`.
pub fn seconds(time: Instant, start: Instant) -> String {
    format!("{:.4}", time.saturating_duration_since(start).as_secs_f64())
}

fn describe(call: &Call, start: Instant) -> String {
    let Call { id, source, operation, began, ended, outcome, if_match, etag, .. } = call;
    let (began, ended) = (seconds(*began, start), seconds(*ended, start));
    let versions = format!("If-Match: {if_match:?}, ETag: {etag:?}");
    let mut text = format!(
        "call {id} ({source}) from {began} s to {ended} s: {operation:?}\n    outcome: {outcome:?}, {versions}"
    );
    for Delivery { began, ended, outcome, etag, is_replayed, has_other_body, .. } in &call.deliveries {
        let (began, ended) = (seconds(*began, start), seconds(*ended, start));
        text += &format!(
            "\n    delivery from {began} s to {ended} s: {outcome:?}, ETag: {etag:?}, replayed: {is_replayed:?}, other body: \
             {has_other_body}"
        );
    }
    text
}

/// What a run has done.
#[derive(Default)]
pub struct Counts {
    pub calls: BTreeMap<String, u64>,
    pub outcomes: BTreeMap<String, u64>,
    /// Requests with an idempotency key.
    pub deliveries: BTreeMap<String, u64>,
    pub faults: BTreeMap<String, u64>,
    pub killed_functions: u64,
    pub killed_deployments: u64,
    pub versions: u64,
    pub events: u64,
    pub checks: u64,
    /// Calls that were not recognised as their own because 64 other writes had followed, which is documented.
    pub forgotten: u64,
}

impl Counts {
    /// How many calls failed because the process of their function had ended.
    pub fn ended_processes(&self) -> u64 {
        let outcomes = ["unknown: the process ended", "unknown: Runtime.ExitError"];
        outcomes.iter().filter_map(|outcome| self.outcomes.get(*outcome)).sum()
    }

    pub fn add(&mut self, call: &Call) {
        *self.calls.entry(format!("{} {}", call.operation.function(), call.source)).or_default() += 1;
        let outcome = match &call.outcome {
            Outcome::Created(_) => "created".to_owned(),
            Outcome::Updated(_) => "updated".to_owned(),
            Outcome::Unchanged(_) => "unchanged".to_owned(),
            Outcome::Done(_) => "done".to_owned(),
            Outcome::Read(_) => "read".to_owned(),
            Outcome::Refused(why) => format!("refused: {why}"),
            Outcome::Unknown(why) => format!("unknown: {why}"),
        };
        *self.outcomes.entry(outcome).or_default() += 1;
        for delivery in &call.deliveries {
            let kind = match &delivery.outcome {
                Outcome::Refused(why) => format!("refused: {why}"),
                Outcome::Unknown(why) => format!("unknown: {why}"),
                _ if delivery.is_replayed == Some(true) => "replayed".to_owned(),
                _ => "carried out".to_owned(),
            };
            *self.deliveries.entry(kind).or_default() += 1;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deliveries = ("requests with a key", &self.deliveries);
        for (title, counts) in
            [("calls", &self.calls), ("outcomes", &self.outcomes), deliveries, ("faults", &self.faults)]
        {
            let total: u64 = counts.values().sum();
            let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            writeln!(f, "{title}: {total} ({})", each.join(", "))?;
        }
        writeln!(
            f,
            "kills: {} processes of functions, {} deployments",
            self.killed_functions, self.killed_deployments
        )?;
        writeln!(f, "versions of contacts: {}; change events: {}", self.versions, self.events)?;
        write!(f, "checks: {}; writes not recognised after 64 others: {}", self.checks, self.forgotten)
    }
}
