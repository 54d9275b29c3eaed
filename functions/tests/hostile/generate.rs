//! Random calls. Each leaves a mark of its own in what it writes, where the kind of call allows it, so that a change of a
//! contact can be attributed to the call that made it.

use contacts::model::Timestamp;
use serde_json::{Map, Value, json};

use super::operation::{Fields, Operation, Target};
use super::population::{Person, Population};

/// Every name begins with this, so that names can be found in logs.
pub const NAME_MARK: &str = "Zz";
pub const TAGS: [&str; 9] = ["vip", "new", "a", "b,c", "fr-FR", "*", "*+", "a#b", "Größe"];
pub const EMAILS: [&str; 4] = ["one@example.com", "Two@example.com", "two@Example.com", "plus+1@example.com"];
const SOURCES: [Option<&str>; 4] = [None, Some("shopify"), Some("widget"), Some("manual")];

/// Texts that many contacts contain.
pub const LIST_QUERIES: [&str; 4] = ["+55", "+1415", "+1", "JOSE"];

/// The first of the ten minutes in which all events occur: events often have the same second.
const SINCE: i64 = 1_777_000_000;

/// A tag that only contacts of this tenant have.
pub fn own_tag(customer: usize) -> String {
    format!("of-tenant-{customer}")
}

/// Makes random calls from a seed.
pub struct Generator(pub fastrand::Rng);

impl Generator {
    /// A call that any event source can deliver, about a person. `mark` is unique.
    pub fn call(&mut self, population: &Population, person: &Person, mark: u64) -> Operation {
        match self.0.u32(..100) {
            0..20 => self.create(person, mark),
            20..25 => {
                let phone = person.spellings[self.0.usize(..2)].clone();
                let phone = if self.0.bool() { phone } else { phone[1..].to_owned() };
                let fields = Fields { metadata: None, ..self.fields(person, mark) };
                Operation::FlowiqCreate { phone, fields: Fields { name: Some(name(mark)), ..fields } }
            }
            25..45 => {
                let fields = self.fields(person, mark);
                Operation::Update { target: self.target(person), fields }
            }
            45..54 => Operation::AddTag { target: self.target(person), tag: self.tag(person) },
            54..62 => Operation::RemoveTag { target: self.target(person), tag: self.tag(person) },
            // Not all persons are deleted: of those who were, most events occurred before.
            62..68 if person.is_deleted => Operation::Delete { target: self.target(person) },
            62..74 => Operation::Get { target: self.target(person) },
            74..77 => Operation::GetByEmail { email: self.email(mark) },
            77..82 => Operation::FlowiqGet { phone: person.spellings[self.0.usize(..2)][1..].to_owned() },
            82..92 => Operation::Search { criteria: self.criteria(person) },
            92..94 => Operation::ListTags,
            94..96 => Operation::Me,
            _ => self.refused(population, person, mark),
        }
    }

    /// An event for one of the functions that take events only: `0` a message, `1` consent, `2` the state of a
    /// conversation.
    pub fn event(&mut self, kind: usize, person: &Person, mark: u64) -> Operation {
        let target = self.target(person);
        // Of a person who may have been deleted, also after that. None is in the future: when such an event is delivered
        // once more after a deletion, it looks like a later one.
        let since = if person.is_deleted && self.0.bool() { Timestamp::now().as_second() - 60 } else { SINCE };
        let seconds = if since == SINCE { 600 } else { 60 };
        let occurred_at = Timestamp::from_second(since + self.0.i64(0..seconds)).unwrap().to_string();
        let source = SOURCES[self.0.usize(..SOURCES.len())];
        match kind {
            0 => Operation::Message { target, message_id: format!("wamid.{mark}"), occurred_at, source },
            1 => {
                let opts_in = self.0.bool();
                Operation::Consent { target, opts_in, occurred_at, method: format!("method {mark}"), source }
            }
            _ => {
                let mut fields = Map::new();
                fields.insert("contact_summary".to_owned(), format!("{NAME_MARK} summary {mark}").into());
                for flag in ["archived", "blocked", "active_status", "has_unread_messages"] {
                    if self.0.bool() {
                        fields.insert(flag.to_owned(), self.0.bool().into());
                    }
                }
                if self.0.bool() {
                    fields.insert("bot_status".to_owned(), ["active", "paused"][self.0.usize(..2)].into());
                }
                if self.0.bool() {
                    fields.insert("locale".to_owned(), ["", "fr", "pt-BR"][self.0.usize(..3)].into());
                }
                Operation::SetState { target, occurred_at, fields }
            }
        }
    }

