//! Records that a message was sent to or received from a contact.
//!
//! Event: `{"tenant_id":"<UUID>","input":{…}}` by direct invocation, SQS or EventBridge. There is no HTTP
//! route, and the rate limit does not apply.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `phone` | this or `contact_id` | phone number: `+` or `00`, country code, 7–15 digits in all; spaces and `-.()/` are ignored; creates the contact if it does not exist |
//! | `contact_id` | this or `phone` | UUID of an existing contact; takes precedence if both are given |
//! | `message_id` | yes | id of the message, at most 255 bytes, unique within the tenant |
//! | `direction` | yes | `in` or `out`; both are counted |
//! | `occurred_at` | yes | string: RFC 3339 time or whole seconds since 1970 (`"1778141663"`), at most 5 minutes in the future |
//! | `source` | | source of a contact that is created: `manual`, `csv_import`, `shopify`, `woocommerce`, `widget`, `zapier` or `api` (default) |
//!
//! # Answer
//! A direct invocation returns the JSON below, SQS gets a partial batch response, EventBridge `null`.
//! ```json
//! {"id":"d6f0d85e-…","phone":"+5511987654321","last_message_at":"2026-05-07T08:14:23+00:00","total_messages":17}
//! ```
//!
//! # Errors
//! | error type | when |
//! |---|---|
//! | `ValidationFailed` | the input is invalid; the message is JSON with `message` and, for invalid fields, `errors` |
//! | `ContactNotFound` | `contact_id` names no contact of the tenant; or the message occurred before its contact was deleted, or was counted before: from SQS and EventBridge this counts as done |
//! | `UnknownTenant` | `tenant_id` is not a UUID, or the tenant does not exist or is being deleted |
//! | `UnknownEvent` | the event is not JSON, or `tenant_id` or `input` is missing |
//! | `Conflict`, `Throttled`, `Unavailable`, `TimedOut` | temporary; a retry can succeed. After any of them the write may have been applied |
//! | `InternalError` | an unexpected error, which is logged |
//!
//! SQS redelivers every failed record, whatever its error, until it moves to the dead-letter queue; in a FIFO
//! message group the later records fail with it. An EventBridge event is retried twice. A direct caller
//! retries itself.
//!
//! # Guarantees
//! Idempotent: a `message_id` is counted once within 31 days, however often it is delivered.
//! `last_message_at` never moves back. Messages of one contact in one SQS batch are one write (at most
//! 49; in a FIFO message group only adjacent ones). Of the `message_id`, which can contain a phone number, only a keyed
//! hash is stored. A message that occurred before its contact was deleted, or in the same second, changes nothing: it
//! neither creates the contact again nor is it counted in a contact that was created since. After a change of the number,
//! a message by the old number is counted in the moved contact if it occurred before, or in the same second, and creates a
//! contact otherwise; messages of a batch are then written one by one.
//!
//! # Cost
//! 1 BatchGetItem (3 read units, 2 more per further message) and 1 TransactWriteItems (6 write units for a contact
//! without tags, 4 more per tag, 2 more per further message in the same write); the read alone for a redelivery.
//! On a tenant-cache miss (60 s) one more GetItem.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use contacts::model::{
    Contact, ContactId, ContactKey, EventId, EventTime, Phone, Source, Stored, Tenant, Timestamp, Violation,
};
use contacts::store::ContactsTable;
use functions::{Action, BatchAction, Call, ContactRef, Error, Input, Invalid, Reply};
use serde::Serialize;

struct RecordMessage {
    contact: ContactRef,
    message_id: EventId,
    occurred_at: EventTime,
    source: Option<Source>,
}

/// The direction of a message. It is only validated: both directions are counted alike.
enum Direction {
    In,
    Out,
}

#[derive(Serialize)]
struct Answer {
    id: ContactId,
    phone: Phone,
    last_message_at: Option<Timestamp>,
    total_messages: u64,
}

impl FromStr for Direction {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match text {
            "in" => Ok(Direction::In),
            "out" => Ok(Direction::Out),
            _ => Err(Violation::NotOneOf(&["in", "out"])),
        }
    }
}

