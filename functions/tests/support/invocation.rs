//! Events as the event sources send them, and what an invocation returns.

use serde_json::{Value, json};

use super::InvocationOutcome;

/// An SQS record. With a message group it comes from a FIFO queue.
pub fn sqs_record(id: &str, body: &str, group: Option<&str>) -> Value {
    let mut record = json!({
        "messageId": id, "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...", "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO", "ApproximateFirstReceiveTimestamp": "1545082649185"
        },
        "messageAttributes": {}, "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue", "awsRegion": "us-east-2"
    });
    if let Some(group) = group {
        record["attributes"]["MessageGroupId"] = json!(group);
        record["eventSourceARN"] = json!("arn:aws:sqs:us-east-2:123456789012:my-queue.fifo");
    }
    record
}

/// An event on an EventBridge bus.
pub fn eventbridge_event(detail_type: &str, detail: &Value) -> Value {
    json!({
        "version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1602", "detail-type": detail_type, "source": "crm",
        "account": "123456789012", "time": "2026-11-11T21:29:54Z", "region": "us-east-1", "resources": [], "detail": detail
    })
}

/// The output of a successful invocation.
#[track_caller]
pub fn output_of(outcome: &InvocationOutcome) -> Value {
    let InvocationOutcome::Answered(output) = outcome else { panic!("{outcome:?}") };
    serde_json::from_slice(output).unwrap()
}

/// The error type of a failed invocation, and its message, which is JSON.
#[track_caller]
pub fn error_of(outcome: &InvocationOutcome) -> (String, Value) {
    let InvocationOutcome::Failed(error) = outcome else { panic!("{outcome:?}") };
    let error: Value = serde_json::from_slice(error).unwrap();
    (
        error["errorType"].as_str().unwrap().to_owned(),
        serde_json::from_str(error["errorMessage"].as_str().unwrap()).unwrap(),
    )
}

/// The ids of the records that a batch reports as failed, and that are therefore redelivered.
#[track_caller]
pub fn failed_records(outcome: &InvocationOutcome) -> Vec<String> {
    let output = output_of(outcome);
    let failures = output["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}
