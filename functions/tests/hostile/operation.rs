//! What one call does to a contact: the model that the stored states are held against. It is written from the
//! documentation and shares no code with the functions.

use serde_json::{Map, Value, json};

use super::request::{and, by, with};
use super::state::{State, metadata};

/// How a call refers to its contact.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Id(String),
    Phone(String),
}

/// The fields of a contact that an API client writes. `None` keeps the stored value, an empty text clears it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields {
    pub name: Option<String>,
    pub email: Option<String>,
    /// Without repetitions.
    pub tags: Option<Vec<String>>,
    /// The JSON text of an object.
    pub metadata: Option<String>,
}

/// One call, or one record of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    Create {
        phone: String,
        fields: Fields,
    },
    FlowiqCreate {
        phone: String,
        fields: Fields,
    },
    Update {
        target: Target,
        fields: Fields,
    },
    /// Gives the contact with this id, or that had it before, another number. Another contact may have it.
    ChangePhone {
        id: String,
        phone: String,
        is_taken: bool,
        fields: Fields,
    },
    AddTag {
        target: Target,
        tag: String,
    },
    RemoveTag {
        target: Target,
        tag: String,
    },
    Message {
        target: Target,
        message_id: String,
        occurred_at: String,
        source: Option<&'static str>,
    },
    Consent {
        target: Target,
        opts_in: bool,
        occurred_at: String,
        method: String,
        source: Option<&'static str>,
    },
    SetState {
        target: Target,
        occurred_at: String,
        fields: Map<String, Value>,
    },
    Delete {
        target: Target,
    },
    Get {
        target: Target,
    },
    GetByEmail {
        email: String,
    },
    FlowiqGet {
        phone: String,
    },
    Search {
        criteria: Value,
    },
    ListTags,
    Me,
    /// All pages of a list, each of at most so many rows.
    Pages {
        function: &'static str,
        criteria: Value,
        limit: usize,
    },
    /// Several contacts. To the judge each is a call of its own, so this is a request only.
    Batch {
        contacts: Vec<Value>,
    },
    /// A call that has to be refused with this status and must not change anything: an action, a token and a body.
    Refused {
        status: u16,
        action: &'static str,
        token: String,
        body: Value,
    },
}

