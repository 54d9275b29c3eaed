//! Dead letters: what Lambda would send to an on-failure destination after the last attempt, and what the rules of event
//! buses send to queues.
//!
//! The local stack has no queues. It keeps the message in `failures.jsonl`, and logs a line.

use std::io;

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::outcome::InvocationOutcome;
use crate::aws;
use crate::dynamodb::stream::StreamRecord;
use crate::event_log::EventLog;
use crate::logs::Logs;

/// Where dead letters go.
pub(crate) struct DeadLetters {
    /// The documents: `{"destination", "message"}`.
    pub(crate) log: EventLog,
    /// Where the lines about them go.
    pub(crate) logs: Logs,
}

impl DeadLetters {
    /// Reports what a function failed at after its last attempt: `what`, in words for the log, and Lambda's message
    /// for the destination's ARN, if there is one.
    pub(super) fn report(&self, what: &str, function: &str, destination: Option<&str>, message: &Value) {
        let place = destination.unwrap_or("none");
        self.logs.say(&format!("{function}: {what} failed after all retries; on-failure destination: {place}"));
        let document = json!({ "destination": destination, "message": message });
        if let Err(error) = self.log.add(document.to_string()) {
            self.logs.say(&format!("{function}: can't write the dead letter to failures.jsonl: {error}"));
        }
    }

    /// Keeps the message that a rule of an event bus sends to the queue with this ARN: the event, as JSON of one line.
    ///
    /// # Errors
    /// When it cannot be written to `failures.jsonl`.
    pub(crate) fn keep(&self, queue: &str, event: &str) -> io::Result<()> {
        // Not parsed, so that numbers keep their spelling.
        self.log.add(format!(r#"{{"destination":{},"message":{event}}}"#, json!(queue)))
    }
}

/// Lambda's message about an asynchronous invocation.
pub(super) fn of_invocation(function: &str, event: &Bytes, outcome: &InvocationOutcome, attempts: u32) -> Value {
    let payload = |bytes: &Bytes| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let mut message = message(function, "RetriesExhausted", attempts);
    message["requestPayload"] = payload(event);
    message["responsePayload"] = payload(outcome.payload());
    message
}

/// Lambda's message about a batch of a stream: where its records are in the stream, and not what they are.
pub(super) fn of_batch(function: &str, stream: &str, shard: &str, batch: &[StreamRecord], attempts: u32) -> Value {
    let mut message = message(function, "RetryAttemptsExhausted", attempts);
    if let [first, .., last] | [first @ last] = batch {
        let time = |record: &StreamRecord| Timestamp::from_second(record.made_at()).map(|time| time.to_string()).ok();
        message["DDBStreamBatchInfo"] = json!({
            "shardId": shard,
            "startSequenceNumber": first.sequence_number(),
            "endSequenceNumber": last.sequence_number(),
            "approximateArrivalOfFirstRecord": time(first),
            "approximateArrivalOfLastRecord": time(last),
            "batchSize": batch.len(),
            "streamArn": stream,
        });
    }
    message
}

fn message(function: &str, condition: &str, attempts: u32) -> Value {
    json!({
        "version": "1.0",
        "timestamp": format!("{:.3}", Timestamp::now()),
        "requestContext": {
            "requestId": Uuid::new_v4(),
            "functionArn": aws::function_arn(function),
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
    })
}
