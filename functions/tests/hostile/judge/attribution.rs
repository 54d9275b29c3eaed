//! Which call has made which version: the one whose effect on the version before is exactly this version, and which was
//! under way when it was written.

use std::collections::{BTreeMap, HashMap};

use super::chain::{Chain, Version};
use crate::history::{Call, Outcome};
use crate::operation::Operation;
use crate::population::Population;
use crate::state::State;

/// Attributes every new version of a chain to a call, of those about this contact. Returns the number of checks.
pub fn attribute(
    chain: &mut Chain,
    calls: &[Call],
    of_contact: &[usize],
    population: &Population,
    counted: &mut HashMap<String, (String, u64)>,
) -> u64 {
    let mut by_message: HashMap<String, usize> = HashMap::new();
    let mut candidates = Vec::new();
    for index in of_contact {
        match &calls[*index].operation {
            Operation::Message { message_id, .. } => {
                let customer = &population.customers[calls[*index].customer];
                by_message.insert(customer.message_hash(message_id), *index);
            }
            operation if operation.writes() => candidates.push(*index),
            _ => {}
        }
    }
    // The random ids of calls that wrote, which follow the eight digits of the time: each call has one.
    let mut write_ids: HashMap<String, u64> = HashMap::new();
    let mut made: Vec<usize> = Vec::new();
    for index in 0..chain.versions.len() {
        let (before, version) = chain.versions.split_at(index);
        let (old, version) = (before.last(), &version[0]);
        let number = version.image.version;
        let write_id = version.image.write_ids.first().map(|id| id[8..].to_owned()).unwrap_or_default();
        let earlier = write_ids.insert(write_id, number);
        if index == 0 && chain.has_base {
            continue;
        }
        let old = old.map(|old| old.image.state.clone());
        let found = if chain.only_adds_key(index) {
            by_key(old.as_ref(), version, calls, &candidates, &made).map(|call| vec![call])
        } else if version.messages.is_empty() {
            by_effect(old.as_ref(), version, calls, &candidates, &made).map(|call| vec![call])
        } else {
            by_messages(old.as_ref(), version, calls, &by_message)
        };
        let messages = version.messages.clone();
        let concerned: Vec<usize> = found
            .clone()
            .unwrap_or_else(|_| candidates.iter().copied().filter(|call| under_way(&calls[*call], version)).collect());
        let concerned: Vec<&Call> = concerned.iter().map(|call| &calls[*call]).collect();
        if let Some(earlier) = earlier {
            let sentence = format!("one call has written version {earlier} and version {number}");
            chain.violate("a call is applied at most once", sentence, &concerned);
        }
        match found {
            Ok(found) => {
                for call in found {
                    if made.contains(&call) && !counts_again(&calls[call], old.as_ref()) {
                        let sentence = format!("version {number} applies call {} once more", calls[call].id);
                        chain.violate("a call is applied at most once", sentence, &[&calls[call]]);
                    }
                    made.push(call);
                    chain.versions[index].calls.push(call);
                }
            }
            Err(sentence) => {
                chain.violate("every version is the effect of one call", sentence, &concerned);
            }
        }
        for message in messages {
            let place = (chain.versions[index].image.contact_id.clone(), number);
            if let Some((contact, version)) = counted.insert(message.clone(), place) {
                let sentence =
                    format!("message {message} is counted in version {number} and before in {version} of {contact}");
                chain.violate("a message is counted once", sentence, &[]);
            }
        }
    }
    chain.versions.len() as u64 * 3
}

/// The calls of a write that counts messages.
fn by_messages(
    old: Option<&State>,
    version: &Version,
    calls: &[Call],
    by_message: &HashMap<String, usize>,
) -> Result<Vec<usize>, String> {
    let number = version.image.version;
    let call = |message: &String| by_message.get(message).copied();
    let unknown = || format!("version {number} counts messages that were not sent: {:?}", version.messages);
    let mut found = version.messages.iter().map(call).collect::<Option<Vec<usize>>>().ok_or_else(unknown)?;
    // The first message of a batch that has a phone number creates the contact.
    let is_by_id = |call: usize| crate::caller::needs_contact(&calls[call].operation);
    let exists = old.is_some_and(State::is_contact);
    found.sort_by_key(|call| (!exists && is_by_id(*call), calls[*call].id));
    let mut state = old.cloned();
    for call in &found {
        // A message from before the deletion leaves the tombstone, or what a later one has made of it.
        let operation = &calls[*call].operation;
        state = operation.apply(state.as_ref()).or_else(|| state.filter(|state| operation.is_outdated(Some(state))));
    }
    if state.is_some_and(|state| is_state(state, version)) && found.iter().all(|call| under_way(&calls[*call], version))
    {
        Ok(found)
    } else {
        Err(format!("version {number} is not the effect of the messages that it counts: {:?}", version.messages))
    }
}

