//! The judge: holds the answers of all calls of an epoch, the writes that DynamoDB has executed and what is stored
//! against each other.
//!
//! | file | owns |
//! |---|---|
//! | `mod.rs` | the judge's knowledge of earlier epochs, and the order of the checks |
//! | `chain.rs` | the versions of a contact in their order |
//! | `attribution.rs` | which call has made which version |
//! | `answers.rs` | whether the answer of a call is true |
//! | `keys.rs` | whether calls with an idempotency key took effect once, and their repetitions got the same answer |
//! | `lists.rs` | whether lists in pages are complete |
//! | `moves.rs` | whether former ids lead to the contact |
//! | `feed.rs` | whether every change was published |
//!
//! Every write of a contact increments its `version` and puts its id in front of `write_ids`, so the stored item names
//! the write before it, and so on. This chain is one total order of all writes of a contact.

mod answers;
mod attribution;
mod chain;
mod feed;
mod keys;
mod lists;
mod moves;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

pub use chain::{Chain, Version};

use super::history::{Call, Write};
use super::population::Population;
use super::report::{Violation, seconds};
use super::state::Image;

/// A violation lists versions that were written at most this long before or after its calls,
const NEAR: Duration = Duration::from_millis(500);
/// and at most so many.
const MAX_VERSIONS: usize = 6;

/// What the judge remembers between epochs.
pub struct Judge {
    start: Instant,
    /// The last version of each contact.
    last: HashMap<String, Version>,
    /// The contact and version that have counted each message.
    counted: HashMap<String, (String, u64)>,
    pub checks: u64,
    pub versions: u64,
    pub forgotten: u64,
}

/// What happened in an epoch, and what is stored after it.
pub struct Epoch<'a> {
    pub population: &'a Population,
    pub calls: Vec<Call>,
    pub writes: Vec<Write>,
    pub stored: Vec<Image>,
    /// The change events that were published during the epoch.
    pub events: Vec<Value>,
}

impl Judge {
    pub fn new(start: Instant) -> Self {
        let (last, counted) = (HashMap::new(), HashMap::new());
        Judge { start, last, counted, checks: 0, versions: 0, forgotten: 0 }
    }

    /// Judges an epoch. No call may be under way any more.
    pub fn judge(&mut self, epoch: Epoch<'_>) -> Vec<Violation> {
        let mut violations = Vec::new();
        let Epoch { population, calls, writes, stored, events } = epoch;
        let mut writes_of = moves::by_contact(writes, population);
        let mut stored = moves::without_redirects(by_id(stored, &mut violations), population, &mut violations);
        let mut ids: Vec<String> = writes_of.keys().chain(self.last.keys()).chain(stored.keys()).cloned().collect();
        ids.sort();
        ids.dedup();
        let mut calls_of: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, call) in calls.iter().enumerate() {
            calls_of.entry(call.contact_id.as_deref().unwrap_or_default()).or_default().push(index);
        }
        let mut chains: HashMap<String, Chain> = HashMap::new();
        for id in ids {
            let writes = writes_of.remove(&id).unwrap_or_default();
            let mut chain = Chain::build(&id, self.last.get(&id), writes, stored.remove(&id));
            self.checks += chain.check(population.known.get(&id), population);
            let of_contact = calls_of.get(id.as_str()).map_or(&[][..], Vec::as_slice);
            self.checks += attribution::attribute(&mut chain, &calls, of_contact, population, &mut self.counted);
            chains.insert(id, chain);
        }
        let still = lists::Still::new(&calls);
        for index in 0..calls.len() {
            self.checks += still.check(&calls[index], &mut chains, population);
            let (checks, forgotten) = answers::check(index, &calls, &mut chains, population);
            self.checks += checks;
            self.forgotten += u64::from(forgotten);
            self.checks += keys::check(index, &calls, &mut chains);
        }
        attribution::check_order(&calls, &mut chains);
        self.checks += feed::check(&events, &mut chains, population);
        for (id, chain) in chains {
            self.versions += chain.versions.len().saturating_sub(usize::from(self.last.contains_key(&id))) as u64;
            for mut violation in chain.violations {
                violation.contact_id = Some(id.clone());
                let near = chain.versions.iter().rev().filter(|version| is_near(version, &violation));
                let mut near: Vec<String> =
                    near.take(MAX_VERSIONS).map(|version| self.describe(version, &calls)).collect();
                near.reverse();
                violation.versions = near;
                violations.push(violation);
            }
            if let Some(last) = chain.versions.last() {
                self.last.insert(id, Version { calls: Vec::new(), ..last.clone() });
            }
        }
        violations
    }

    fn describe(&self, version: &Version, calls: &[Call]) -> String {
        let by: Vec<String> = version.calls.iter().map(|index| format!("call {}", calls[*index].id)).collect();
        let (from, to) = (seconds(version.sent, self.start), seconds(version.answered, self.start));
        let (number, by, state) = (version.image.version, by.join(", "), &version.image.state);
        format!("version {number} by {by}, written between {from} s and {to} s: {state:?}")
    }
}

/// The stored contacts by id.
fn by_id(stored: Vec<Image>, violations: &mut Vec<Violation>) -> HashMap<String, Image> {
    let mut by_id = HashMap::new();
    for image in stored {
        if let Some(Image { contact_id, tenant_id, .. }) = by_id.insert(image.contact_id.clone(), image) {
            let sentence = format!("{contact_id} is stored for tenant {tenant_id} and for another one");
            violations.push(Violation::new("a tenant has one contact for one number", sentence));
        }
    }
    by_id
}

/// Whether a version was written around the calls of a violation.
fn is_near(version: &Version, violation: &Violation) -> bool {
    let is_around = |call: &Call| version.sent <= call.ended + NEAR && version.answered + NEAR >= call.began;
    violation.calls.is_empty() || violation.calls.iter().any(is_around)
}