impl Operation {
    /// The function that executes it.
    pub fn function(&self) -> &'static str {
        match self {
            Operation::Create { .. } => "create-contact",
            Operation::FlowiqCreate { .. } => "flowiq-create-contact",
            Operation::Update { .. } => "update-contact",
            Operation::ChangePhone { .. } => "mcp",
            Operation::AddTag { .. } => "add-tag",
            Operation::RemoveTag { .. } => "remove-tag",
            Operation::Message { .. } => "record-message",
            Operation::Consent { .. } => "record-consent",
            Operation::SetState { .. } => "set-contact-state",
            Operation::Delete { .. } => "delete-contact",
            Operation::Get { .. } | Operation::GetByEmail { .. } => "get-contact",
            Operation::FlowiqGet { .. } => "flowiq-get-contact",
            Operation::Search { .. } => "search-contacts",
            Operation::ListTags => "list-tags",
            Operation::Me => "me",
            Operation::Batch { .. } => "batch-upsert-contacts",
            Operation::Pages { function, .. } => function,
            Operation::Refused { action, .. } => action,
        }
    }

    /// Whether it may change the contact that it is about.
    pub fn writes(&self) -> bool {
        !matches!(
            self,
            Operation::Get { .. }
                | Operation::GetByEmail { .. }
                | Operation::FlowiqGet { .. }
                | Operation::Search { .. }
                | Operation::ListTags
                | Operation::Me
                | Operation::Pages { .. }
                | Operation::Batch { .. }
                | Operation::Refused { .. }
        )
    }

    /// The input, as a body or in an envelope.
    pub fn input(&self) -> Value {
        match self {
            Operation::Create { phone, fields } => with(json!({ "phone": phone }), fields),
            Operation::FlowiqCreate { phone, fields } => with(json!({ "phone_number": phone }), fields),
            Operation::Update { target, fields } => with(by(target), fields),
            Operation::ChangePhone { id, phone, fields, .. } => {
                let arguments = with(json!({ "id": id, "phone": phone }), fields);
                let params = json!({ "name": "update_contact", "arguments": arguments });
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
            }
            Operation::AddTag { target, tag } | Operation::RemoveTag { target, tag } => {
                and(by(target), json!({ "tag": tag }))
            }
            Operation::Message { target, message_id, occurred_at, source } => {
                let fields = json!({ "message_id": message_id, "direction": "in", "occurred_at": occurred_at, "source": source });
                and(by(target), fields)
            }
            Operation::Consent { target, opts_in, occurred_at, method, source } => {
                let consent = if *opts_in { "opt_in" } else { "opt_out" };
                let fields =
                    json!({ "consent": consent, "occurred_at": occurred_at, "method": method, "source": source });
                and(by(target), fields)
            }
            Operation::SetState { target, occurred_at, fields } => {
                and(and(by(target), json!({ "occurred_at": occurred_at })), Value::Object(fields.clone()))
            }
            Operation::Delete { target } | Operation::Get { target } => by(target),
            Operation::GetByEmail { email } => json!({ "email": email }),
            Operation::Search { criteria } => criteria.clone(),
            Operation::Pages { criteria, limit, .. } => and(criteria.clone(), json!({ "limit": limit })),
            Operation::Batch { contacts } => json!({ "contacts": contacts }),
            Operation::Refused { body, .. } => body.clone(),
            Operation::FlowiqGet { phone } => json!({ "phone_number": phone }),
            Operation::ListTags | Operation::Me => json!({}),
        }
    }

    /// Whether it is an event about a deleted contact, which does not create the contact again.
    pub fn is_outdated(&self, stored: Option<&State>) -> bool {
        let Some(stored) = stored else { return false };
        match self {
            Operation::Consent { opts_in: false, .. } if !stored.is_contact() => true,
            Operation::Message { occurred_at, .. }
            | Operation::Consent { occurred_at, .. }
            | Operation::SetState { occurred_at, .. } => stored.is_deleted_since(occurred_at),
            _ => false,
        }
    }

    /// The contact or tombstone after the operation. `None` if it does not apply: the contact has to exist and does not, or
    /// the reverse. The times at which contacts are created, updated and deleted are not part of the model.
    pub fn apply(&self, stored: Option<&State>) -> Option<State> {
        let tombstone = stored.filter(|state| !state.is_contact());
        if self.is_outdated(stored) {
            let mut state = stored?.clone();
            match self {
                // The person does not want to be written to, whether or not the contact still existed.
                Operation::Consent { opts_in: false, occurred_at, .. } if tombstone.is_some() => {
                    state.opted_out_at = state.opted_out_at.max(Some(occurred_at.clone()));
                }
                // Unless the tombstone has remembered it.
                Operation::Consent { opts_in: false, occurred_at, method, .. }
                    if state.opted_out_at.as_ref() < Some(occurred_at) =>
                {
                    consent(&mut state, false, occurred_at, method);
                }
                _ if tombstone.is_some() => return None,
                _ => {}
            }
            return Some(state);
        }
        let stored = stored.filter(|state| state.is_contact());
        let new = |phone: &str, source: &str| new(phone, source, tombstone);
        let existing = || stored.cloned();
        let or_new = |target: &Target, source: Option<&str>| match (stored, target) {
            (Some(state), _) => Some(state.clone()),
            (None, Target::Phone(phone)) => Some(new(phone, source.unwrap_or("api"))),
            (None, Target::Id(_)) => None,
        };
        match self {
            Operation::Create { phone, fields } => {
                let mut state = existing().unwrap_or_else(|| new(phone, "api"));
                set_fields(&mut state, fields);
                if let Some(given) = &fields.metadata {
                    state.metadata = metadata(given);
                }
                Some(state)
            }
            Operation::FlowiqCreate { phone, fields } if stored.is_none() => {
                let mut state = new(phone, "api");
                set_fields(&mut state, fields);
                Some(state)
            }
            Operation::Update { fields, .. } => {
                let mut state = existing()?;
                set_fields(&mut state, fields);
                merge_metadata(&mut state, fields);
                Some(state)
            }
            Operation::ChangePhone { is_taken: true, .. } => None,
            Operation::ChangePhone { phone, fields, .. } => {
                let mut state = existing()?;
                state.phone = new(phone, "api").phone;
                set_fields(&mut state, fields);
                merge_metadata(&mut state, fields);
                Some(state)
            }
            Operation::AddTag { tag, .. } => {
                let mut state = existing()?;
                if !state.tags.contains(tag) {
                    state.tags.push(tag.clone());
                }
                Some(state)
            }
            Operation::RemoveTag { tag, .. } => {
                let mut state = existing()?;
                state.tags.retain(|stored| stored != tag);
                Some(state)
            }
            Operation::Delete { .. } => {
                let opted_out_at = existing()?.opted_out_at;
                Some(State { deleted_at: Some(String::new()), opted_out_at, ..State::default() })
            }
            Operation::Message { target, occurred_at, source, .. } => {
                let mut state = or_new(target, *source)?;
                state.total_messages += 1;
                state.last_message_at = state.last_message_at.max(Some(occurred_at.clone()));
                Some(state)
            }
            // The contact has the opt-out from its predecessor's tombstone, which keeps no method.
            Operation::Consent { opts_in: false, occurred_at, .. }
                if stored.is_some_and(|state| {
                    state.predecessor_deleted_at.is_some()
                        && state.consent_method.is_none()
                        && state.opted_out_at.as_ref() == Some(occurred_at)
                }) =>
            {
                existing()
            }
            Operation::Consent { target, opts_in, occurred_at, method, source } => {
                let mut state = or_new(target, *source)?;
                consent(&mut state, *opts_in, occurred_at, method);
                Some(state)
            }
            Operation::SetState { occurred_at, fields, .. } => {
                let mut state = existing()?;
                for (field, value) in fields {
                    set_conversation(&mut state, field, value, occurred_at);
                }
                Some(state)
            }
            _ => None,
        }
    }
}