    /// Creates or changes a contact.
    pub fn create(&mut self, person: &Person, mark: u64) -> Operation {
        let phone = person.spellings[self.0.usize(..person.spellings.len())].clone();
        Operation::Create { phone, fields: Fields { name: Some(name(mark)), ..self.fields(person, mark) } }
    }

    fn target(&mut self, person: &Person) -> Target {
        if self.0.bool() {
            Target::Id(person.contact_id.clone())
        } else {
            Target::Phone(person.spellings[self.0.usize(..person.spellings.len())].clone())
        }
    }

    /// Some fields, of which at least one contains the mark.
    pub fn fields(&mut self, person: &Person, mark: u64) -> Fields {
        let mut fields = Fields::default();
        if self.0.bool() {
            fields.name = Some(name(mark));
        } else {
            fields.metadata = Some(json!({ format!("key{}", mark % 5): format!("value {mark}") }).to_string());
        }
        if self.0.u32(..3) == 0 {
            fields.email = Some(self.email(mark));
        }
        if self.0.u32(..3) == 0 {
            let mut tags: Vec<String> = (0..self.0.usize(..4)).map(|_| self.tag(person)).collect();
            tags.retain(|tag| !tag.contains(','));
            tags.sort();
            tags.dedup();
            self.0.shuffle(&mut tags);
            fields.tags = Some(tags);
        }
        fields
    }

    fn email(&mut self, mark: u64) -> String {
        match self.0.u32(..4) {
            0 => format!("m{mark}@example.com"),
            1 => String::new(),
            _ => EMAILS[self.0.usize(..EMAILS.len())].to_owned(),
        }
    }

    pub fn tag(&mut self, person: &Person) -> String {
        loop {
            match self.0.usize(..TAGS.len() + 1) {
                index if index == TAGS.len() => return own_tag(person.customer),
                index if TAGS[index].contains(',') => {}
                index => return TAGS[index].to_owned(),
            }
        }
    }

    pub fn criteria(&mut self, person: &Person) -> Value {
        match self.0.u32(..7) {
            0 => json!({}),
            1 | 2 => json!({ "tag": self.tag(person) }),
            3 => json!({ "email": EMAILS[self.0.usize(..EMAILS.len())] }),
            4 => json!({ "query": NAME_MARK.to_lowercase() }),
            5 => {
                let query = LIST_QUERIES[self.0.usize(..LIST_QUERIES.len())];
                json!({ "query": query })
            }
            _ => json!({ "query": person.spellings[self.0.usize(..2)] }),
        }
    }

    fn refused(&mut self, population: &Population, person: &Person, mark: u64) -> Operation {
        let customer = &population.customers[person.customer];
        let others = &population.present[(person.customer + 1) % population.present.len()];
        let stranger = &others[self.0.usize(..others.len())].contact_id;
        let (phone, name) = (&person.spellings[0], name(mark));
        let (status, action, token, body) = match self.0.u32(..6) {
            0 => (401, "create-contact", "no-such-secret", json!({ "phone": phone, "name": name })),
            1 => (422, "create-contact", &*population.orphan_token, json!({ "phone": phone, "name": name })),
            2 => (422, "create-contact", &*customer.token, json!({ "phone": "12", "name": name })),
            3 => (404, "update-contact", &*customer.token, json!({ "contact_id": stranger, "name": name })),
            4 => (404, "get-contact", &*customer.token, json!({ "contact_id": stranger })),
            _ => (422, "add-tag", &*customer.token, json!({ "phone": phone, "tag": TAGS[3] })),
        };
        Operation::Refused { status, action, token: token.to_owned(), body }
    }
}

fn name(mark: u64) -> String {
    format!("{NAME_MARK} José {mark}")
}
