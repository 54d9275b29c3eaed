//! Whether every change was published, at least once and with the same event id each time.

use std::collections::HashMap;

use serde_json::Value;

use super::chain::{Chain, Version};
use crate::population::Population;
use crate::state::State;

const PUBLISHED: &str = "every change that clients can see is published";

/// Checks the events of an epoch. Returns the number of checks.
pub fn check(events: &[Value], chains: &mut HashMap<String, Chain>, population: &Population) -> u64 {
    // The event ids, by contact, version and kind.
    let mut published: HashMap<(String, u64, String), &Value> = HashMap::new();
    let mut kinds: HashMap<&Value, (String, u64, String)> = HashMap::new();
    for event in events {
        let (detail, kind) = (&event["detail"], event["detail-type"].as_str().unwrap_or_default());
        let present = detail["contact_id"].as_str().unwrap_or_default();
        let id = population.first_id(present).to_owned();
        let Some(chain) = chains.get_mut(&id) else { continue };
        let number = detail["version"].as_u64().unwrap_or_default();
        let is_tenant = population
            .known
            .get(&id)
            .is_some_and(|person| detail["tenant_id"].as_str() == Some(&population.customers[person.customer].id));
        if !is_tenant || number > chain.versions.last().map_or(0, |last| last.image.version) {
            chain.violate("only changes are published", format!("the event is about no version: {event}"), &[]);
            continue;
        }
        if let Some(sentence) = wrong_move(event, number, chain) {
            chain.violate("a change of number is one contact.updated with previous_id", sentence, &[]);
        }
        let key = (id.clone(), number, kind.to_owned());
        let repeated = published.insert(key.clone(), &detail["event_id"]);
        let other_change = kinds.insert(&detail["event_id"], key.clone()).is_some_and(|other| other != key);
        if other_change || repeated.is_some_and(|first| *first != detail["event_id"]) {
            let sentence = format!("version {number}, {kind}: {repeated:?} and {}", detail["event_id"]);
            chain.violate("an event has one id, however often it is published", sentence, &[]);
        }
    }
    let mut checks = events.len() as u64;
    for (id, chain) in chains {
        let mut missing = Vec::new();
        for index in usize::from(chain.has_base)..chain.versions.len() {
            let old = index.checked_sub(1).map(|before| &chain.versions[before].image.state);
            let old = old.filter(|old| old.is_contact());
            let Version { image, .. } = &chain.versions[index];
            for kind in expected(old, &image.state) {
                checks += 1;
                let key = (id.clone(), image.version, format!("contact.{kind}"));
                if !published.contains_key(&key) {
                    missing.push(format!("version {}: {kind}", image.version));
                }
            }
        }
        for sentence in missing {
            chain.violate(PUBLISHED, sentence, &[]);
        }
    }
    checks
}

/// What is wrong with an event about the version with this number, as far as the contact's id is concerned. The feed may publish
/// events of earlier epochs once more.
fn wrong_move(event: &Value, number: u64, chain: &Chain) -> Option<String> {
    let place = chain.versions.iter().position(|version| version.image.version == number)?;
    let id = &chain.versions[place].image.contact_id;
    let before = place.checked_sub(1).map(|before| &chain.versions[before].image.contact_id)?;
    let (detail, kind) = (&event["detail"], &event["detail-type"]);
    let is_move = before != id;
    let expected = is_move.then_some(before.as_str());
    let is_right = detail["contact_id"] == **id
        && detail["previous_id"].as_str() == expected
        && (!is_move || kind == "contact.updated");
    (!is_right).then(|| format!("version {number} moves from {before} to {id}: {event}"))
}

/// The kinds of events that a change has to publish; `old` is `None` if there was no contact, or it was deleted.
fn expected(old: Option<&State>, new: &State) -> Vec<&'static str> {
    if !new.is_contact() {
        return old.map(|_| "deleted").into_iter().collect();
    }
    let none = State::default();
    let before = old.unwrap_or(&none);
    let mut kinds = Vec::new();
    let updated = before.phone != new.phone
        || before.name != new.name
        || before.email != new.email
        || before.locale != new.locale
        || before.metadata != new.metadata
        || before.last_message_at != new.last_message_at
        || before.total_messages != new.total_messages
        || before.conversation != new.conversation;
    match old {
        None => kinds.push("created"),
        Some(_) if updated => kinds.push("updated"),
        Some(_) => {}
    }
    if new.tags.iter().any(|tag| !before.tags.contains(tag)) {
        kinds.push("tagged");
    }
    if before.tags.iter().any(|tag| !new.tags.contains(tag)) {
        kinds.push("untagged");
    }
    if new.opted_out_at.is_some() && new.opted_out_at != before.opted_out_at {
        kinds.push("opted_out");
    }
    let returned = new.opted_out_at.is_none() && new.opted_in_at.is_some();
    if returned && (new.opted_in_at != before.opted_in_at || before.opted_out_at.is_some()) {
        kinds.push("opted_in");
    }
    kinds
}
