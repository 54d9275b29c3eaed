//! The change feed: publishes the changes of contacts on EventBridge.
//!
//! Events are sent in stream order, at least once. An entry that EventBridge refuses is sent again after
//! later ones, so consumers order the changes of a contact by `version`. Event ids are stable, so a redelivered
//! event can be recognised.
//!
//! Only a failure that can pass is retried:
//!
//! | failure | the record |
//! |---|---|
//! | EventBridge or DynamoDB throttles, fails or cannot be reached; the time limit | is named in the partial batch response, and Lambda redelivers it with all later records |
//! | EventBridge refuses an event for good | the event is published without the contact and the tags; if it had none, or is refused again, a dead letter is published instead |
//! | the record, or its tenant's item, cannot be read | a dead letter is published instead |
//!
//! A record is done once each of its events, or what is published instead, is on the bus. A record that fails for
//! good therefore does not delay the later records of its shard, and no record is lost while the bus is unavailable.

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use contacts::access::{self, Access};
use contacts::model::Tenant;
use contacts::store;
use lambda_http::Context;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::change_event::change_events;
use super::event_bus::{Delivery, EventBus};
use super::feed_event::{DeadLetter, FeedEvent, Refusal};
use super::records::{self, StreamRecord};
use crate::config::EventDetail;
use crate::deadline::time_left;
use crate::events::{EventError, InvocationError, logged};
use crate::json::to_raw;

/// Pending events are published once there are this many, because they may be large and are held in memory.
const MAX_PENDING: usize = 50;

/// What the change feed works with.
pub(crate) struct ChangeFeed {
    pub(crate) access: Access,
    pub(crate) bus: EventBus,
    pub(crate) detail: EventDetail,
}

/// Publishes the changes in a stream event.
pub(crate) async fn publish(
    name: &str,
    feed: &ChangeFeed,
    event: &str,
    context: &Context,
) -> Result<Box<RawValue>, InvocationError> {
    let publisher = Publisher { feed, deadline: Instant::now() + time_left(context) };
    let answer = async {
        let mut response = DynamoDbEventResponse::default();
        if let Some(sequence_number) = publisher.publish(event).await? {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(sequence_number);
            response.batch_item_failures.push(failure);
        }
        Ok(to_raw(&response)?)
    };
    logged(name, &feed.access, context, answer).await
}

struct Publisher<'a> {
    feed: &'a ChangeFeed,
    /// The time limit of the invocation.
    deadline: Instant,
}

/// Events that are not published yet.
#[derive(Default)]
struct Pending<'a> {
    records: Vec<StreamRecord<'a>>,
    /// Events of these records, with the indexes of their records.
    events: Vec<(usize, FeedEvent)>,
}

impl Publisher<'_> {
    /// Publishes the records and returns the sequence number of the first one that failed, if any.
    async fn publish(&self, event: &str) -> Result<Option<String>, EventError> {
        let mut pending = Pending::default();
        for record in records::parse(event)? {
            let events = match self.events(&record).await {
                Ok(events) => events,
                Err(error) => {
                    error.log_record(&record.sequence_number);
                    return Ok(self.flush(pending).await.or(Some(record.sequence_number)));
                }
            };
            pending.events.extend(events.into_iter().map(|event| (pending.records.len(), event)));
            pending.records.push(record);
            if pending.events.len() >= MAX_PENDING {
                let failed = self.flush(std::mem::take(&mut pending)).await;
                if failed.is_some() {
                    return Ok(failed);
                }
            }
        }
        Ok(self.flush(pending).await)
    }

    /// Publishes the pending events, or what has to be published instead. Returns the first record that is not done.
    async fn flush(&self, pending: Pending<'_>) -> Option<String> {
        let Pending { records, mut events } = pending;
        let mut failed: Option<usize> = None;
        while !events.is_empty() {
            let (of_records, published): (Vec<usize>, Vec<FeedEvent>) = events.into_iter().unzip();
            let deliveries = self.feed.bus.publish(&published, self.deadline).await;
            events = Vec::new();
            for ((record, event), delivery) in of_records.into_iter().zip(published).zip(deliveries) {
                let instead = match delivery {
                    Delivery::Published => continue,
                    // Lambda redelivers the first failed record and all later ones: their events are replaced then.
                    _ if failed.is_some_and(|first| first < record) => continue,
                    Delivery::NotYet => None,
                    Delivery::Refused(refusal) => instead_of(event, &records[record], &refusal),
                };
                match instead {
                    Some(event) => events.push((record, event)),
                    None => failed = Some(failed.map_or(record, |first| first.min(record))),
                }
            }
        }
        records.into_iter().nth(failed?).map(|record| record.sequence_number)
    }

    /// The events of a record; a dead letter if it can never be read.
    async fn events(&self, record: &StreamRecord<'_>) -> Result<Vec<FeedEvent>, EventError> {
        let change = match record.change() {
            Ok(Some(change)) => change,
            Ok(None) => return Ok(Vec::new()),
            Err(store::Error::Unreadable(reason)) => {
                return Ok(vec![dead_letter(DeadLetter::of_record(record, reason))]);
            }
            Err(error) => return Err(error.into()),
        };
        // Tag ids are derived from the tenant's namespace. The events of a deleted tenant have no tag ids;
        // they must not block the shard.
        let tenant: Option<Tenant> = if change.changes_tags() {
            match timeout_at(self.deadline, self.feed.access.tenant(change.tenant_id)).await {
                Ok(Ok(tenant)) => Some(tenant),
                Ok(Err(access::Error::UnknownTenant)) => None,
                // The error may quote the item.
                Ok(Err(access::Error::Store(store::Error::Unreadable(_)))) => {
                    let reason = "the tenant's item in the access table cannot be read".to_owned();
                    return Ok(vec![dead_letter(DeadLetter::of_record(record, reason))]);
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(EventError::TimedOut),
            }
        } else {
            None
        };
        let events = change_events(&change, self.feed.detail, |tag| tenant.as_ref().map(|tenant| tenant.tag_id(tag)));
        Ok(events.into_iter().map(|event| FeedEvent::Change(Box::new(event))).collect())
    }
}

/// What is published instead of an event that was refused; `None` if that was a dead letter.
fn instead_of(event: FeedEvent, record: &StreamRecord<'_>, refusal: &Refusal) -> Option<FeedEvent> {
    let (record_id, error_code) = (&record.sequence_number, refusal.code());
    let FeedEvent::Change(event) = event else {
        tracing::error!(record_id, error = %refusal, error_code, "a dead letter was refused; its record is retried");
        return None;
    };
    let Some(without) = event.without_personal_data() else {
        return Some(dead_letter(DeadLetter::of_event(record, &event, refusal)));
    };
    let (event_id, detail_type) = (event.event_id, event.kind.detail_type());
    tracing::warn!(
        record_id,
        tenant_id = %event.tenant_id,
        contact_id = %event.contact_id,
        %event_id,
        detail_type,
        error = %refusal,
        error_code,
        "an event was refused and is published without the contact and the tags"
    );
    Some(FeedEvent::Change(Box::new(without)))
}

/// Logs a dead letter and returns it as an event.
fn dead_letter(letter: DeadLetter) -> FeedEvent {
    letter.log();
    FeedEvent::DeadLetter(letter)
}
