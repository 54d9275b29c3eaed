//! Dead letters: what can never be processed has to arrive in the dead-letter queue of its source.
//!
//! Every message carries a mark of the run. Only marked messages are deleted; other messages that are received while
//! looking for them are visible again after [`HIDDEN`].

use std::time::{Duration, Instant};

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::Message;
use carnet_local::BoxError;
use serde_json::json;
use tokio::time::sleep;

use super::aws::Aws;
use super::events::NO_TENANT;
use super::report::{CaseReport, Report};

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

/// How long a message that is not of this run is invisible to other receivers after it was received here, in seconds.
const HIDDEN: i32 = 10;
/// How long a receive waits for a message, in seconds.
const WAIT: i32 = 2;
/// A queue is not read again after this many failures in a row.
const FAILURES: u32 = 3;

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
pub(super) async fn send(aws: &Aws, run: &str, report: &mut Report) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut note = |name: &str, mark: String, expected: Vec<&'static str>, result: Result<(), BoxError>| match result {
        Ok(()) => sent.push(Sent { name: name.to_owned(), mark, expected, begun: Instant::now() }),
        Err(error) => report.add(CaseReport::new("dead letters", name).no_answer(error)),
    };
    // No tenant has this id, so that the event fails with UnknownTenant however often it is retried.
    let event = |mark: &str| json!({ "tenant_id": NO_TENANT, "input": { "phone": mark } }).to_string();
    let mark = format!("{run}-invocation");
    let result = aws.invoke_async("record-message", &event(&mark)).await;
    note("an asynchronous invocation that fails", mark, vec!["InvocationDeadLetters"], result);
    let mark = format!("{run}-event");
    let result = aws.publish("carnet.smoke", "record-message", &event(&mark)).await;
    note("an event of the bus that fails", mark, vec!["InvocationDeadLetters"], result);
    let mark = format!("{run}-change");
    let detail = json!({ "reason": mark }).to_string();
    let result = aws.publish("carnet", "stream-record.unpublished", &detail).await;
    note("a change that cannot be published", mark, vec!["StreamDeadLetters", "BusDeadLetters"], result);
    let queues = [
        ("MessageQueue", "MessageDeadLetters"),
        ("ConsentQueue", "ConsentDeadLetters"),
        ("StateQueue", "StateDeadLetters"),
    ];
    let is_polled = aws.stack.parameter("PollQueues") != Some("false");
    for (queue, dead_letters) in queues.into_iter().filter(|_| is_polled) {
        let mark = format!("{run}-{queue}");
        let result = aws.send_message(queue, &event(&mark)).await;
        note(&format!("a message of {queue} that fails"), mark, vec![dead_letters], result);
    }
    for (queue, _) in queues.into_iter().filter(|_| !is_polled) {
        let name = format!("a message of {queue} that fails");
        report.add(CaseReport::skipped("dead letters", &name, "the stack's PollQueues is false"));
    }
    sent
}

/// A dead-letter queue while it is read.
struct Queue<'a> {
    /// The output that names it.
    output: &'static str,
    url: &'a str,
    /// How many times in a row it could not be read.
    failures: u32,
    /// Why it could not be read the last time.
    error: Option<String>,
}

/// Waits for the messages in the dead-letter queues, deletes them there, and reports where each arrived.
pub(super) async fn collect(aws: &Aws, mut sent: Vec<Sent>, patience: Duration, report: &mut Report) {
    if sent.is_empty() {
        return;
    }
    let mut queues = queues(aws);
    report.say(&format!("waiting for {} dead letters, at most {} s", sent.len(), patience.as_secs()));
    let begun = Instant::now();
    while !sent.is_empty() && begun.elapsed() < patience && queues.iter().any(Queue::is_read) {
        for queue in queues.iter_mut().filter(|queue| queue.is_read()) {
            match receive(aws, queue.url).await {
                Ok(messages) => {
                    (queue.failures, queue.error) = (0, None);
                    for message in messages {
                        take(aws, queue, message, &mut sent, report).await;
                    }
                }
                Err(error) => {
                    queue.failures += 1;
                    queue.error = Some(error.to_string());
                    sleep(Duration::from_secs(u64::from(WAIT.unsigned_abs()))).await;
                }
            }
        }
    }
    for missing in sent {
        report.left_behind.push(format!("in {}, once it arrives: the message {}", missing.places(), missing.mark));
        report.add(not_arrived(aws, &missing, &queues, patience).await);
    }
}

