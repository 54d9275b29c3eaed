//! The versions of a contact in their order, from what is stored back to the last version of the epoch before.

use std::time::Instant;

use crate::history::{Call, Write};
use crate::population::{Person, Population};
use crate::report::Violation;
use crate::state::{Image, State};

/// A version of a contact.
#[derive(Debug, Clone)]
pub struct Version {
    pub image: Image,
    /// DynamoDB has executed the write between these times.
    pub sent: Instant,
    pub answered: Instant,
    pub messages: Vec<String>,
    /// The indexes of the calls that have made it.
    pub calls: Vec<usize>,
}

/// The versions of a contact during an epoch; the first one is the last of the epoch before, if there was one.
#[derive(Default)]
pub struct Chain {
    pub versions: Vec<Version>,
    pub has_base: bool,
    /// The tenant under which the contact is stored.
    pub tenant_id: Option<String>,
    pub violations: Vec<Violation>,
}

impl Chain {
    /// Builds the chain from `base`, the writes of the epoch and what is stored after it.
    pub fn build(id: &str, base: Option<&Version>, writes: Vec<Write>, stored: Option<Image>) -> Self {
        let tenant_id = stored.as_ref().map(|stored| stored.tenant_id.clone());
        let mut chain = Chain { has_base: base.is_some(), tenant_id, ..Chain::default() };
        let mut writes = without_repetitions(writes);
        let Some(stored) = stored else {
            if base.is_none() && writes.iter().all(|write| !write.confirmed) {
                return chain;
            }
            chain.violate("stored contacts stay", format!("the contact {id} is not stored any more"), &[]);
            chain.versions.extend(base.cloned());
            return chain;
        };
        if base.is_some_and(|base| base.image == stored) && writes.iter().all(|write| !write.confirmed) {
            chain.versions.extend(base.cloned());
            return chain;
        }
        // From the last version to the first: each write names the one before it.
        let base_version = base.map_or(0, |base| base.image.version);
        let (mut versions, mut wanted) = (Vec::new(), stored.write_ids.clone());
        for number in (base_version + 1..=stored.version).rev() {
            let has_id =
                |write: &Write| write.image.version == number && write.image.write_ids.first() == wanted.first();
            let Some(place) = writes.iter().position(has_id) else {
                let sentence =
                    format!("version {number} is stored, or followed, but DynamoDB has not executed its write");
                chain.violate("every version was written by a recorded write", sentence, &[]);
                break;
            };
            let write = writes.swap_remove(place);
            wanted = write.image.write_ids.get(1..).unwrap_or_default().to_vec();
            versions.push(version(write));
        }
        versions.reverse();
        let last = versions.last().or(base).map(|last| &last.image);
        if stored.version < base_version {
            let sentence = format!("stored is version {} after version {base_version}: {stored:?}", stored.version);
            chain.violate("nothing older is stored again", sentence, &[]);
        } else if last.is_some_and(|last| last.version == stored.version && *last != stored) {
            chain.violate(
                "what is stored is the last version",
                format!("stored is {stored:?} instead of {last:?}"),
                &[],
            );
        }
        for write in writes.iter().filter(|write| write.confirmed) {
            let sentence = format!("the write of version {} was overwritten: {:?}", write.image.version, write.image);
            chain.violate("every write that DynamoDB has confirmed is a version", sentence, &[]);
        }
        chain.versions = base.cloned().into_iter().chain(versions).collect();
        chain
    }

    /// Adds a violation that concerns these calls.
    pub fn violate(&mut self, rule: &'static str, sentence: String, calls: &[&Call]) {
        let calls = calls.iter().map(|call| (*call).clone()).collect();
        self.violations.push(Violation { calls, ..Violation::new(rule, sentence) });
    }

