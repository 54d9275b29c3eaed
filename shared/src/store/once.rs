//! Calls with an idempotency key. The transaction that changes a contact also records the call's result, so both exist or
//! neither does, wherever a process is killed: there is no lock that could be left behind, and calls with one key that run at
//! the same time meet in the condition that there is no record yet. A repetition reads the record with the contact and
//! returns the recorded result.
//!
//! A result contains what the contact was. It is sealed with a random key that only the contact's item holds, so the deletion
//! of the contact makes it unreadable at once, without a list of records and without another write. A contact that gets
//! another number takes its key along. The record itself stays
//! until it expires, so that a repetition has no effect either when the contact is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure};
use uuid::Uuid;

use super::error::Error;
use super::items;
use super::keys::{self, EXPIRES_AT, ITEM, Item, s};
use super::outcome::{Outcome, Written};
use super::seal::{Key, open, seal};
use super::snapshot::Snapshot;
use super::transaction::unbuilt;
use crate::model::{Contact, ContactId, Metadata, Stored, Tenant, Timestamp};

/// How long a result is repeated, in seconds.
const ANSWER_TTL: i64 = 86_400;

/// The keyed hash of a request's body.
const REQUEST: &str = "request";
/// The random id of the call that has written the record.
const CALL: &str = "call";
/// What the call did: see [`outcome_name`].
const OUTCOME: &str = "outcome";
/// The contact after the call: its attributes, as DynamoDB's JSON, sealed.
const SEALED: &str = "sealed";
/// The tombstone that the call left, and the id of the contact that it has deleted. They contain no personal data.
const LEFT: &str = "left";
const DELETED_ID: &str = "deleted_id";

/// A call that takes effect once, however often it is repeated within 24 h. Its clones are the same call.
#[derive(Debug, Clone)]
pub struct Once {
    call: Uuid,
    request: Uuid,
    /// When the call began. Whether a record has expired is judged at this time, so that it does not expire during the call.
    now: i64,
    expires_at: i64,
    did: Arc<Did>,
}

/// What the calls of a [`Once`] have done so far.
#[derive(Debug, Default)]
struct Did {
    repeat: AtomicBool,
    carry_out: AtomicBool,
}

impl Once {
    /// A call of a function with an idempotency key and a body. `token` is the digest of the caller's token.
    pub fn new(tenant: &Tenant, token: &str, function: &str, key: &str, body: &[u8]) -> Self {
        let (call, request) = tenant.call_ids(token, function, key, body);
        let now = Timestamp::now().as_second();
        Once { call, request, now, expires_at: now + ANSWER_TTL, did: Arc::default() }
    }

    /// Whether the call was a repetition, and nothing but one: all its results are those of an earlier call.
    pub fn was_repeated(&self) -> bool {
        self.did.repeat.load(Ordering::Relaxed) && !self.did.carry_out.load(Ordering::Relaxed)
    }

    fn note(&self, is_repetition: bool) {
        let flag = if is_repetition { &self.did.repeat } else { &self.did.carry_out };
        flag.store(true, Ordering::Relaxed);
    }

    /// The key of the record.
    pub(super) fn key(&self, tenant: &Tenant) -> Item {
        keys::answer(tenant, self.call)
    }

    /// The recorded result, if the call was carried out before: by `call` itself, whose response was lost, or by an earlier
    /// one.
    ///
    /// # Errors
    /// [`Error::KeyReused`], [`Error::AnswerGone`], [`Error::Unreadable`].
    pub(super) fn recall(&self, snapshot: &Snapshot, call: &str) -> Result<Option<Written>, Error> {
        let Some(record) = snapshot.recorded.as_ref().filter(|record| self.is_valid(record)) else { return Ok(None) };
        self.check_request(record)?;
        let (id, new) = match (record.get(LEFT), record.get(SEALED)) {
            (Some(AttributeValue::M(left)), _) => {
                let id = text(record, DELETED_ID).and_then(|id| id.parse::<ContactId>().ok());
                (id.ok_or_else(unreadable)?, Stored::Deleted(items::read(left.clone())?))
            }
            (_, Some(AttributeValue::B(sealed))) => {
                let key = snapshot.answer_key.as_ref().ok_or(Error::AnswerGone)?;
                let opened = open(key, self.call.as_bytes(), sealed.as_ref()).ok_or(Error::AnswerGone)?;
                // The deserializer's message is left out, because it may quote a value.
                let item: serde_dynamo::Item = serde_json::from_slice(&opened).map_err(|_| unreadable())?;
                let contact: Contact = items::read(item)?;
                (contact.id, Stored::Contact(contact))
            }
            _ => return Err(unreadable()),
        };
        let outcome = text(record, OUTCOME).and_then(outcome_of).ok_or_else(unreadable)?;
        self.note(text(record, CALL) != Some(call));
        Ok(Some(Written { id, old: None, new, outcome }))
    }

