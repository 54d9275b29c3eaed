//! Whether lists that were read in pages are complete: every contact that stood still is returned exactly once and in its
//! place, whatever was created, changed or deleted meanwhile, and so is every tag.
//!
//! Indexes are eventually consistent, and the proxy answers from any earlier state, so a contact stands still if it was last
//! written before the first list of the epoch.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use serde_json::Value;

use super::chain::Chain;
use crate::generate::{LIST_QUERIES, NAME_MARK};
use crate::history::{Call, Outcome};
use crate::operation::Operation;
use crate::population::Population;
use crate::quiescence::activity;
use crate::report::Violation;
use crate::state::State;

const COMPLETE: &str = "the pages of a search have every contact that stands still once, in its place";
const TAGS: &str = "the pages of the tag catalogue have every tag once";

/// What stands still during an epoch.
pub struct Still {
    /// When the first list was asked for.
    since: Option<Instant>,
}

impl Still {
    pub fn new(calls: &[Call]) -> Self {
        let is_list = |call: &&Call| {
            matches!(
                call.operation,
                Operation::Search { .. } | Operation::Pages { .. } | Operation::GetByEmail { .. } | Operation::ListTags
            )
        };
        Still { since: calls.iter().filter(is_list).map(|call| call.began).min() }
    }

    /// Checks one call, if it has read all pages of a list. Returns the number of checks.
    pub fn check(&self, call: &Call, chains: &mut HashMap<String, Chain>, population: &Population) -> u64 {
        let (Operation::Pages { function, criteria, .. }, Outcome::Read(Value::Array(rows))) =
            (&call.operation, &call.outcome)
        else {
            return 0;
        };
        let customer = &population.customers[call.customer];
        let own: Vec<(&String, &Chain)> = chains
            .iter()
            .filter(|(_, chain)| chain.versions.last().is_some_and(|last| last.image.tenant_id == customer.id))
            .collect();
        let (rule, found) = match *function {
            "list-tags" => (TAGS, missing_tags(call, rows, &own)),
            _ => (COMPLETE, self.missing_contacts(criteria, rows, &own)),
        };
        if let Some(sentence) = found {
            let violation = Violation { calls: vec![call.clone()], ..Violation::new(rule, sentence) };
            chains.entry(String::new()).or_default().violations.push(violation);
        }
        rows.len() as u64
    }

    fn missing_contacts(&self, criteria: &Value, rows: &[Value], own: &[(&String, &Chain)]) -> Option<String> {
        let since = self.since?;
        let mut expected: Vec<(&str, &State)> = Vec::new();
        let mut still: HashSet<&str> = HashSet::new();
        for (_, chain) in own {
            let last = chain.versions.last().filter(|last| last.answered < since);
            let Some(last) = last.filter(|last| last.image.state.is_contact()) else { continue };
            let (id, state) = (&last.image.contact_id, &last.image.state);
            let is_match = matches(state, criteria)?;
            still.insert(id);
            if is_match {
                expected.push((id, state));
            }
        }
        expected.sort_by_key(|(id, state)| std::cmp::Reverse((activity(state), *id)));
        let expected: Vec<&str> = expected.into_iter().map(|(id, _)| id).collect();
        let ids = rows.iter().map(|row| row["id"].as_str().unwrap_or_default());
        let found: Vec<&str> = ids.filter(|id| still.contains(id)).collect();
        (found != expected)
            .then(|| format!("{criteria} found {found:?} of those that stand still instead of {expected:?}"))
    }
}

/// Tags that a contact had before the call and that the pages do not have, or more than once.
fn missing_tags(call: &Call, rows: &[Value], own: &[(&String, &Chain)]) -> Option<String> {
    let mut found: HashSet<&str> = HashSet::new();
    for name in rows.iter().map(|row| row["name"].as_str().unwrap_or_default()) {
        if !found.insert(name) {
            return Some(format!("the tag {name} is repeated"));
        }
    }
    let versions = own.iter().flat_map(|(_, chain)| &chain.versions);
    let tags = versions.filter(|version| version.answered < call.began).flat_map(|version| &version.image.state.tags);
    let missing: HashSet<&String> = tags.filter(|tag| !found.contains(tag.as_str())).collect();
    (!missing.is_empty()).then(|| format!("the tags {missing:?} are missing in {found:?}"))
}

/// Whether a contact matches; `None` for a text that the model cannot look for, such as another spelling of a number.
fn matches(state: &State, criteria: &Value) -> Option<bool> {
    let folded = |text: &str| text.to_lowercase().replace('é', "e");
    let of = |name: &str| criteria[name].as_str();
    let tag = of("tag").is_none_or(|tag| state.tags.iter().any(|stored| stored == tag));
    let email = of("email").is_none_or(|email| state.email.as_deref().map(folded) == Some(folded(email)));
    let Some(query) = of("query") else { return Some(tag && email) };
    if !LIST_QUERIES.contains(&query) && query != NAME_MARK.to_lowercase() {
        return None;
    }
    let texts = [Some(&state.phone), state.email.as_ref(), state.name.as_ref()];
    let has_text = texts.into_iter().flatten().any(|text| folded(text).contains(&folded(query)));
    Some(tag && email && has_text)
}