/// Reports and deletes a message, if it is one of those that were sent.
async fn take(aws: &Aws, queue: &Queue<'_>, message: Message, sent: &mut Vec<Sent>, report: &mut Report) {
    let body = message.body.unwrap_or_default();
    let Some(place) = sent.iter().position(|sent| body.contains(&sent.mark)) else { return };
    let found = sent.swap_remove(place);
    let receipt = message.receipt_handle.unwrap_or_default();
    let deleted = aws.sqs.delete_message().queue_url(queue.url).receipt_handle(receipt).send().await;
    let is_right = queue.output == SHARED || found.expected.contains(&queue.output);
    let differences = if is_right { Vec::new() } else { vec![format!("expected in {}", found.places())] };
    let mut note = format!("arrived in {}", queue.output);
    if let Err(error) = deleted {
        note.push_str(&format!("; it could not be deleted: {}", DisplayErrorContext(&error)));
        report.left_behind.push(format!("in {}: the message {}", queue.output, found.mark));
    }
    let case = CaseReport::new("dead letters", &found.name).took(found.begun.elapsed());
    report.add(CaseReport { note: Some(note), ..case }.judged(differences));
}

/// The case of a message that was not found: its queue cannot be read, or it is not there, or other messages hide it.
async fn not_arrived(aws: &Aws, missing: &Sent, queues: &[Queue<'_>], patience: Duration) -> CaseReport {
    let case = CaseReport::new("dead letters", &missing.name);
    let places = || queues.iter().filter(|queue| queue.output == SHARED || missing.expected.contains(&queue.output));
    if places().next().is_none() {
        return case.no_answer(format!("the stack has no output {}; deploy the current template", missing.places()));
    }
    if let Some((output, error)) = places().find_map(|queue| Some((queue.output, queue.error.as_ref()?))) {
        return case.no_answer(format!("{output} cannot be read: {error}"));
    }
    let mut notes = Vec::new();
    for Queue { output, url, .. } in places() {
        notes.push(match aws.depth(url).await {
            Ok(0) => format!("{output} is empty"),
            Ok(depth) => format!(
                "{output} has about {depth} messages; if it has many, the one of this run may not have been received"
            ),
            Err(error) => format!("how many messages {output} has is unknown: {error}"),
        });
    }
    let difference = format!("did not arrive in {} within {} s", missing.places(), patience.as_secs());
    CaseReport { note: Some(notes.join("; ")), ..case }.judged(vec![difference])
}

impl Sent {
    /// The outputs of the queues where it may arrive, for people.
    fn places(&self) -> String {
        self.expected.join(" or ")
    }
}

impl Queue<'_> {
    /// Whether it is worth another try. The SDK has retried each failure, too.
    fn is_read(&self) -> bool {
        self.failures < FAILURES
    }
}

/// The queues of the stack. An older stack has one for all sources.
fn queues(aws: &Aws) -> Vec<Queue<'_>> {
    let queue = |output| Some(Queue { output, url: aws.stack.output(output).ok()?, failures: 0, error: None });
    let queues: Vec<Queue<'_>> = QUEUES.into_iter().filter_map(queue).collect();
    if queues.len() == QUEUES.len() { queues } else { queues.into_iter().chain(queue(SHARED)).collect() }
}

async fn receive(aws: &Aws, url: &str) -> Result<Vec<Message>, BoxError> {
    let receive = aws.sqs.receive_message().queue_url(url).max_number_of_messages(10);
    let answer = receive.visibility_timeout(HIDDEN).wait_time_seconds(WAIT).send().await;
    let answer = answer.map_err(|error| DisplayErrorContext(&error).to_string())?;
    Ok(answer.messages.unwrap_or_default())
}
