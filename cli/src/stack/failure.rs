//! What is given up after all attempts: what Lambda would send to an on-failure destination.
//!
//! The stack has no queues to put it in. It says so in a line of the log, and keeps the message in `failures.jsonl`.

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::aws;
use super::journal::Journal;
use super::logs::Logs;
use super::process::Outcome;
use super::stream::Change;

/// Where messages about failures go.
pub(super) struct Failures {
    pub(super) journal: Journal,
    pub(super) logs: Logs,
}

impl Failures {
    /// Something is given up: `what`, in a word for the log, and the message for the destination, if there is one.
    pub(super) fn report(&self, what: &str, function: &str, destination: Option<&str>, message: &Value) {
        let place = destination.unwrap_or("no destination");
        self.logs.say(&format!("{function}: {what} given up → {place}"));
        let document = json!({ "destination": destination, "message": message });
        if let Err(error) = self.journal.add(document.to_string()) {
            self.logs.say(&format!("{function}: can't write that down: {error}"));
        }
    }
}

/// Lambda's message about a call that nobody waited for.
pub(super) fn of_call(function: &str, event: &Bytes, outcome: &Outcome, calls: u32) -> Value {
    let payload = |bytes: &Bytes| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let mut message = message(function, "RetriesExhausted", calls);
    message["requestPayload"] = payload(event);
    message["responsePayload"] = payload(outcome.payload());
    message
}

/// Lambda's message about a batch of a stream, which says where it is and not what is in it.
pub(super) fn of_batch(function: &str, stream: &str, shard: &str, batch: &[Change], calls: u32) -> Value {
    let mut message = message(function, "RetryAttemptsExhausted", calls);
    if let [first, .., last] | [first @ last] = batch {
        let time = |change: &Change| Timestamp::from_second(change.made_at()).map(|time| time.to_string()).ok();
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

fn message(function: &str, condition: &str, calls: u32) -> Value {
    json!({
        "version": "1.0",
        "timestamp": format!("{:.3}", Timestamp::now()),
        "requestContext": {
            "requestId": Uuid::new_v4(),
            "functionArn": aws::function_arn(function),
            "condition": condition,
            "approximateInvokeCount": calls,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
    })
}
