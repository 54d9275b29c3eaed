//! The event source SQS: a batch of records, answered with a partial batch response.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};

use super::batch::{BatchContext, is_redelivery};
use super::envelope::Envelope;
use super::error::EventError;
use super::runner::Runner;
use crate::action::Action;

/// The message group of a record. FIFO queues always have one, and deliver its records in order. A standard
/// queue has one if it is used as a fair queue; its groups are then processed in order too.
const MESSAGE_GROUP: &str = "MessageGroupId";

/// Runs the envelopes in the records' bodies. The response lists the records that failed, which SQS
/// redelivers; the others are deleted from the queue.
///
/// # Errors
/// [`EventError::UnknownEvent`] if the records are not SQS records.
pub(super) async fn respond<R: Runner>(
    batch: &BatchContext<'_>,
    records: Vec<SqsMessage>,
) -> Result<SqsBatchResponse, EventError> {
    let is_sqs = |record: &SqsMessage| record.event_source.as_deref() == Some("aws:sqs") && record.message_id.is_some();
    if records.is_empty() || !records.iter().all(is_sqs) {
        return Err(EventError::UnknownEvent("the records are not SQS records"));
    }
    let mut failed = vec![false; records.len()];
    let mut left: Vec<usize> = (0..records.len()).collect();
    while let Some(first) = left.first() {
        // All records of a standard queue, or all of one FIFO message group.
        let group = records[*first].attributes.get(MESSAGE_GROUP);
        let (these, others): (Vec<usize>, Vec<usize>) =
            left.iter().partition(|record| records[**record].attributes.get(MESSAGE_GROUP) == group);
        let events = these.iter().map(|record| parse::<R::Action>(&records[*record])).collect();
        for (record, result) in these.into_iter().zip(batch.run_all::<R>(events, group.is_some()).await) {
            let record_id = records[record].message_id.as_deref().unwrap_or_default();
            match result {
                Ok(()) => {}
                Err(error) if is_redelivery::<R::Action>(&error) => {
                    tracing::info!(record_id, "the record is a redelivery");
                }
                Err(error) => {
                    failed[record] = true;
                    error.log_record(record_id);
                }
            }
        }
        left = others;
    }
    let mut response = SqsBatchResponse::default();
    for (record, _) in records.into_iter().zip(failed).filter(|(_, failed)| *failed) {
        response.add_failure(record.message_id.unwrap_or_default());
    }
    Ok(response)
}

fn parse<A: Action>(record: &SqsMessage) -> Result<Envelope<A>, EventError> {
    Envelope::parse(record.body.as_deref().ok_or(EventError::UnknownEvent("the record has no body"))?)
}
