//! Dead letters: what can never be processed has to arrive in the dead-letter queue of its source.
//!
//! Every message carries a mark of the run. Only marked messages are deleted; other messages that are received while
//! looking for them are visible again after [`HIDDEN`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use carnet_local::BoxError;
use serde_json::json;

use super::aws::Aws;
use super::events::NO_TENANT;
use super::report::{CaseReport, Report, Verdict};

/// The outputs that name dead-letter queues.
const QUEUES: [&str; 6] = [
    "MessageDeadLetters",
    "ConsentDeadLetters",
    "StateDeadLetters",
    "BusDeadLetters",
    "InvocationDeadLetters",
    "StreamDeadLetters",
];

/// The output of stacks that have one dead-letter queue.
const SHARED: &str = "DeadLetters";

/// How long a message of somebody else is invisible after it was received here, in seconds.
const HIDDEN: i32 = 10;
/// How long a receive waits for a message, in seconds.
const WAIT: i32 = 2;

/// A message that cannot be processed.
pub(super) struct Sent {
    /// Its source, for the report.
    name: String,
    /// What its body contains.
    mark: String,
    /// The outputs of which one names the queue where it has to arrive.
    expected: Vec<&'static str>,
    begun: Instant,
}

/// Sends a message that cannot be processed to every source. Those that cannot be sent are reported.
///
/// # Errors
/// When the report cannot be written.
pub(super) async fn send(aws: &Aws, run: &str, report: &mut Report) -> Result<Vec<Sent>, BoxError> {
    let mut sent = Vec::new();
    let mut note = |name: &str, mark: String, expected: Vec<&'static str>, result: Result<(), BoxError>| match result {
        Ok(()) => {
            sent.push(Sent { name: name.to_owned(), mark, expected, begun: Instant::now() });
            Ok(())
        }
        Err(error) => report.add(CaseReport {
            verdict: Verdict::NoAnswer,
            note: Some(error.to_string()),
            ..CaseReport::new("dead letters", name)
        }),
    };
    // No tenant has this id, so that the event fails with UnknownTenant however often it is retried.
    let event = |mark: &str| json!({ "tenant_id": NO_TENANT, "input": { "phone": mark } }).to_string();
    let mark = format!("{run}-invocation");
    let result = aws.invoke_async("record-message", &event(&mark)).await;
    note("an asynchronous invocation that fails", mark, vec!["InvocationDeadLetters"], result)?;
    let mark = format!("{run}-event");
    let result = aws.publish("carnet.smoke", "record-message", &event(&mark)).await;
    note("an event of the bus that fails", mark, vec!["InvocationDeadLetters"], result)?;
    let mark = format!("{run}-change");
    let detail = json!({ "reason": mark }).to_string();
    let result = aws.publish("carnet", "stream-record.unpublished", &detail).await;
    note("a change that cannot be published", mark, vec!["StreamDeadLetters", "BusDeadLetters"], result)?;
    let queues = [
        ("MessageQueue", "MessageDeadLetters"),
        ("ConsentQueue", "ConsentDeadLetters"),
        ("StateQueue", "StateDeadLetters"),
    ];
    let is_polled = aws.stack.parameter("PollQueues") != Some("false");
    for (queue, dead_letters) in queues.into_iter().filter(|_| is_polled) {
        let mark = format!("{run}-{queue}");
        let result = aws.send_message(queue, &event(&mark)).await;
        note(&format!("a message of {queue} that fails"), mark, vec![dead_letters], result)?;
    }
    for (queue, _) in queues.into_iter().filter(|_| !is_polled) {
        let name = format!("a message of {queue} that fails");
        report.add(CaseReport::skipped("dead letters", &name, "the stack's PollQueues is false"))?;
    }
    Ok(sent)
}

/// Waits for the messages in the dead-letter queues, deletes them there, and reports where each arrived.
///
/// # Errors
/// When a queue cannot be read or the report cannot be written.
pub(super) async fn collect(
    aws: &Aws,
    mut sent: Vec<Sent>,
    patience: Duration,
    report: &mut Report,
) -> Result<(), BoxError> {
    if sent.is_empty() {
        return Ok(());
    }
    let mut queues: BTreeMap<&str, &str> = BTreeMap::new();
    for output in QUEUES {
        match aws.stack.output(output) {
            Ok(url) => queues.insert(output, url),
            // An older stack has one queue for all sources.
            Err(_) => queues.insert(SHARED, aws.stack.output(SHARED)?),
        };
    }
    report.say(&format!("waiting for {} dead letters, at most {} s", sent.len(), patience.as_secs()))?;
    let begun = Instant::now();
    while !sent.is_empty() && begun.elapsed() < patience {
        for (output, url) in &queues {
            for message in receive(aws, url).await? {
                let body = message.body.unwrap_or_default();
                let Some(place) = sent.iter().position(|sent| body.contains(&sent.mark)) else { continue };
                let found = sent.swap_remove(place);
                let receipt = message.receipt_handle.unwrap_or_default();
                aws.sqs.delete_message().queue_url(*url).receipt_handle(receipt).send().await?;
                let case = CaseReport::new("dead letters", &found.name).took(found.begun.elapsed());
                let is_right = *output == SHARED || found.expected.contains(output);
                report.add(CaseReport {
                    verdict: if is_right { Verdict::Ok } else { Verdict::Different },
                    note: Some(format!("arrived in {output}")),
                    ..case
                })?;
            }
        }
    }
    for missing in sent {
        report.add(CaseReport {
            verdict: Verdict::Different,
            differences: vec![format!(
                "did not arrive in {} within {} s",
                missing.expected.join(" or "),
                patience.as_secs()
            )],
            ..CaseReport::new("dead letters", &missing.name)
        })?;
    }
    Ok(())
}

async fn receive(aws: &Aws, url: &str) -> Result<Vec<aws_sdk_sqs::types::Message>, BoxError> {
    let receive = aws.sqs.receive_message().queue_url(url).max_number_of_messages(10);
    let answer = receive.visibility_timeout(HIDDEN).wait_time_seconds(WAIT).send().await;
    let answer = answer.map_err(|error| aws_sdk_sqs::error::DisplayErrorContext(&error).to_string())?;
    Ok(answer.messages.unwrap_or_default())
}
