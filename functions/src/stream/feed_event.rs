//! What the change feed publishes: change events, and dead letters for what cannot be published.
//!
//! A dead letter is an event too, which a rule of the template sends to the dead-letter queue. It tells an operator
//! where the change is, and why it was not published. It contains no personal data.

use contacts::model::{TenantId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::change_event::ChangeEvent;
use super::records::{EventName, StreamRecord};

/// The detail type of dead letters. A rule in `template.yaml` names it.
const DEAD_LETTER: &str = "stream-record.unpublished";

/// An event for the bus. Its serialized form is the `detail`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum FeedEvent {
    /// A change of a contact.
    Change(Box<ChangeEvent>),
    /// A record, or one event of it, that cannot be published.
    DeadLetter(DeadLetter),
}

/// Why an event cannot be published, however often it is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It cannot be serialized.
    #[error("the event could not be serialized")]
    Serialization,
    /// It is larger than an entry of PutEvents may be.
    #[error("the event is larger than 256 KB")]
    TooLarge,
    /// EventBridge refused it with this error code.
    #[error("EventBridge refused the event")]
    Code(String),
}

/// The detail of a dead letter. Fields that are `None` are omitted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct DeadLetter {
    /// The partition key of the item that changed; `None` if it is not a tenant's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<TenantId>,
    /// The sort key; `None` if it is not a contact's.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<String>,
    /// The position of the record in the stream.
    sequence_number: String,
    /// What happened to the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_name: Option<EventName>,
    /// The approximate time of the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
    /// Why it was not published.
    reason: String,
    /// The change event that was refused; `None` if the whole record could not be read.
    #[serde(flatten)]
    refused: Option<RefusedEvent>,
}

/// A change event that was refused.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct RefusedEvent {
    detail_type: &'static str,
    event_id: Uuid,
    /// EventBridge's error code; `None` if the event was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
}

impl Refusal {
    /// EventBridge's error code.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Refusal::Code(code) => Some(code),
            Refusal::Serialization | Refusal::TooLarge => None,
        }
    }
}

impl DeadLetter {
    /// The dead letter of a record that cannot be turned into events. `reason` is published and logged: it must not
    /// contain personal data.
    pub(super) fn of_record(record: &StreamRecord<'_>, reason: String) -> Self {
        let item = record.item();
        DeadLetter {
            item: item.sort_key(),
            tenant_id: item.tenant_id,
            sequence_number: record.sequence_number.clone(),
            event_name: record.event_name,
            time: item.changed_at,
            reason,
            refused: None,
        }
    }

    /// The dead letter of a change event of a record.
    pub(super) fn of_event(record: &StreamRecord<'_>, event: &ChangeEvent, refusal: &Refusal) -> Self {
        let refused = RefusedEvent {
            detail_type: event.kind.detail_type(),
            event_id: event.event_id,
            error_code: refusal.code().map(str::to_owned),
        };
        DeadLetter { refused: Some(refused), ..DeadLetter::of_record(record, refusal.to_string()) }
    }

    /// Logs that the record, or one event of it, is not published.
    pub(super) fn log(&self) {
        let refused = self.refused.as_ref();
        tracing::error!(
            record_id = self.sequence_number,
            tenant_id = self.tenant_id.map(tracing::field::display),
            item = self.item,
            reason = self.reason,
            detail_type = refused.map(|event| event.detail_type),
            event_id = refused.map(|event| tracing::field::display(event.event_id)),
            error_code = refused.and_then(|event| event.error_code.as_deref()),
            "a change cannot be published and is sent to the dead-letter queue"
        );
    }
}

impl FeedEvent {
    /// The detail type.
    pub(super) fn detail_type(&self) -> &'static str {
        match self {
            FeedEvent::Change(event) => event.kind.detail_type(),
            FeedEvent::DeadLetter(_) => DEAD_LETTER,
        }
    }

    /// When the contact changed, if it is known.
    pub(super) fn time(&self) -> Option<Timestamp> {
        match self {
            FeedEvent::Change(event) => Some(event.time),
            FeedEvent::DeadLetter(letter) => letter.time,
        }
    }
}
