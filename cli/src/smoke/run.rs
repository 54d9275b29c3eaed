//! Making a call on both sides, and judging the deployment's answer.

use std::time::Duration;

use tokio::time::sleep;

use super::cases::Case;
use super::report::{CaseReport, Verdict};
use super::side::Side;
use super::wire::{Answer, Error};

/// How often an eventually consistent answer is asked for, once a second.
const EVENTUALLY: u32 = 15;

/// The deployment, and the local stack if there is one.
pub(super) struct Sides {
    /// The deployment that is checked.
    pub(super) deployment: Side,
    /// The local stack.
    pub(super) local: Option<Side>,
}

impl Sides {
    /// Runs a case on both sides.
    pub(super) async fn run(&mut self, case: &Case) -> CaseReport {
        let mut report = CaseReport::new(case.group, &case.name);
        report.expected = Some(case.status.to_string());
        let local = match &self.local {
            None => None,
            Some(side) => match side.call(&case.call).await {
                Ok(answer) => Some(answer),
                Err(error) => return no_answer(report, &format!("the local stack: {error}")),
            },
        };
        let mut attempts = if case.eventually { EVENTUALLY } else { 1 };
        let (answer, differences) = loop {
            let answer = match self.deployment.call(&case.call).await {
                Ok(answer) => answer,
                Err(error) => return unanswered(report, case, &error),
            };
            let differences = self.differences(case, &answer, local.as_ref());
            attempts -= 1;
            if differences.is_empty() || attempts == 0 {
                break (answer, differences);
            }
            sleep(Duration::from_secs(1)).await;
        };
        if let Some((name, pointer)) = case.capture {
            self.deployment.capture(name, pointer, &answer);
            if let (Some(side), Some(answer)) = (&mut self.local, &local) {
                side.capture(name, pointer, answer);
            }
        }
        report.answer = Some(answer.status.to_string());
        let known = case.known.filter(|known| !differences.is_empty() && known.statuses.contains(&answer.status));
        report.verdict = match (&known, differences.is_empty()) {
            (_, true) => Verdict::Ok,
            (Some(_), false) => Verdict::KnownDifference,
            (None, false) => Verdict::Different,
        };
        match known {
            Some(known) => report.note = Some(known.reason.to_owned()),
            None => report.differences = differences,
        }
        report.took(answer.took)
    }

    /// What is wrong with the deployment's answer.
    fn differences(&self, case: &Case, answer: &Answer, local: Option<&Answer>) -> Vec<String> {
        let mut differences = match (&self.local, local) {
            (Some(side), Some(local)) => {
                let mine = self.deployment.shape(&case.call, answer);
                mine.differences(&side.shape(&case.call, local))
            }
            _ => Vec::new(),
        };
        if answer.status != case.status && differences.is_empty() {
            differences.push(format!("the documented status is {}", case.status));
        }
        differences
    }
}

/// A connection that is closed without an answer is a refusal too, where one is known.
fn unanswered(report: CaseReport, case: &Case, error: &Error) -> CaseReport {
    match (case.known, error) {
        (Some(known), Error::Io(_)) => CaseReport {
            verdict: Verdict::KnownDifference,
            note: Some(format!("the connection was closed without an answer ({error}); {}", known.reason)),
            ..report
        },
        _ => no_answer(report, &error.to_string()),
    }
}

fn no_answer(report: CaseReport, why: &str) -> CaseReport {
    CaseReport { verdict: Verdict::NoAnswer, note: Some(why.to_owned()), ..report }
}
