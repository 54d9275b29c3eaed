//! Sending dead letters again, and deleting them.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use carnet_local::BoxError;
use serde_json::Value;
use tokio::time::sleep;

use super::aws::{Queues, refused};
use super::letter;
use super::source::{Done, Source};

/// How often the progress of a move is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Sends the messages of a queue again.
///
/// # Errors
/// When AWS does not answer or refuses before the first message. Later problems are in the result.
pub(super) async fn redrive(queues: &Queues, source: Source) -> Result<Done, BoxError> {
    match source {
        Source::Message | Source::Consent | Source::State => move_back(queues, source).await,
        Source::Bus | Source::Invocation | Source::Import => each(queues, source, Step::Send).await,
        Source::Stream => Err("changes of contacts cannot be published again".into()),
    }
}

/// Deletes the messages of a queue.
///
/// # Errors
/// When AWS does not answer or refuses before the first message. Later problems are in the result.
pub(super) async fn delete(queues: &Queues, source: Source) -> Result<Done, BoxError> {
    each(queues, source, Step::Delete).await
}

/// The end of a queue is assumed after this many messages in a row that have been received before.
const MAX_REPEATED: u32 = 20;

/// Lets SQS move the messages back to the queue that they come from, and waits until it has.
async fn move_back(queues: &Queues, source: Source) -> Result<Done, BoxError> {
    let get = queues.sqs.get_queue_attributes().queue_url(queues.url(source)?);
    let answer = get.attribute_names(QueueAttributeName::QueueArn).send().await;
    let answer = answer.map_err(|error| refused(source, &error))?;
    let arn = answer.attributes.and_then(|mut attributes| attributes.remove(&QueueAttributeName::QueueArn));
    let arn = arn.ok_or_else(|| format!("{} has no ARN", source.output()))?;
    let start = queues.sqs.start_message_move_task().source_arn(&arn);
    start.send().await.map_err(|error| refused(source, &error))?;
    loop {
        let tasks = queues.sqs.list_message_move_tasks().source_arn(&arn).max_results(1).send().await;
        let tasks = tasks.map_err(|error| refused(source, &error))?;
        let task = tasks.results.unwrap_or_default().into_iter().next();
        let task = task.ok_or_else(|| format!("SQS does not know the task that moves {}", source.output()))?;
        let moved = task.approximate_number_of_messages_moved.unsigned_abs();
        match task.status.as_deref() {
            Some("RUNNING" | "CANCELLING") => {
                let all = task.approximate_number_of_messages_to_move.map_or(0, i64::unsigned_abs);
                eprintln!("moved {moved} of about {all}");
                sleep(LOOK_EVERY).await;
            }
            status => {
                let left = queues.depth(source).await?;
                let reason = task.failure_reason.unwrap_or_else(|| status.unwrap_or("unknown").to_owned());
                let is_done = status == Some("COMPLETED");
                let problems = if is_done { Vec::new() } else { vec![format!("the move ended: {reason}")] };
                return Ok(Done { done: moved, left: left.0 + left.1, problems });
            }
        }
    }
}

/// What is done with each message before it is deleted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Send,
    Delete,
}

/// Takes one message after the other. One that cannot be sent again stays; it is received once.
async fn each(queues: &Queues, source: Source, step: Step) -> Result<Done, BoxError> {
    let (mut done, mut problems, mut kept) = (0, BTreeSet::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let (mut first, mut repeated) = (true, 0);
    loop {
        // One at a time, because an invocation can take longer than messages are invisible.
        let received = match queues.receive(source, 1).await {
            Ok(received) => received,
            Err(error) if first => return Err(error),
            Err(error) => {
                problems.insert(error.to_string());
                break;
            }
        };
        first = false;
        let Some(message) = received.into_iter().next() else { break };
        // One that stays is invisible for a minute, and is then received again, between those that are new.
        if !seen.insert(message.message_id.clone()) {
            kept.push(message);
            repeated += 1;
            if repeated == MAX_REPEATED {
                break;
            }
            continue;
        }
        repeated = 0;
        let sent = match step {
            Step::Send => send(queues, source, &message).await,
            Step::Delete => Ok(()),
        };
        match sent {
            Ok(()) => match queues.delete(source, &message).await {
                Ok(()) => done += 1,
                Err(error) => {
                    problems.insert(format!("a message was not deleted, and may have been sent again: {error}"));
                }
            },
            Err(problem) => {
                problems.insert(problem);
                kept.push(message);
            }
        }
        if (done + kept.len() as u64).is_multiple_of(100) {
            eprintln!("{done} done, {} left", kept.len());
        }
    }
    if let Err(error) = queues.put_back(source, &kept).await {
        problems.insert(error.to_string());
    }
    let (waiting, in_flight) = queues.depth(source).await?;
    Ok(Done { done, left: waiting + in_flight, problems: problems.into_iter().collect() })
}

/// Sends a message again, and waits until it has been processed or accepted.
async fn send(queues: &Queues, source: Source, message: &Message) -> Result<(), String> {
    let body = message.body.as_deref().unwrap_or_default();
    match source {
        Source::Invocation => {
            let (function, event) = letter::invocation(body)?;
            let invoke = queues.lambda.invoke().function_name(&function).payload(event.into_bytes().into());
            let answer = invoke.send().await.map_err(|error| format!("{function}: {}", DisplayErrorContext(&error)))?;
            if answer.function_error.is_none() {
                return Ok(());
            }
            let payload = answer.payload.map(|payload| payload.into_inner()).unwrap_or_default();
            let error: Value = serde_json::from_slice(&payload).unwrap_or_default();
            Err(format!("{function} fails again: {}", error["errorType"].as_str().unwrap_or("unknown error")))
        }
        Source::Import => {
            let machine = queues.stack.output("ImportStateMachine").map_err(|error| error.to_string())?;
            let start = queues.sfn.start_execution().state_machine_arn(machine).input(body).send().await;
            start.map(drop).map_err(|error| format!("Step Functions: {}", DisplayErrorContext(&error)))
        }
        _ => {
            let [from, detail_type, detail] = letter::event(body)?;
            let bus = queues.stack.output("Bus").map_err(|error| error.to_string())?;
            let entry = PutEventsRequestEntry::builder().event_bus_name(bus).source(from);
            let entry = entry.detail_type(detail_type).detail(detail).build();
            let answer = queues.eventbridge.put_events().entries(entry).send().await;
            let answer = answer.map_err(|error| format!("EventBridge: {}", DisplayErrorContext(&error)))?;
            let code = answer.entries.unwrap_or_default().into_iter().find_map(|entry| entry.error_code);
            code.map_or(Ok(()), |code| Err(format!("EventBridge refuses the event: {code}")))
        }
    }
}