/// The call whose effect the version is. Of several, one that has to have an effect. A call with `If-Match` can only make the
/// version that follows the named one.
fn by_effect(
    old: Option<&State>,
    version: &Version,
    calls: &[Call],
    candidates: &[usize],
    made: &[usize],
) -> Result<usize, String> {
    let explains = |index: &&usize| {
        let call = &calls[**index];
        (under_way(call, version) || counts_again(call, old) && call.began <= version.answered)
            && may_make(call, version.image.version)
            && call.operation.apply(old).is_some_and(|state| Some(&state) != old && is_state(state, version))
    };
    let preference = |index: &&usize| {
        let call = &calls[**index];
        let rank = match (&call.outcome, old.is_some_and(State::is_contact)) {
            _ if made.contains(index) => 4,
            (Outcome::Created(_), false) | (Outcome::Updated(_), true) => 0,
            (Outcome::Done(_), _) => 1,
            (Outcome::Unknown(_), _) => 2,
            _ => 3,
        };
        (rank, call.ended)
    };
    let found = candidates.iter().filter(explains).min_by_key(preference);
    found.copied().ok_or_else(|| {
        let (number, state) = (version.image.version, &version.image.state);
        format!("no call explains version {number}, {state:?}, after {old:?}")
    })
}

/// The call with an idempotency key that has given the contact its key, and changes nothing else.
fn by_key(
    old: Option<&State>,
    version: &Version,
    calls: &[Call],
    candidates: &[usize],
    made: &[usize],
) -> Result<usize, String> {
    let explains = |index: &&usize| {
        let call = &calls[**index];
        call.key.is_some()
            && under_way(call, version)
            && may_make(call, version.image.version)
            && matches!(call.outcome, Outcome::Unchanged(_) | Outcome::Unknown(_))
            && call.operation.apply(old).as_ref() == old
    };
    let preference = |index: &&usize| (made.contains(index), !calls[**index].succeeded(), calls[**index].ended);
    let found = candidates.iter().filter(explains).min_by_key(preference);
    found.copied().ok_or_else(|| {
        format!("no call with an idempotency key explains version {}, which only adds a key", version.image.version)
    })
}

/// Whether a call can have made the version with this number. With `If-Match` it can only make the one that follows the
/// named one. The answer to a call with an idempotency key names exactly the version that it has made.
fn may_make(call: &Call, number: u64) -> bool {
    let is_exact = call.key.is_some() && call.succeeded();
    call.if_match.is_none_or(|named| number == named + 1) && call.etag.is_none_or(|etag| !is_exact || number == etag)
}

/// Whether a state of the model, which has no times of creation and update, is that of a version.
fn is_state(mut state: State, version: &Version) -> bool {
    let written = &version.image.state;
    state.updated_at.clone_from(&written.updated_at);
    if state.deleted_at.as_deref() == Some("") {
        state.deleted_at.clone_from(&written.deleted_at);
    }
    if state.created_at.is_empty() {
        state.created_at.clone_from(&written.created_at);
    }
    state == *written
}

/// Whether a call may have written a version: it had begun, and its caller had no answer yet.
fn under_way(call: &Call, version: &Version) -> bool {
    call.began <= version.answered && (!call.succeeded() || version.sent <= call.ended)
}

/// Whether the call is an opt-out that may be applied once more when it is delivered again: opt-ins are forgotten with the
/// contact, so nothing tells that the person has opted in since.
fn counts_again(call: &Call, old: Option<&State>) -> bool {
    matches!(call.operation, Operation::Consent { opts_in: false, .. }) && call.operation.is_outdated(old)
}

/// Checks that the messages of each group of a FIFO queue were applied in the order of the queue, and the contacts of a batch
/// that have one number in the order of the batch.
pub fn check_order(calls: &[Call], chains: &mut HashMap<String, Chain>) {
    let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (index, call) in calls.iter().enumerate() {
        if let Some((group, _)) = call.place {
            groups.entry(group).or_default().push(index);
        }
    }
    for mut group in groups.into_values() {
        group.sort_by_key(|call| calls[*call].place);
        let mut before: Option<(usize, usize, std::time::Instant)> = None;
        for index in group {
            let call = &calls[index];
            let Some(chain) = call.contact_id.as_ref().and_then(|id| chains.get_mut(id)) else { continue };
            let Some(made) = chain.made_by(index) else { continue };
            let (sent, answered) = (chain.versions[made].sent, chain.versions[made].answered);
            if let Some((earlier, earlier_made, earlier_sent)) = before
                && (earlier_sent > answered || calls[earlier].contact_id == call.contact_id && earlier_made > made)
            {
                let sentence = format!("call {} was applied before call {}", call.id, calls[earlier].id);
                chain.violate("the order of a FIFO queue or a batch is kept", sentence, &[&calls[earlier], call]);
            }
            before = Some((index, made, sent));
        }
    }
}
