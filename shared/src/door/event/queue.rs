//! SQS records, and which of them have to come again.
//!
//! The shapes are those AWS documents for Lambda with SQS, partial batch responses included.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::Action;
use super::batch::{Batch, was_done_before};
use super::envelope::Call;
use super::failure;
use crate::error::Error;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: Option<String>,
    event_source: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    /// Of a FIFO queue: what is in one group comes in its order.
    #[serde(rename = "MessageGroupId")]
    message_group_id: Option<String>,
}

/// Which records failed: the others are done, and do not come again.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// Makes the calls that are in the records.
pub(super) async fn answer<A: Action>(batch: &Batch<'_>, records: &[&RawValue]) -> Result<Answer, Error> {
    let unknown = Error::UnknownEvent("its records are not a queue's");
    let Ok(records) =
        records.iter().map(|record| serde_json::from_str(record.get())).collect::<Result<Vec<Record>, _>>()
    else {
        return Err(unknown);
    };
    if records.is_empty() || records.iter().any(|record| record.event_source != "aws:sqs") {
        return Err(unknown);
    }

    let mut failed: Vec<bool> = records.iter().map(|_| false).collect();
    let mut left: Vec<usize> = (0..records.len()).collect();
    while let Some(first) = left.first() {
        // All records of a standard queue, or all of one group.
        let group = &records[*first].attributes.message_group_id;
        let (these, others): (Vec<usize>, Vec<usize>) =
            left.iter().partition(|record| records[**record].attributes.message_group_id == *group);
        let calls = these.iter().map(|record| records[*record].call::<A>()).collect();
        for (record, result) in these.into_iter().zip(batch.all(calls, group.is_some()).await) {
            let message_id = &records[record].message_id;
            match result {
                Ok(_) => {}
                Err(error) if was_done_before(&error) => tracing::info!(message_id, "a record was done before"),
                Err(error) => {
                    failed[record] = true;
                    failure::log_record(message_id, &error);
                }
            }
        }
        left = others;
    }
    let failures = records.into_iter().zip(failed).filter(|(_, failed)| *failed);
    Ok(Answer {
        batch_item_failures: failures.map(|(record, _)| Failure { item_identifier: record.message_id }).collect(),
    })
}

impl Record {
    fn call<A: Action>(&self) -> Result<Call<A>, Error> {
        Call::read(self.body.as_deref().ok_or(Error::UnknownEvent("it has no body"))?)
    }
}