/// The state of a contact of which only the number is known, and what the tombstone of an earlier one remembers.
fn new(phone: &str, source: &str, tombstone: Option<&State>) -> State {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let digits = if phone.starts_with("00") { &digits[2..] } else { &digits };
    State {
        phone: format!("+{digits}"),
        source: source.to_owned(),
        opted_out_at: tombstone.and_then(|tombstone| tombstone.opted_out_at.clone()),
        predecessor_deleted_at: tombstone.and_then(|tombstone| tombstone.deleted_at.clone()),
        ..State::default()
    }
}

fn merge_metadata(state: &mut State, fields: &Fields) {
    for (key, value) in fields.metadata.as_deref().map(metadata).unwrap_or_default() {
        match state.metadata.iter_mut().find(|(known, _)| *known == key) {
            Some((_, stored)) => *stored = value,
            None => state.metadata.push((key, value)),
        }
    }
}

fn set_fields(state: &mut State, fields: &Fields) {
    let cleared = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    if let Some(name) = &fields.name {
        state.name = cleared(name);
    }
    if let Some(email) = &fields.email {
        state.email = cleared(email);
    }
    if let Some(tags) = &fields.tags {
        state.tags.clone_from(tags);
    }
}

/// The statement with the latest time wins; of two in the same second the opt-out, and of two equal ones the greater
/// method.
fn consent(state: &mut State, opts_in: bool, occurred_at: &str, method: &str) {
    let before = state.opted_in_at.clone().max(state.opted_out_at.clone());
    let was_out = state.opted_out_at.is_some() && state.opted_out_at == before;
    let given = (Some(occurred_at.to_owned()), !opts_in, Some(method.to_owned()));
    if given > (before, was_out, state.consent_method.clone()) {
        state.consent_method = Some(method.to_owned());
    }
    let field = if opts_in { &mut state.opted_in_at } else { &mut state.opted_out_at };
    *field = field.clone().max(Some(occurred_at.to_owned()));
    if state.opted_out_at < state.opted_in_at {
        state.opted_out_at = None;
    }
}

/// The value with the latest time wins; of two in the same second the greater one.
fn set_conversation(state: &mut State, field: &str, given: &Value, occurred_at: &str) {
    let field = if field == "contact_summary" { "summary" } else { field };
    let given = if given == "" { Value::Null } else { given.clone() };
    let stored = if field == "locale" { state.locale.clone().into() } else { state.conversation(field) };
    let rank = |value: &Value| (value.as_bool(), value.as_str().map(str::to_owned));
    let wins = match state.event_times.get(field) {
        Some(before) if before == occurred_at => rank(&given) > rank(&stored),
        Some(before) => before.as_str() < occurred_at,
        None => true,
    };
    if !wins {
        return;
    }
    state.event_times.insert(field.to_owned(), occurred_at.to_owned());
    if field == "locale" {
        state.locale = given.as_str().map(str::to_owned);
        return;
    }
    if field == "summary" {
        state.conversation.insert("summary_updated_at".to_owned(), occurred_at.into());
    }
    let default = State::default().conversation(field);
    match given == default {
        true => drop(state.conversation.remove(field)),
        false => drop(state.conversation.insert(field.to_owned(), given)),
    }
}