    /// The put that records a result, on the condition that there is no record or an expired one.
    ///
    /// # Errors
    /// [`Error::Internal`] if the result cannot be sealed.
    pub(super) fn record(
        &self,
        table: &str,
        tenant: &Tenant,
        (id, new, outcome): (ContactId, &Stored, Outcome),
        key: Option<&Key>,
        call: &str,
    ) -> Result<Put, Error> {
        let mut item = self.item(tenant, call);
        item.insert(OUTCOME.to_owned(), s(outcome_name(outcome)));
        match new {
            Stored::Contact(contact) => {
                let key = key.ok_or_else(|| Error::Internal("a contact has no key for results".to_owned()))?;
                // No answer to a write shows the metadata, which can have 64 KB.
                let contact = Contact { metadata: Metadata::default(), ..contact.clone() };
                let contact = serde_json::to_vec(&serde_dynamo::Item::from(items::attributes(&contact)?));
                let contact = contact.map_err(|_| Error::Internal("a result could not be serialized".to_owned()))?;
                let sealed = seal(key, self.call.as_bytes(), contact)?;
                item.insert(SEALED.to_owned(), AttributeValue::B(Blob::new(sealed)));
            }
            Stored::Deleted(tombstone) => {
                item.insert(DELETED_ID.to_owned(), s(id.to_string()));
                item.insert(LEFT.to_owned(), AttributeValue::M(items::attributes(tombstone)?));
            }
        }
        self.put(table, item)
    }

    /// Notes that this call has carried out what it was to do.
    pub(super) fn carried_out(&self) {
        self.note(false);
    }

    /// The put that records the request alone, on the same condition.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub(super) fn record_request(&self, table: &str, tenant: &Tenant, call: &str) -> Result<Put, Error> {
        self.put(table, self.item(tenant, call))
    }

    /// The call whose request `record` is, if it is the same request. It expires when the record does.
    ///
    /// # Errors
    /// [`Error::KeyReused`], [`Error::Unreadable`].
    pub(super) fn continued(&self, record: &Item, call: &str) -> Result<Self, Error> {
        self.check_request(record)?;
        self.note(text(record, CALL) != Some(call));
        Ok(Once { expires_at: expiry(record).ok_or_else(unreadable)?, ..self.clone() })
    }

    /// A call within this one, with a record of its own.
    pub(super) fn part(&self, index: usize) -> Self {
        Once { call: Uuid::new_v5(&self.call, &index.to_be_bytes()), ..self.clone() }
    }

    fn item(&self, tenant: &Tenant, call: &str) -> Item {
        let mut item = self.key(tenant);
        item.insert(EXPIRES_AT.to_owned(), AttributeValue::N(self.expires_at.to_string()));
        item.insert(REQUEST.to_owned(), s(self.request.to_string()));
        item.insert(CALL.to_owned(), s(call));
        item
    }

    fn put(&self, table: &str, item: Item) -> Result<Put, Error> {
        let put = Put::builder().table_name(table).set_item(Some(item));
        let put = put
            .condition_expression("attribute_not_exists(#item) OR #expires_at <= :now")
            .expression_attribute_names("#item", ITEM)
            .expression_attribute_names("#expires_at", EXPIRES_AT)
            .expression_attribute_values(":now", AttributeValue::N(self.now.to_string()));
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        put.build().map_err(unbuilt)
    }

    /// DynamoDB removes expired items within days.
    fn is_valid(&self, record: &Item) -> bool {
        expiry(record).is_some_and(|expires_at| expires_at > self.now)
    }

    fn check_request(&self, record: &Item) -> Result<(), Error> {
        if text(record, REQUEST) == Some(&self.request.to_string()) { Ok(()) } else { Err(Error::KeyReused) }
    }
}

fn text<'a>(record: &'a Item, name: &str) -> Option<&'a str> {
    record.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

fn expiry(record: &Item) -> Option<i64> {
    record.get(EXPIRES_AT).and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok())
}

fn unreadable() -> Error {
    Error::Unreadable("the recorded result of a call could not be read".to_owned())
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::Updated => "updated",
        Outcome::Unchanged => "unchanged",
    }
}

fn outcome_of(name: &str) -> Option<Outcome> {
    [Outcome::Created, Outcome::Updated, Outcome::Unchanged].into_iter().find(|outcome| outcome_name(*outcome) == name)
}
