//! Event `record-message`: a message has gone from or to a contact.
//!
//! | field | | |
//! |---|---|---|
//! | `phone` | one of the two | international format, any spelling; makes a contact where there is none |
//! | `contact_id` | one of the two | UUID of a contact; decides when both are given |
//! | `message_id` | required | what the message is known by; it counts once, however often it comes |
//! | `direction` | required | `in` or `out`; both count |
//! | `at` | required | when it was: RFC 3339, or seconds since 1970 |
//! | `source` | | where a contact that is made came from; `api` when left out |
//!
//! Counts the message, and moves `last_message_at` forward, never back. Messages of one contact that
//! come in one event are one write.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use contacts::access::Tenant;
use contacts::contact::{Contact, ContactId, EventId, EventTime, Flaw, Phone, Source};
use contacts::table::Table;
use contacts::time::Timestamp;
use contacts::{Action, Answer, Error, Fields, Flawed};
use serde::Serialize;

struct RecordMessage {
    contact_id: Option<ContactId>,
    phone: Option<Phone>,
    message_id: EventId,
    at: EventTime,
    source: Option<Source>,
}

/// Which way it went. Qyvo counts both alike.
enum Direction {
    In,
    Out,
}

#[derive(Clone, Serialize)]
struct Recorded {
    id: ContactId,
    phone: Phone,
    last_message_at: Option<Timestamp>,
    total_messages: u64,
}

impl FromStr for Direction {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        match text {
            "in" => Ok(Direction::In),
            "out" => Ok(Direction::Out),
            _ => Err(Flaw::NotOneOf(&["in", "out"])),
        }
    }
}

impl Action for RecordMessage {
    const NAME: &'static str = "record-message";
    const CHANGES: bool = true;
    type Answer = Recorded;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let contact_id = fields.optional("contact_id");
        let phone = fields.optional("phone");
        let message_id = fields.required("message_id");
        let direction = fields.required("direction");
        let at = fields.required("at");
        let source = fields.optional("source");
        let (Direction::In | Direction::Out) = direction?;
        Ok(RecordMessage { contact_id: contact_id?, phone: phone?, message_id: message_id?, at: at?, source: source? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Recorded>, Error> {
        let id = self.contact(tenant)?;
        record(&[&self], id, table, tenant).await.map(Answer::found)
    }

    async fn run_all(
        messages: Vec<Self>,
        table: &Table,
        tenant: &Tenant,
        // A message says when it was: the order they come in makes no difference.
        _in_order: bool,
    ) -> Vec<Result<Answer<Recorded>, Error>> {
        let mut results = BTreeMap::new();
        let mut places: BTreeMap<ContactId, Vec<usize>> = BTreeMap::new();
        for (place, message) in messages.iter().enumerate() {
            match message.contact(tenant) {
                Ok(id) => places.entry(id).or_default().push(place),
                Err(error) => drop(results.insert(place, Err(error))),
            }
        }
        for (id, places) in places {
            for places in places.chunks(Table::EVENTS) {
                let together: Vec<&Self> = places.iter().map(|place| &messages[*place]).collect();
                let recorded = record(&together, id, table, tenant).await;
                for place in places {
                    let result = recorded.as_ref().map(|recorded| Answer::found(recorded.clone()));
                    results.insert(*place, result.map_err(Error::again));
                }
            }
        }
        results.into_values().collect()
    }
}

impl RecordMessage {
    /// The contact it is about, whether there is one or not.
    fn contact(&self, tenant: &Tenant) -> Result<ContactId, Error> {
        match (self.contact_id, &self.phone) {
            (Some(id), _) => Ok(id),
            (None, Some(phone)) => Ok(tenant.contact_id(phone)),
            (None, None) => Err(Error::Rule("Neither contact_id nor phone provided")),
        }
    }

    /// The contact, where there is none yet and the sender's number is known.
    fn sender(&self, id: ContactId) -> Option<Contact> {
        match (self.contact_id, &self.phone) {
            (None, Some(phone)) => {
                Some(Contact::new(id, phone.clone(), self.source.unwrap_or(Source::Api), Timestamp::now()))
            }
            _ => None,
        }
    }
}

/// Records messages of one contact.
async fn record(messages: &[&RecordMessage], id: ContactId, table: &Table, tenant: &Tenant) -> Result<Recorded, Error> {
    let ids: Vec<EventId> = messages.iter().map(|message| message.message_id.clone()).collect();
    let (contact, _) = table
        .apply(tenant, id, "message", &ids, |stored, counted| {
            let made = || messages.iter().find_map(|message| message.sender(id));
            let mut contact = stored.or_else(made).ok_or(Error::NotFound)?;
            let mut counted: HashSet<&EventId> = counted.iter().collect();
            for message in messages.iter().filter(|message| counted.insert(&message.message_id)) {
                contact.total_messages += 1;
                contact.last_message_at = contact.last_message_at.max(Some(message.at.0));
            }
            Ok(contact)
        })
        .await?;
    Ok(Recorded {
        id: contact.id,
        phone: contact.phone,
        last_message_at: contact.last_message_at,
        total_messages: contact.total_messages,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<RecordMessage>().await
}
