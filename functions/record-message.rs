//! Event `record-message`: a message has gone from or to a contact.
//!
//! | field | | |
//! |---|---|---|
//! | `phone` | one of the two | international format, any spelling; makes a contact where there is none |
//! | `contact_id` | one of the two | UUID of a contact; decides when both are given |
//! | `message_id` | required | what the message is known by; it counts once, however often it comes within a month |
//! | `direction` | required | `in` or `out`; both count |
//! | `at` | required | when it was: RFC 3339, or seconds since 1970 |
//! | `source` | | where a contact that is made came from; `api` when left out |
//!
//! Counts the message, and moves `last_message_at` forward, never back. Messages of one contact that
//! come in one event are one write.

use std::collections::HashSet;
use std::str::FromStr;

use contacts::access::Tenant;
use contacts::contact::{Contact, ContactId, EventId, EventTime, Flaw, Phone, Source};
use contacts::table::Table;
use contacts::time::Timestamp;
use contacts::{Action, Answer, Error, Fields, Flawed, Who};
use serde::Serialize;

struct RecordMessage {
    who: Who,
    message_id: EventId,
    at: EventTime,
    source: Option<Source>,
}

/// Which way it went. Qyvo counts both alike.
enum Direction {
    In,
    Out,
}

#[derive(Serialize)]
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
        let who = fields.who();
        let message_id = fields.required("message_id");
        let direction = fields.required("direction");
        let at = fields.required("at");
        let source = fields.optional("source");
        let (Direction::In | Direction::Out) = direction?;
        Ok(RecordMessage { who: who?, message_id: message_id?, at: at?, source: source? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Recorded>, Error> {
        Self::run_together(vec![self], table, tenant).await
    }

    fn together_about(&self, tenant: &Tenant) -> Option<ContactId> {
        self.who.id(tenant).ok()
    }

    async fn run_together(messages: Vec<Self>, table: &Table, tenant: &Tenant) -> Result<Answer<Recorded>, Error> {
        let mut recorded = Err(Error::NotFound);
        for messages in messages.chunks(Table::EVENTS) {
            recorded = record(messages, table, tenant).await;
            if recorded.is_err() {
                break;
            }
        }
        recorded.map(Answer::found)
    }
}

/// Records messages of one contact, in one write.
async fn record(messages: &[RecordMessage], table: &Table, tenant: &Tenant) -> Result<Recorded, Error> {
    let id = messages.first().ok_or(Error::NotFound)?.who.id(tenant)?;
    let ids: Vec<EventId> = messages.iter().map(|message| message.message_id.clone()).collect();
    let (contact, _) = table
        .apply(tenant, id, "message", &ids, |stored, counted| {
            // A message that counted once makes nobody again who has been removed since.
            let mut new = messages.iter().filter(|message| !counted.contains(&message.message_id));
            let sender = || new.find_map(|message| message.sender(id));
            let mut contact = stored.or_else(sender).ok_or(Error::NotFound)?;
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

impl RecordMessage {
    /// Who sent it, where there is no contact yet and the number is known.
    fn sender(&self, id: ContactId) -> Option<Contact> {
        let source = self.source.unwrap_or(Source::Api);
        self.who.new_phone().map(|phone| Contact::new(id, phone.clone(), source, Timestamp::now()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<RecordMessage>().await
}