    /// Checks what must hold between two versions, whatever the calls. Returns the number of checks.
    pub fn check(&mut self, person: Option<&Person>, population: &Population) -> u64 {
        let mut found = Vec::new();
        for tenant_id in self.versions.iter().map(|version| &version.image.tenant_id).chain(&self.tenant_id) {
            if person.is_none_or(|person| population.customers[person.customer].id != *tenant_id) {
                let sentence =
                    format!("tenant {tenant_id} has a contact with an id of no number, or of another tenant");
                found.push(("a tenant has one contact for one number", sentence));
            }
        }
        for pair in self.versions.windows(2) {
            let [old, new] = pair else { continue };
            let (before, after) = (&old.image.state, &new.image.state);
            let number = new.image.version;
            let is_same = before.is_contact() && after.is_contact();
            let (key, kept) = (&new.image.answer_key, &old.image.answer_key);
            if is_same && kept.is_some() && key != kept || !after.is_contact() && key.is_some() {
                let sentence =
                    format!("version {number} has another key than the one before, or is a tombstone with a key");
                found.push(("the key of results stays with its contact, and is deleted with it", sentence));
            }
            if number != old.image.version + 1 {
                found.push(("versions are consecutive", format!("version {number} follows {}", old.image.version)));
            }
            if old.sent > new.answered {
                found.push((
                    "versions are in the order of time",
                    format!("version {number} is older than the one before"),
                ));
            }
            // A contact that is created again is another one.
            if !is_same {
                continue;
            }
            let is_mover = person.is_some_and(|person| population.is_mover(&person.contact_id));
            let fixed = |state: &State| {
                let phone = (!is_mover).then(|| state.phone.clone());
                (phone, state.source.clone(), state.created_at.clone())
            };
            if fixed(before) != fixed(after) {
                let sentence = format!("version {number} changes phone, source or creation time: {before:?} {after:?}");
                found.push(("phone, source and creation time never change", sentence));
            }
            if after.updated_at < before.updated_at {
                found.push(("updated_at never decreases", format!("version {number}: {}", after.updated_at)));
            }
        }
        for (rule, sentence) in found {
            self.violate(rule, sentence, &[]);
        }
        self.versions.len() as u64 * 5
    }

    /// The indexes of the versions that may have been the current one at some time from `from` to `to`.
    pub fn current(&self, from: Instant, to: Instant) -> impl Iterator<Item = usize> + '_ {
        (0..self.versions.len()).filter(move |index| {
            let replaced = self.versions.get(index + 1).map(|next| next.answered);
            self.versions[*index].sent <= to && replaced.is_none_or(|replaced| replaced >= from)
        })
    }

    /// Whether the contact may not have existed at some time from `from` to `to`.
    pub fn absent(&self, from: Instant, to: Instant) -> bool {
        let never = !self.has_base && self.versions.first().is_none_or(|first| first.answered >= from);
        never || self.current(from, to).any(|version| !self.versions[version].image.state.is_contact())
    }

    /// Whether a version differs from the one before only by the key of results, which a call with an idempotency key gives
    /// to a contact that it does not change otherwise.
    pub fn only_adds_key(&self, index: usize) -> bool {
        let Some(before) = index.checked_sub(1).map(|before| &self.versions[before].image) else { return false };
        let image = &self.versions[index].image;
        image.state == before.state
            && image.state.is_contact()
            && image.answer_key.is_some()
            && before.answer_key.is_none()
    }

    /// The index of the version that a call has made.
    pub fn made_by(&self, call: usize) -> Option<usize> {
        self.versions.iter().position(|version| version.calls.contains(&call))
    }
}

fn version(write: Write) -> Version {
    let Write { sent, answered, messages, image, .. } = write;
    Version { image, sent, answered, messages, calls: Vec::new() }
}

/// Leaves out confirmations of a transaction that DynamoDB has recognised as a repeated one by its token.
fn without_repetitions(mut writes: Vec<Write>) -> Vec<Write> {
    writes.sort_by_key(|write| (!write.confirmed, write.sent));
    let mut kept: Vec<Write> = Vec::new();
    for write in writes {
        let repeats = |known: &Write| write.token.is_some() && known.token == write.token && known.image == write.image;
        match kept.iter_mut().find(|known| repeats(known)) {
            // An attempt without an answer may be the one that was executed.
            Some(known) => known.sent = known.sent.min(write.sent),
            None => kept.push(write),
        }
    }
    kept
}
