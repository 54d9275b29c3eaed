//! Records of the table's stream, to be published.
//!
//! The shapes are those AWS documents for Lambda with DynamoDB streams, partial batch responses
//! included: all from the first record that failed comes again.

use lambda_http::Context;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::super::time_left;
use super::{Failed, failure, logged, written};
use crate::access::Access;
use crate::error::Error;
use crate::feed::{Bus, Detail, Event, events};
use crate::table::Change;

#[derive(Deserialize)]
struct Records<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    event_source: String,
    #[serde(borrow)]
    dynamodb: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Place {
    sequence_number: String,
}

/// How many events are read before they are published: they may be large.
const AT_ONCE: usize = 50;

/// Publishes what has happened.
pub(in crate::door) async fn publish(
    name: &str,
    access: &Access,
    bus: &Bus,
    detail: Detail,
    event: &str,
    context: &Context,
) -> Result<Box<RawValue>, Failed> {
    let feed = Feed { access, bus, detail, until: Instant::now() + time_left(context) };
    let answer = async {
        let failed = feed.publish(event).await?;
        let failures: Vec<_> = failed.into_iter().map(|place| json!({ "itemIdentifier": place })).collect();
        written(&json!({ "batchItemFailures": failures }))
    };
    logged(name, context, answer).await
}

struct Feed<'a> {
    access: &'a Access,
    bus: &'a Bus,
    detail: Detail,
    /// When Lambda's patience ends, with enough to spare to answer.
    until: Instant,
}

impl Feed<'_> {
    /// Publishes what the records tell; gives the sequence number of the first that could not be
    /// published, if there is one: it comes again, and everything behind it.
    async fn publish(&self, event: &str) -> Result<Option<String>, Error> {
        let unknown = |_| Error::UnknownEvent("it has no records of a table's stream");
        let Records { records } = serde_json::from_str(event).map_err(unknown)?;
        if records.iter().any(|record| record.event_source != "aws:dynamodb") {
            return Err(Error::UnknownEvent("its records are not a table's stream's"));
        }
        let mut told: Vec<Event> = Vec::new();
        // After how many events each record is done.
        let mut done: Vec<(usize, String)> = Vec::new();
        for record in &records {
            let Place { sequence_number } = serde_json::from_str(record.dynamodb.get()).map_err(unknown)?;
            match self.of_record(record.dynamodb.get()).await {
                Ok(events) => told.extend(events),
                Err(error) => {
                    failure::log_record(&sequence_number, &error);
                    return Ok(self.flush(&mut told, &mut done).await.or(Some(sequence_number)));
                }
            }
            done.push((told.len(), sequence_number));
            if told.len() >= AT_ONCE {
                let unpublished = self.flush(&mut told, &mut done).await;
                if unpublished.is_some() {
                    return Ok(unpublished);
                }
            }
        }
        Ok(self.flush(&mut told, &mut done).await)
    }

    /// Publishes what was told, and forgets it; gives the first record that is not done.
    async fn flush(&self, told: &mut Vec<Event>, done: &mut Vec<(usize, String)>) -> Option<String> {
        let published = self.bus.publish(&std::mem::take(told), self.until).await;
        std::mem::take(done).into_iter().find(|(events, _)| *events > published).map(|(_, place)| place)
    }

    async fn of_record(&self, record: &str) -> Result<Vec<Event>, Error> {
        let Some(change) = Change::read(record)? else { return Ok(Vec::new()) };
        // Ids of tags are the tenant's own. One that is no longer known has none, and is no reason to
        // hold up everyone's changes.
        let tenant = if change.is_about_tags() {
            match timeout_at(self.until, self.access.tenant(change.tenant_id)).await.unwrap_or(Err(Error::TimedOut)) {
                Ok(tenant) => Some(tenant),
                Err(Error::UnknownTenant) => None,
                Err(error) => return Err(error),
            }
        } else {
            None
        };
        Ok(events(&change, self.detail, |tag| tenant.as_ref().map(|tenant| tenant.tag_id(tag))))
    }
}
