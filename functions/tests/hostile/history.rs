//! What happened during an epoch: the calls as their callers saw them, and the writes as DynamoDB did.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;

use super::fault_proxy::{Exchange, FaultProxy};
use super::operation::Operation;
use super::state::Image;

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It says that it has created the contact, with this answer.
    Created(Value),
    /// It says that it has changed the contact, with this answer.
    Updated(Value),
    /// It says that there was nothing to change, with this answer.
    Unchanged(Value),
    /// It succeeded and does not say whether it changed anything; with the answer of a direct invocation.
    Done(Option<Value>),
    /// It read this.
    Read(Value),
    /// It was refused with this status or error type: nothing may have changed.
    Refused(String),
    /// It failed, or the caller does not know: it may have been applied once.
    Unknown(String),
}

/// The status of a repeated call whose answer was deleted with the contact.
pub const GONE: &str = "410";

impl Outcome {
    /// Whether it says that the call was applied, or that there was nothing to apply.
    pub fn is_success(&self) -> bool {
        !matches!(self, Outcome::Refused(_) | Outcome::Unknown(_))
    }
}

/// One request of a call with an idempotency key.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub began: Instant,
    pub ended: Instant,
    pub outcome: Outcome,
    /// The version in the answer's `ETag`.
    pub etag: Option<u64>,
    /// The body of the answer.
    pub body: String,
    /// Whether the answer says that it repeats an earlier one. That to a batch says it of all contacts together: `None` if
    /// one of the others may have been carried out.
    pub is_replayed: Option<bool>,
    /// Whether the key was sent with another body than that of the call.
    pub has_other_body: bool,
}

impl Delivery {
    /// Whether it says that the call was applied, or that there was nothing to apply.
    pub fn succeeded(&self) -> bool {
        self.outcome.is_success()
    }
}

/// One call, or one record of a batch, with all its deliveries.
#[derive(Debug, Clone)]
pub struct Call {
    pub id: u64,
    pub source: &'static str,
    pub operation: Operation,
    /// The index of the tenant.
    pub customer: usize,
    /// The contact that the call names, if it names one, by its first id.
    pub contact_id: Option<String>,
    /// The id of the number that the call names, if the contact's number changes.
    pub number_id: Option<String>,
    /// When the first delivery began and the last one ended.
    pub began: Instant,
    pub ended: Instant,
    pub outcome: Outcome,
    /// The version that the call has named in `If-Match`.
    pub if_match: Option<u64>,
    /// The version in the answer's `ETag`.
    pub etag: Option<u64>,
    /// The message group of its FIFO queue, or the contacts of its batch that have one number, and its place among them.
    pub place: Option<(u64, usize)>,
    /// The idempotency key.
    pub key: Option<String>,
    /// All requests with this key, in the order in which they ended. Empty without a key.
    pub deliveries: Vec<Delivery>,
}

impl Call {
    /// Whether the caller knows that the call was applied, or that there was nothing to apply.
    pub fn succeeded(&self) -> bool {
        self.outcome.is_success()
    }

    /// Adds a request with the call's idempotency key, and sets the call's times and outcome to what all of them say
    /// together: it has taken effect, if at all, before the first of them succeeded.
    pub fn deliver(&mut self, delivery: Delivery) {
        self.deliveries.push(delivery);
        let own = || self.deliveries.iter().filter(|delivery| !delivery.has_other_body);
        let succeeded = || own().filter(|delivery| delivery.succeeded());
        let began = own().map(|delivery| delivery.began).min();
        let first_success = succeeded().map(|delivery| delivery.ended).min();
        let ended = first_success.or(own().map(|delivery| delivery.ended).max());
        let original = succeeded().min_by_key(|delivery| (delivery.is_replayed, delivery.ended));
        let unsure = own().find(|delivery| match &delivery.outcome {
            Outcome::Refused(given) => given == GONE,
            outcome => matches!(outcome, Outcome::Unknown(_)),
        });
        let (outcome, etag) = match (original, unsure, own().next_back()) {
            (Some(original), ..) => (original.outcome.clone(), original.etag),
            (None, Some(_), _) => (Outcome::Unknown("no answer to any delivery".to_owned()), None),
            (None, None, Some(last)) => (last.outcome.clone(), None),
            (None, None, None) => return,
        };
        (self.outcome, self.etag) = (outcome, etag);
        (self.began, self.ended) = (began.unwrap_or(self.began), ended.unwrap_or(self.ended));
    }

    /// The call as one of its deliveries saw it.
    pub fn as_delivered(&self, delivery: &Delivery) -> Self {
        let Delivery { began, ended, ref outcome, etag, .. } = *delivery;
        Call { began, ended, outcome: outcome.clone(), etag, ..self.clone() }
    }
}

/// A write of a contact that reached DynamoDB.
#[derive(Debug, Clone)]
pub struct Write {
    pub sent: Instant,
    pub answered: Instant,
    /// Whether DynamoDB has confirmed it. If not, DynamoDB was killed before it answered.
    pub confirmed: bool,
    /// The hashes of the message ids that the same transaction records.
    pub messages: Vec<String>,
    /// The token by which DynamoDB recognises a repeated transaction.
    pub token: Option<String>,
    pub image: Image,
}

/// Collects the writes that pass the proxy. Clones share them.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<Write>>>);

impl Recorder {
    /// Records what this proxy forwards from now on.
    pub fn attach(&self, proxy: &FaultProxy) {
        let recorder = self.clone();
        proxy.observe(move |exchange| recorder.record(&exchange));
    }

    /// The writes so far. Forgets them.
    pub fn take(&self) -> Vec<Write> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn record(&self, exchange: &Exchange) {
        let request = &exchange.request;
        let puts: Vec<&Value> = match exchange.operation.as_str() {
            "PutItem" => vec![request],
            "TransactWriteItems" => {
                request["TransactItems"].as_array().into_iter().flatten().map(|write| &write["Put"]).collect()
            }
            _ => return,
        };
        if exchange.status.is_some_and(|status| !status.is_success()) {
            return;
        }
        let key = |put: &Value| put["Item"]["item"]["S"].as_str().unwrap_or_default().to_owned();
        let message = |put: &&Value| key(put).strip_prefix("event#message#").map(str::to_owned);
        let messages: Vec<String> = puts.iter().filter_map(message).collect();
        for put in puts.iter().filter(|put| key(put).starts_with("contact#")) {
            self.0.lock().unwrap().push(Write {
                sent: exchange.sent,
                answered: exchange.answered,
                confirmed: exchange.status.is_some(),
                messages: messages.clone(),
                token: request["ClientRequestToken"].as_str().map(str::to_owned),
                image: Image::read(&put["Item"]),
            });
        }
    }
}
