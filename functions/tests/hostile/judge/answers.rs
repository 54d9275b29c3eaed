//! Whether the answer of a call is true: its effect, and every state that it shows.

use std::collections::HashMap;

use serde_json::Value;

use super::chain::Chain;
use crate::history::{Call, Outcome};
use crate::operation::Operation;
use crate::population::Population;
use crate::report::Violation;

/// After this many later writes, a contact no longer names a write among its last ones, which is documented.
const REMEMBERED_WRITES: usize = 64;

/// Checks one call. Returns the number of checks, and whether its own write was not recognised because 64 others had
/// followed.
pub fn check(
    index: usize,
    calls: &[Call],
    chains: &mut HashMap<String, Chain>,
    population: &Population,
) -> (u64, bool) {
    let call = &calls[index];
    let found = match (&call.operation, &call.outcome) {
        (_, Outcome::Unknown(_)) => Ok(false),
        (Operation::Refused { status, .. }, outcome) => {
            let expected = matches!(outcome, Outcome::Refused(given) if *given == status.to_string());
            let violation = ("a wrong call is refused", format!("the answer is not {status}"));
            if expected { Ok(false) } else { Err(violation) }
        }
        (_, Outcome::Refused(given)) if given == "429" => untouched(index, call, chains),
        (Operation::Pages { function: "list-tags", .. }, Outcome::Read(listed)) => tags(call, listed, population),
        (Operation::Search { criteria } | Operation::Pages { criteria, .. }, Outcome::Read(rows)) => {
            search(call, criteria, rows, chains, population)
        }
        (Operation::GetByEmail { email }, outcome) => by_email(call, email, outcome, chains, population),
        (Operation::ListTags, Outcome::Read(listed)) => tags(call, listed, population),
        (Operation::Me, Outcome::Read(me)) => {
            let same = me["tenant"]["id"] == population.customers[call.customer].id.as_str();
            if same { Ok(false) } else { Err(("a token's tenant never changes", format!("the answer is {me}"))) }
        }
        (operation, _) if operation.writes() => write(index, call, chains),
        (Operation::Get { .. } | Operation::FlowiqGet { .. }, _) => read(call, chains),
        (operation, outcome) => Err(("answers have a documented shape", format!("{operation:?}: {outcome:?}"))),
    };
    let found = found.and_then(|forgotten| versions(index, call, chains).map(|()| forgotten));
    let forgotten = matches!(found, Ok(true));
    if let Err((rule, sentence)) = found {
        let chain = chains.entry(call.contact_id.clone().unwrap_or_default()).or_default();
        chain.violations.push(Violation { calls: vec![call.clone()], ..Violation::new(rule, sentence) });
    }
    (1, forgotten)
}

