//! Events: direct invocations, whose answers are compared, and events of the bus and the queues, whose effects are.

use std::time::{Duration, Instant};

use carnet_local::BoxError;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::aws::{Aws, Invoked, Invoker};
use super::report::{CaseReport, Report};
use super::run::Sides;
use super::side::Side;

/// How long an event of the bus or a queue may take until its effect is seen.
const DELIVERY: Duration = Duration::from_secs(60);

/// The three functions that only take events, with the outputs that name their queues.
const CONSUMERS: [(&str, &str); 3] =
    [("record-message", "MessageQueue"), ("record-consent", "ConsentQueue"), ("set-contact-state", "StateQueue")];

/// A tenant that does not exist.
pub(super) const NO_TENANT: &str = "00000000-0000-4000-8000-000000000000";

/// A direct invocation: function, event, how it has to end, and what it is.
type EventCase = (&'static str, Value, &'static str, &'static str);

fn envelope(input: Value) -> Value {
    json!({ "tenant_id": "$tenant", "input": input })
}

fn direct() -> Vec<EventCase> {
    let phone = json!({ "phone": "$phone3" });
    let record = |body: String, id: &str| {
        json!({
            "messageId": id, "receiptHandle": "x", "body": body, "attributes": {}, "messageAttributes": {},
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:smoke",
            "awsRegion": "us-east-1",
        })
    };
    let batch = json!({ "Records": [
        record(envelope(consumer_input("record-message", 1)).to_string(), "first"),
        record(json!({ "tenant_id": NO_TENANT, "input": {} }).to_string(), "second"),
    ] });
    let new = json!({ "phone": "$phone3", "name": "Carnet Smoke $run", "tags": "$run" });
    let unknown = json!({ "tenant_id": NO_TENANT, "input": phone });
    let mut cases = vec![
        ("create-contact", envelope(new), "answered", "a new contact"),
        ("get-contact", envelope(phone.clone()), "answered", "by phone number"),
        ("get-contact", envelope(json!({ "phone": "$phone9" })), "ContactNotFound", "an unknown number"),
        ("get-contact", envelope(json!({ "phone": 5 })), "ValidationFailed", "an invalid field"),
        ("get-contact", unknown, "UnknownTenant", "an unknown tenant"),
        ("get-contact", json!(5), "UnknownEvent", "not an envelope"),
        ("list-tags", envelope(json!({ "name": "$run" })), "answered", "the tags of this run"),
        ("search-contacts", envelope(json!({ "query": "$phone3" })), "answered", "by number"),
        ("update-contact", envelope(json!({ "phone": "$phone3", "metadata": { "a": 1 } })), "answered", "metadata"),
        ("add-tag", envelope(json!({ "phone": "$phone3", "tag": "$run-d" })), "answered", "a new tag"),
        ("remove-tag", envelope(json!({ "phone": "$phone3", "tag": "$run-d" })), "answered", "the same tag"),
        ("flowiq-get-contact", envelope(json!({ "phone_number": "$digits3" })), "answered", "by number"),
        ("flowiq-create-contact", envelope(json!({ "phone_number": "$digits3" })), "ContactExists", "a known number"),
        ("me", envelope(json!({})), "UnknownEvent", "takes no events"),
        ("publish-changes", json!({ "Records": [] }), "answered", "no records"),
    ];
    for (function, _) in CONSUMERS {
        cases.push((function, envelope(consumer_input(function, 1)), "answered", "an event"));
        cases.push((function, envelope(consumer_input(function, 1)), "answered", "its redelivery"));
        cases.push((function, envelope(json!({})), "ValidationFailed", "no fields"));
    }
    cases.push(("record-message", batch, "answered", "a batch of a redelivery and an unknown tenant"));
    cases.push(("get-contact", envelope(phone), "answered", "after all events"));
    let other = json!({ "phone": "$phone5" });
    cases.extend([
        ("create-contact", envelope(other.clone()), "answered", "a contact to delete"),
        ("delete-contact", envelope(other.clone()), "answered", "by phone number"),
        ("delete-contact", envelope(other), "ContactNotFound", "a contact that was deleted"),
    ]);
    cases
}

/// The input of the `n`th event of a consumer; later ones win.
fn consumer_input(function: &str, n: usize) -> Value {
    let occurred_at = format!("$time{n}");
    match function {
        "record-message" => json!({
            "phone": "$phone3", "message_id": format!("$run-{n}"), "direction": "in", "occurred_at": occurred_at,
        }),
        "record-consent" => {
            let consent = if n % 2 == 1 { "opt_in" } else { "opt_out" };
            json!({ "phone": "$phone3", "consent": consent, "occurred_at": occurred_at, "method": "smoke" })
        }
        _ => json!({
            "phone": "$phone3", "bot_status": "paused", "contact_summary": "$run", "locale": LOCALES[n],
            "occurred_at": occurred_at,
        }),
    }
}

/// The locale that the `n`th event sets, by which its effect is seen.
const LOCALES: [&str; 4] = ["", "en-GB", "pt-BR", "fr-FR"];

/// Runs all cases.
pub(super) async fn run(aws: &Aws, sides: &mut Sides, report: &mut Report) {
    let now = Timestamp::now();
    for side in [Some(&mut sides.deployment), sides.local.as_mut()].into_iter().flatten() {
        for n in 1..LOCALES.len() {
            let time = now - SignedDuration::from_mins(5 - n as i64);
            side.set(&format!("time{n}"), time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
    }
    for (function, event, expected, name) in direct() {
        report.add(invoke_both(aws, sides, function, &event.to_string(), expected, name).await);
    }
    let mut delivered = Vec::new();
    for (function, _) in CONSUMERS {
        let event = envelope(consumer_input(function, 2)).to_string();
        delivered.push(aws.publish("carnet.smoke", function, &sides.deployment.fill(&event)).await);
    }
    report.add(effect(aws, sides, 2, delivered, "bus", "an event for each consumer").await);
    if aws.stack.parameter("PollQueues") == Some("false") {
        report.add(CaseReport::skipped("queue", "a message for each consumer", "the stack's PollQueues is false"));
        return;
    }
    let mut delivered = Vec::new();
    for (function, queue) in CONSUMERS {
        let event = envelope(consumer_input(function, 3)).to_string();
        delivered.push(aws.send_message(queue, &sides.deployment.fill(&event)).await);
    }
    report.add(effect(aws, sides, 3, delivered, "queue", "a message for each consumer").await);
}

/// Invokes a function on both sides and compares the answers.
async fn invoke_both(aws: &Aws, sides: &Sides, function: &str, event: &str, expected: &str, name: &str) -> CaseReport {
    let mut case = CaseReport::new(&format!("invoke {function}"), name);
    case.expected = Some(expected.to_owned());
    let mine = match Invoker::Aws(aws).invoke(function, &sides.deployment.fill(event)).await {
        Ok(mine) => mine,
        Err(error) => return case.no_answer(error),
    };
    let mut differences = Vec::new();
    if let Some(side) = &sides.local {
        let local = Invoker::Local(&side.endpoint).invoke(function, &side.fill(event)).await;
        let local = match local {
            Ok(local) => local,
            Err(error) => return case.no_answer(format!("the local stack: {error}")),
        };
        let shape = |invoked: &Invoked| (invoked.outcome.clone(), invoked.payload.clone());
        let ((outcome, payload), (locals, local_payload)) = (shape(&mine), shape(&local));
        let shape = sides.deployment.invocation_shape(&outcome, &payload);
        differences = shape.differences(&side.invocation_shape(&locals, &local_payload));
    }
    if mine.outcome != expected {
        differences.push(format!("the documented outcome is {expected}"));
    }
    case.answer = Some(if mine.outcome == "answered" { "200".to_owned() } else { mine.outcome });
    case.took(mine.took).judged(differences)
}

/// The contact in the local stack after the `n`th events of all consumers; `read` is the event that reads it.
async fn local_effect(side: &Side, n: usize, read: &str) -> Result<Invoked, BoxError> {
    let local = Invoker::Local(&side.endpoint);
    for (function, _) in CONSUMERS {
        local.invoke(function, &side.fill(&envelope(consumer_input(function, n)).to_string())).await?;
    }
    local.invoke("get-contact", &side.fill(read)).await
}

/// Waits until the `n`th events of all consumers show in the contact; then it has to look as in the local stack, whose
/// consumers are invoked with the same events.
async fn effect(
    aws: &Aws,
    sides: &Sides,
    n: usize,
    delivered: Vec<Result<(), BoxError>>,
    group: &str,
    name: &str,
) -> CaseReport {
    let case = CaseReport::new(group, name);
    if let Some(error) = delivered.into_iter().find_map(Result::err) {
        return case.no_answer(error);
    }
    let read = envelope(json!({ "phone": "$phone3" })).to_string();
    let mut expected = None;
    if let Some(side) = &sides.local {
        match local_effect(side, n, &read).await {
            Ok(local) => expected = Some(side.invocation_shape(&local.outcome, &local.payload)),
            Err(error) => return case.no_answer(format!("the local stack: {error}")),
        }
    }
    let begun = Instant::now();
    loop {
        let mine = match Invoker::Aws(aws).invoke("get-contact", &sides.deployment.fill(&read)).await {
            Ok(mine) => mine,
            Err(error) => return case.no_answer(error),
        };
        let contact: Value = serde_json::from_str(&mine.payload).unwrap_or_default();
        let consent = if n % 2 == 1 { "opted_in_at" } else { "opted_out_at" };
        let arrived = contact["total_messages"] == json!(n)
            && contact["locale"] == LOCALES[n]
            && contact[consent].as_str().is_some();
        let shape = sides.deployment.invocation_shape(&mine.outcome, &mine.payload);
        let mut differences = expected.as_ref().map(|expected| shape.differences(expected)).unwrap_or_default();
        if (arrived && differences.is_empty()) || begun.elapsed() > DELIVERY {
            if !arrived {
                differences.push(format!("not all events had an effect within {} s", DELIVERY.as_secs()));
            }
            return case.took(begun.elapsed()).judged(differences);
        }
        sleep(Duration::from_millis(500)).await;
    }
}
