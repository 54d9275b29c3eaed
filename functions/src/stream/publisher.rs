//! The change feed: publishes the changes of contacts on EventBridge.
//!
//! Events are sent in stream order, at least once. An entry that EventBridge refuses is sent again after
//! later ones, so consumers order the changes of a contact by `version`. When a record cannot be published, the partial batch response
//! names it, and Lambda redelivers it with all later records. Event ids are stable, so a redelivered
//! event can be recognised.

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use contacts::access::{self, Access};
use contacts::model::Tenant;
use lambda_http::Context;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::change_event::{ChangeEvent, change_events};
use super::event_bus::EventBus;
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
    logged(name, context, answer).await
}

struct Publisher<'a> {
    feed: &'a ChangeFeed,
    /// The time limit of the invocation.
    deadline: Instant,
}

/// Events that are not published yet.
#[derive(Default)]
struct Pending {
    events: Vec<ChangeEvent>,
    /// For each record, the number of pending events after which it is done, and its sequence number.
    records: Vec<(usize, String)>,
}

impl Publisher<'_> {
    /// Publishes the records and returns the sequence number of the first one that failed, if any.
    async fn publish(&self, event: &str) -> Result<Option<String>, EventError> {
        let mut pending = Pending::default();
        for record in records::parse(event)? {
            match self.events(&record).await {
                Ok(events) => pending.events.extend(events),
                Err(error) => {
                    error.log_record(&record.sequence_number);
                    return Ok(self.flush(&mut pending).await.or(Some(record.sequence_number)));
                }
            }
            pending.records.push((pending.events.len(), record.sequence_number));
            if pending.events.len() >= MAX_PENDING {
                let failed = self.flush(&mut pending).await;
                if failed.is_some() {
                    return Ok(failed);
                }
            }
        }
        Ok(self.flush(&mut pending).await)
    }

    /// Publishes and clears the pending events; returns the first record that is not done.
    async fn flush(&self, pending: &mut Pending) -> Option<String> {
        let Pending { events, records } = std::mem::take(pending);
        let published = self.feed.bus.publish(&events, self.deadline).await;
        records.into_iter().find(|(events, _)| *events > published).map(|(_, sequence_number)| sequence_number)
    }

    async fn events(&self, record: &StreamRecord<'_>) -> Result<Vec<ChangeEvent>, EventError> {
        let Some(change) = record.change()? else { return Ok(Vec::new()) };
        // Tag ids are derived from the tenant's namespace. The events of a deleted tenant have no tag ids;
        // they must not block the shard.
        let tenant: Option<Tenant> = if change.changes_tags() {
            match timeout_at(self.deadline, self.feed.access.tenant(change.tenant_id)).await {
                Ok(Ok(tenant)) => Some(tenant),
                Ok(Err(access::Error::UnknownTenant)) => None,
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(EventError::TimedOut),
            }
        } else {
            None
        };
        Ok(change_events(&change, self.feed.detail, |tag| tenant.as_ref().map(|tenant| tenant.tag_id(tag))))
    }
}