/// A broken rule and a sentence about it; or whether a write was not recognised.
pub(super) type Checked = Result<bool, (&'static str, String)>;

const APPLIED: &str = "an acknowledged write is applied exactly once";
const TRUE_ANSWER: &str = "an answer shows a state that existed during the call";
const NOT_APPLIED: &str = "a call that was refused, or had nothing to change, changes nothing";
const CONDITION: &str = "a call with If-Match changes the named version or none, and is refused only for another one";
const TENANT: &str = "no tenant sees another tenant's contact";

/// The version that a call has named in `If-Match`, and the one that its answer names.
fn versions(index: usize, call: &Call, chains: &HashMap<String, Chain>) -> Result<(), (&'static str, String)> {
    let Some(chain) = call.contact_id.as_ref().and_then(|id| chains.get(id)) else { return Ok(()) };
    let number = |version: usize| chain.versions[version].image.version;
    match (&call.outcome, call.if_match, call.etag) {
        (Outcome::Refused(given), Some(named), _) if given == "412" => {
            let is_named =
                |version: &usize| number(*version) == named && chain.versions[*version].image.state.is_contact();
            let is_other = chain.current(call.began, call.ended).any(|version| !is_named(&version));
            let never = chain.absent(call.began, call.ended);
            if is_other || never { Ok(()) } else { Err((CONDITION, format!("the version was {named} all the time"))) }
        }
        // A call with an idempotency key has given the contact its key, which is a version.
        (Outcome::Unchanged(_), Some(named), Some(etag))
            if etag == named + 1 && chain.made_by(index).is_some_and(|made| chain.only_adds_key(made)) =>
        {
            Ok(())
        }
        (Outcome::Unchanged(_), Some(named), Some(etag)) if named != etag => {
            Err((CONDITION, format!("version {etag} is unchanged by a call that named version {named}")))
        }
        (
            Outcome::Created(answer) | Outcome::Updated(answer) | Outcome::Unchanged(answer) | Outcome::Read(answer),
            _,
            Some(etag),
        ) => {
            let shows = |version: &usize| {
                let image = &chain.versions[*version].image;
                image.version == etag && image.state.unlike(&image.contact_id, answer).is_empty()
            };
            if (0..chain.versions.len()).any(|version| shows(&version)) {
                Ok(())
            } else {
                Err(("an entity tag is the version that the answer shows", format!("the entity tag is {etag}")))
            }
        }
        _ => Ok(()),
    }
}

fn write(index: usize, call: &Call, chains: &HashMap<String, Chain>) -> Checked {
    let chain = call.contact_id.as_ref().and_then(|id| chains.get(id));
    let made = chain.and_then(|chain| chain.made_by(index));
    let Some(chain) = chain else {
        return match &call.outcome {
            Outcome::Refused(given) if is_not_found(given) => Ok(false),
            outcome => Err((APPLIED, format!("the contact does not exist, but the outcome is {outcome:?}"))),
        };
    };
    // Versions that the call may have seen or left.
    let later =
        |made: usize| (made..chain.versions.len()).filter(|version| chain.versions[*version].sent <= call.ended);
    let unlike = |version: usize, answer: &Value| {
        let image = &chain.versions[version].image;
        image.state.unlike(&image.contact_id, answer)
    };
    let without_effect = |version: &usize| {
        let state = &chain.versions[*version].image.state;
        call.operation.apply(Some(state)).is_some_and(|after| after == *state)
    };
    match (&call.outcome, made) {
        (Outcome::Created(answer) | Outcome::Updated(answer) | Outcome::Done(Some(answer)), Some(made)) => {
            let is_created = matches!(call.outcome, Outcome::Created(_));
            let is_updated = matches!(call.outcome, Outcome::Updated(_));
            let before = made.checked_sub(1).map(|before| &chain.versions[before].image.state);
            let creates = before.is_none_or(|before| !before.is_contact());
            if is_created && !creates || is_updated && creates {
                return Err((APPLIED, format!("the outcome is wrong: version {}", chain.versions[made].image.version)));
            }
            if later(made).any(|version| unlike(version, answer).is_empty()) {
                return Ok(false);
            }
            Err((
                TRUE_ANSWER,
                format!("version {} differs: {:?}", chain.versions[made].image.version, unlike(made, answer)),
            ))
        }
        (Outcome::Done(None), Some(_)) => Ok(false),
        // The opt-out of a deleted contact is remembered, although there is no contact to answer with.
        (Outcome::Refused(given), Some(made))
            if is_not_found(given) && !chain.versions[made].image.state.is_contact() =>
        {
            let is_opt_out = matches!(call.operation, Operation::Consent { opts_in: false, .. });
            if is_opt_out { Ok(false) } else { Err((NOT_APPLIED, "a tombstone is the effect of this call".to_owned())) }
        }
        (Outcome::Unchanged(_), Some(made)) if call.key.is_some() && chain.only_adds_key(made) => Ok(false),
        (Outcome::Unchanged(_) | Outcome::Refused(_), Some(made)) => {
            if call.key.is_none() && later(made).count() > REMEMBERED_WRITES {
                return Ok(true);
            }
            let number = chain.versions[made].image.version;
            Err((NOT_APPLIED, format!("version {number} is the effect of this call")))
        }
        (Outcome::Unchanged(answer) | Outcome::Done(Some(answer)), None) => {
            let fits = |version: &usize| without_effect(version) && unlike(*version, answer).is_empty();
            // A message always has an effect.
            if chain.current(call.began, call.ended).any(|version| fits(&version)) {
                return Ok(false);
            }
            Err((
                APPLIED,
                "no version is its effect, and it would have changed every version during the call".to_owned(),
            ))
        }
        (Outcome::Done(None), None)
            if chain
                .current(call.began, call.ended)
                .any(|version| without_effect(&version) || is_done_already(call, chain, version)) =>
        {
            Ok(false)
        }
        (Outcome::Created(_) | Outcome::Updated(_) | Outcome::Done(_), None) => {
            Err((APPLIED, "no version is the effect of this call".to_owned()))
        }
        (Outcome::Refused(given), None) => refused(call, given, chain),
        (outcome, None) => Err(("answers have a documented shape", format!("{outcome:?}"))),
        (outcome, Some(_)) => Err(("answers have a documented shape", format!("{outcome:?} of an applied call"))),
    }
}

/// Whether the call counts as done while this was the version: an event about a contact that was deleted since, or a
/// deletion of one that does not exist.
fn is_done_already(call: &Call, chain: &Chain, version: usize) -> bool {
    let state = &chain.versions[version].image.state;
    let deletes = matches!(call.operation, Operation::Delete { .. });
    call.operation.is_outdated(Some(state)) || deletes && !state.is_contact()
}

/// Whether a write was rightly refused with this status or error type. It has changed nothing.
pub(super) fn refused(call: &Call, given: &str, chain: &Chain) -> Checked {
    let mut current = chain.current(call.began, call.ended);
    match given {
        given if is_not_found(given) => {
            let needs = crate::caller::needs_contact(&call.operation);
            let is_outdated = current.any(|version| is_done_already(call, chain, version));
            if needs && chain.absent(call.began, call.ended) || is_outdated {
                Ok(false)
            } else {
                Err((TRUE_ANSWER, "the contact existed".to_owned()))
            }
        }
        // The version is checked with all answers.
        "412" if call.if_match.is_some() => Ok(false),
        "409" if matches!(call.operation, Operation::ChangePhone { is_taken: false, .. }) => {
            Err((TRUE_ANSWER, "no other contact has the number".to_owned()))
        }
        "409" | "ContactExists" => {
            let exists = current.any(|version| chain.versions[version].image.state.is_contact());
            if exists { Ok(false) } else { Err((TRUE_ANSWER, "the contact did not exist".to_owned())) }
        }
        given => Err(("answers have a documented shape", format!("the call is refused with {given}"))),
    }
}

fn is_not_found(given: &str) -> bool {
    given == "404" || given == "ContactNotFound"
}

/// A call that was refused before it could do anything.
fn untouched(index: usize, call: &Call, chains: &HashMap<String, Chain>) -> Checked {
    let chain = call.contact_id.as_ref().and_then(|id| chains.get(id));
    match chain.and_then(|chain| chain.made_by(index)) {
        None => Ok(false),
        Some(_) => Err((NOT_APPLIED, "a version is the effect of this call".to_owned())),
    }
}

/// Whether the contact has the number that the call names. That of most contacts never changes.
fn has_number(call: &Call, chain: &Chain, version: usize) -> bool {
    call.number_id.as_ref().is_none_or(|id| chain.versions[version].image.contact_id == *id)
}

/// A strongly consistent read.
fn read(call: &Call, chains: &HashMap<String, Chain>) -> Checked {
    let chain = call.contact_id.as_ref().and_then(|id| chains.get(id));
    match (&call.outcome, chain) {
        (Outcome::Refused(given), chain) if is_not_found(given) => {
            let has_other_number =
                |chain: &Chain| chain.current(call.began, call.ended).any(|version| !has_number(call, chain, version));
            let absent = chain.is_none_or(|chain| chain.absent(call.began, call.ended) || has_other_number(chain));
            if absent { Ok(false) } else { Err((TRUE_ANSWER, "the contact existed".to_owned())) }
        }
        (Outcome::Read(answer), Some(chain)) => {
            let mut differences = Vec::new();
            for version in chain.current(call.began, call.ended).filter(|version| has_number(call, chain, *version)) {
                let image = &chain.versions[version].image;
                let unlike = image.state.unlike(&image.contact_id, answer);
                if unlike.is_empty() {
                    return Ok(false);
                }
                differences.push(format!("version {}: {unlike:?}", image.version));
            }
            Err((TRUE_ANSWER, differences.join("; ")))
        }
        (outcome, _) => Err((TRUE_ANSWER, format!("the contact does not exist: {outcome:?}"))),
    }
}

/// The version that a row of an index shows: any that was written before the call ended.
fn shown(
    call: &Call,
    row: &Value,
    chains: &HashMap<String, Chain>,
    population: &Population,
) -> Result<Option<usize>, (&'static str, String)> {
    let id = row["id"].as_str().unwrap_or_default();
    if population.known.get(id).is_none_or(|person| person.customer != call.customer) {
        return Err((TENANT, format!("the answer contains {row}")));
    }
    let versions = chains.get(population.first_id(id)).map_or(&[][..], |chain| &chain.versions);
    let shows = |place: &usize| {
        let version = &versions[*place];
        version.sent <= call.ended && version.image.contact_id == id && version.image.state.unlike(id, row).is_empty()
    };
    Ok((0..versions.len()).find(shows))
}

fn search(
    call: &Call,
    criteria: &Value,
    rows: &Value,
    chains: &HashMap<String, Chain>,
    population: &Population,
) -> Checked {
    let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
    for (place, row) in rows.iter().enumerate() {
        if shown(call, row, chains, population)?.is_none() {
            return Err((TRUE_ANSWER, format!("the row never existed: {row}")));
        }
        // Later pages may repeat a contact that was changed meanwhile, for example deleted and created.
        let is_one_page = matches!(call.operation, Operation::Search { .. });
        if is_one_page && rows[..place].iter().any(|other| other["id"] == row["id"]) {
            return Err(("a search returns a contact once", format!("the row is repeated: {row}")));
        }
        let has = |list: &Value, wanted: &Value| list.as_array().is_some_and(|list| list.contains(wanted));
        let lower = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
        if criteria["tag"].is_string() && !has(&row["tags"], &criteria["tag"])
            || criteria["email"].is_string() && lower(&row["email"]) != lower(&criteria["email"])
        {
            return Err(("a search returns what matches", format!("{criteria} does not match {row}")));
        }
    }
    Ok(false)
}

fn by_email(
    call: &Call,
    email: &str,
    outcome: &Outcome,
    chains: &HashMap<String, Chain>,
    population: &Population,
) -> Checked {
    match outcome {
        // The index may be late, and an empty address is a missing one.
        Outcome::Refused(given) if is_not_found(given) => Ok(false),
        Outcome::Refused(given) if email.is_empty() && (given == "422" || given == "ValidationFailed") => Ok(false),
        Outcome::Read(contact) => {
            if contact["email"].as_str().map(str::to_lowercase) != Some(email.to_lowercase()) {
                return Err(("a search returns what matches", format!("{email} does not match {contact}")));
            }
            match shown(call, contact, chains, population)? {
                Some(_) => Ok(false),
                None => Err((TRUE_ANSWER, format!("the contact never existed: {contact}"))),
            }
        }
        outcome => Err(("answers have a documented shape", format!("{outcome:?}"))),
    }
}

fn tags(call: &Call, tags: &Value, population: &Population) -> Checked {
    let names = tags.as_array().into_iter().flatten().map(|tag| tag["name"].as_str().unwrap_or_default());
    let foreign = |name: &str| {
        let others = (0..population.customers.len()).filter(|customer| *customer != call.customer);
        others.map(crate::generate::own_tag).any(|tag| tag == name)
    };
    match names.into_iter().find(|name| foreign(name)) {
        None => Ok(false),
        Some(name) => Err((TENANT, format!("the answer contains the tag {name}"))),
    }
}
