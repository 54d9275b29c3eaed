//! Records of the table's stream, to be published.
//!
//! The shapes are those AWS documents for Lambda with DynamoDB streams, partial batch responses
//! included: all from the first record that failed comes again.

use lambda_http::Context;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Failed, logged, written};
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

/// Publishes what has happened.
pub(in crate::door) async fn publish(
    name: &str,
    access: &Access,
    bus: &Bus,
    detail: Detail,
    event: &str,
    context: &Context,
) -> Result<Box<RawValue>, Failed> {
    let answer = async {
        let failed = published(access, bus, detail, event).await?;
        let failures: Vec<_> = failed.into_iter().map(|place| json!({ "itemIdentifier": place })).collect();
        written(&json!({ "batchItemFailures": failures }))
    };
    logged(name, context, answer).await
}

/// The sequence number of the first record that could not be published, if there is one.
async fn published(access: &Access, bus: &Bus, detail: Detail, event: &str) -> Result<Option<String>, Error> {
    let unknown = |_| Error::UnknownEvent("it has no records of a table's stream");
    let Records { records } = serde_json::from_str(event).map_err(unknown)?;
    if records.iter().any(|record| record.event_source != "aws:dynamodb") {
        return Err(Error::UnknownEvent("its records are not a table's stream's"));
    }
    let mut told: Vec<Event> = Vec::new();
    // After how many events each record is done.
    let mut done = Vec::with_capacity(records.len());
    let mut unreadable = None;
    for record in &records {
        let Place { sequence_number } = serde_json::from_str(record.dynamodb.get()).map_err(unknown)?;
        match of_record(access, detail, record.dynamodb.get()).await {
            Ok(events) => told.extend(events),
            Err(error) => {
                tracing::error!(%error, sequence_number, "a record can't be read");
                unreadable = Some(sequence_number);
                break;
            }
        }
        done.push((told.len(), sequence_number));
    }
    let published = bus.publish(&told).await;
    let unpublished = done.into_iter().find(|(events, _)| *events > published);
    Ok(unpublished.map(|(_, sequence_number)| sequence_number).or(unreadable))
}

async fn of_record(access: &Access, detail: Detail, record: &str) -> Result<Vec<Event>, Error> {
    let Some(change) = Change::read(record)? else { return Ok(Vec::new()) };
    // Ids of tags are the tenant's own. One that is no longer known has none, and is no reason to
    // hold up everyone's changes.
    let tenant = match access.tenant(change.tenant_id).await {
        Ok(tenant) => Some(tenant),
        Err(Error::UnknownTenant) => None,
        Err(error) => return Err(error),
    };
    Ok(events(&change, detail, |tag| tenant.as_ref().map(|tenant| tenant.tag_id(tag))))
}