impl Action for RecordMessage {
    const NAME: &'static str = "record-message";
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let contact = ContactRef::parse(input);
        let message_id = input.required("message_id");
        let direction = input.required("direction");
        let occurred_at = input.required("occurred_at");
        let source = input.optional("source");
        let (Direction::In | Direction::Out) = direction?;
        Ok(RecordMessage { contact: contact?, message_id: message_id?, occurred_at: occurred_at?, source: source? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let contact = record(&[self], table, call).await?;
        let contact = contact.ok_or_else(|| Error::Internal("one message is about two contacts".to_owned()))?;
        let answer = Answer {
            id: contact.id,
            phone: contact.phone,
            last_message_at: contact.last_message_at,
            total_messages: contact.total_messages,
        };
        Ok(Reply::read(answer).with_version(contact.version))
    }
}

impl BatchAction for RecordMessage {
    fn batch_key(&self, tenant: &Tenant) -> Option<ContactId> {
        self.contact.id(tenant).ok().map(ContactKey::id)
    }

    async fn run_batch(messages: Vec<Self>, table: &ContactsTable, call: &Call) -> Vec<Result<(), Error>> {
        let mut results: Vec<Result<(), Error>> = Vec::with_capacity(messages.len());
        let mut at_once = ContactsTable::MAX_EVENTS;
        while results.len() < messages.len() {
            let rest = &messages[results.len()..];
            let chunk = &rest[..rest.len().min(at_once)];
            let recorded = results.len() + chunk.len();
            match record(chunk, table, call).await {
                Ok(Some(_)) => results.resize(recorded, Ok(())),
                // Each message decides for itself who had the number when it occurred.
                Ok(None) => at_once = 1,
                Err(Error::Deleted) => results.resize(recorded, Err(Error::Deleted)),
                // The messages after a failed write are not tried and fail with it.
                Err(error) => results.resize(messages.len(), Err(error)),
            }
        }
        results
    }
}

/// Records messages of one contact in one write. `None` if there are several and the contact has another number now.
async fn record(messages: &[RecordMessage], table: &ContactsTable, call: &Call) -> Result<Option<Contact>, Error> {
    let first = messages.first().ok_or_else(|| Error::Internal("a batch without messages".to_owned()))?;
    let is_several = messages.len() > 1;
    let key = first.contact.id(&call.tenant)?.at(first.occurred_at.0);
    let (id, key) = (key.id(), if is_several { ContactKey::Number(key.id()) } else { key });
    let ids: Vec<EventId> = messages.iter().map(|message| message.message_id.clone()).collect();
    let has_moved = AtomicBool::new(false);
    let applied = table.apply(&call.tenant, key, "message", &ids, |stored, applied_before| {
        if is_several && matches!(&stored, Some(Stored::Deleted(left)) if left.moved_to.is_some()) {
            has_moved.store(true, Ordering::Relaxed);
            return Err(Error::Deleted);
        }
        let is_outdated = |message: &RecordMessage| {
            let deleted_since = |stored: &Stored| stored.is_deleted_since(message.occurred_at.0);
            applied_before.contains(&message.message_id) || stored.as_ref().is_some_and(deleted_since)
        };
        let new: Vec<&RecordMessage> = messages.iter().filter(|message| !is_outdated(message)).collect();
        if new.is_empty() && matches!(stored, Some(Stored::Deleted(_))) {
            return Err(Error::Deleted);
        }
        let new_contact = || new.iter().find_map(|message| message.new_contact(id));
        let contact = stored.and_then(Stored::into_contact).or_else(new_contact);
        let mut contact = contact.ok_or(Error::NotFound { digits: None })?;
        let mut counted: HashSet<&EventId> = HashSet::new();
        for message in new.into_iter().filter(|message| counted.insert(&message.message_id)) {
            contact.total_messages += 1;
            contact.last_message_at = contact.last_message_at.max(Some(message.occurred_at.0));
        }
        Ok::<_, Error>(Stored::Contact(contact))
    });
    match applied.await {
        Err(_) if has_moved.load(Ordering::Relaxed) => Ok(None),
        applied => applied?.0.into_contact().map(Some).ok_or(Error::NotFound { digits: None }),
    }
}

impl RecordMessage {
    /// The contact to create if it does not exist; `None` if the event refers to it by id.
    fn new_contact(&self, id: ContactId) -> Option<Contact> {
        let source = self.source.unwrap_or(Source::Api);
        self.contact.phone_to_create().map(|phone| Contact::new(id, phone.clone(), source, Timestamp::now()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_batches::<RecordMessage>().await
}
