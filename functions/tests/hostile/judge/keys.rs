//! Whether a call with an idempotency key has taken effect once, and its repetitions got the same answer.
//!
//! All requests with a key are one call. [`attribution`](super::attribution) finds at most one version that such a call has
//! made, before the first request that succeeded had ended, and `answers.rs` judges this answer as that of any call. The
//! rules here are about the other requests.

use std::collections::HashMap;

use super::answers::refused;
use super::chain::{Chain, Version};
use crate::history::{Call, Delivery, GONE, Outcome};
use crate::operation::Operation;
use crate::report::Violation;

const SAME: &str = "repetitions get the first answer";
const MARKED: &str = "Idempotency-Replayed marks the repetitions, and no other answer";
const EXACT: &str = "the answer to a call with an idempotency key shows the version that it has made";
const OTHER_BODY: &str = "a key that was used with another body is refused with 422";
const DELETED: &str = "a repetition gets 410 if the contact was deleted since, and only then";

/// Checks the requests of a call with an idempotency key. Returns the number of checks.
pub fn check(index: usize, calls: &[Call], chains: &mut HashMap<String, Chain>) -> u64 {
    let call = &calls[index];
    if call.key.is_none() {
        return 0;
    }
    let chain = chains.entry(call.contact_id.clone().unwrap_or_default()).or_default();
    let found = [check_answers(call), check_marks(call), check_exact(index, call, chain)];
    let each = call.deliveries.iter().map(|delivery| check_delivery(index, call, delivery, chain));
    let found: Vec<Violated> = found.into_iter().chain(each).filter_map(Result::err).collect();
    for (rule, sentence) in found {
        chain.violations.push(Violation { calls: vec![call.clone()], ..Violation::new(rule, sentence) });
    }
    call.deliveries.len() as u64
}

/// A broken rule and a sentence about it.
type Violated = (&'static str, String);

/// The requests that succeeded.
fn successes(call: &Call) -> impl Iterator<Item = &Delivery> {
    call.deliveries.iter().filter(|delivery| delivery.succeeded())
}

/// Whether a request was sent after the call had succeeded.
fn is_repetition(call: &Call, delivery: &Delivery) -> bool {
    call.succeeded() && delivery.began > call.ended
}

fn check_answers(call: &Call) -> Result<(), Violated> {
    let shown = |delivery: &Delivery| (delivery.outcome.clone(), delivery.etag, delivery.body.clone());
    let mut answers = successes(call).map(shown);
    let Some(first) = answers.next() else { return Ok(()) };
    match answers.find(|answer| *answer != first) {
        None => Ok(()),
        Some(other) => Err((SAME, format!("the answers {first:?} and {other:?} differ"))),
    }
}

fn check_marks(call: &Call) -> Result<(), Violated> {
    let originals = successes(call).filter(|delivery| delivery.is_replayed == Some(false)).count();
    // The answer of the request that has carried out the call may be lost.
    let is_unsure = |delivery: &Delivery| match delivery.outcome {
        Outcome::Unknown(_) => true,
        _ => delivery.is_replayed.is_none(),
    };
    let is_lost = call.deliveries.iter().any(|delivery| is_unsure(delivery) && delivery.began <= call.ended);
    match originals {
        0 if call.succeeded() && !is_lost => Err((MARKED, "all answers are marked as repetitions".to_owned())),
        0 | 1 => Ok(()),
        more => Err((MARKED, format!("{more} answers are not marked as repetitions"))),
    }
}

fn check_exact(index: usize, call: &Call, chain: &Chain) -> Result<(), Violated> {
    let (Outcome::Created(answer) | Outcome::Updated(answer), Some(made)) = (&call.outcome, chain.made_by(index))
    else {
        return Ok(());
    };
    let image = &chain.versions[made].image;
    let unlike = image.state.unlike(&image.contact_id, answer);
    if unlike.is_empty() { Ok(()) } else { Err((EXACT, format!("version {} differs: {unlike:?}", image.version))) }
}

fn check_delivery(index: usize, call: &Call, delivery: &Delivery, chain: &Chain) -> Result<(), Violated> {
    let is_repetition = is_repetition(call, delivery);
    match &delivery.outcome {
        Outcome::Unknown(_) => Ok(()),
        // Other bodies are sent only after the call had succeeded.
        Outcome::Refused(given) if delivery.has_other_body && given == "422" => Ok(()),
        outcome if delivery.has_other_body => Err((OTHER_BODY, format!("the outcome is {outcome:?}"))),
        Outcome::Refused(given) if given == GONE => {
            let may_be = |version: &Version| version.answered >= call.began && version.sent <= delivery.ended;
            if is_deleted(index, call, chain, may_be) {
                Ok(())
            } else {
                Err((DELETED, "the contact was not deleted before the request ended".to_owned()))
            }
        }
        Outcome::Refused(given) if is_repetition => {
            Err((SAME, format!("the call had succeeded, but a repetition is refused with {given}")))
        }
        Outcome::Refused(given) => refused(&call.as_delivered(delivery), given, chain).map(drop),
        _ if is_repetition && is_deleted(index, call, chain, |version| is_between(call, delivery, version)) => {
            Err((DELETED, "the contact was deleted before the request".to_owned()))
        }
        _ if is_repetition && delivery.is_replayed == Some(false) => {
            Err((MARKED, "an answer to a repetition is not marked".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Whether a version was written after the call had succeeded and before a request began.
fn is_between(call: &Call, delivery: &Delivery, version: &Version) -> bool {
    version.sent > call.ended && version.answered < delivery.began
}

/// Whether the contact was deleted after the call, by a version of which this holds. The answer to a deletion is kept.
fn is_deleted(index: usize, call: &Call, chain: &Chain, holds: impl Fn(&Version) -> bool) -> bool {
    let after = chain.made_by(index).map_or(0, |made| made + 1);
    !matches!(call.operation, Operation::Delete { .. })
        && chain.versions[after..].iter().any(|version| !version.image.state.is_contact() && holds(version))
}
