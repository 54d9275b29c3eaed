//! PutEvents, rules, and asynchronous invocations.

use carnet_local::{EventRefusal, Options, Store};
use reqwest::Client;
use serde_json::{Value, json};

use crate::support::{lines, options, put_events, start_logged};

#[tokio::test]
async fn published_events_are_kept_and_delivered() {
    let dir = tempfile::tempdir().expect("a directory");
    let (stack, log) = start_logged(Options { store: Store::Dir(dir.path().into()), ..options() }).await;
    let event = |kind: &str, bus: &str, detail: &str| json!({ "Source": "notes", "DetailType": kind, "Detail": detail, "EventBusName": bus });
    let mut entries = vec![
        event("NoteMade", "notes", "{\"price\":\n8742.00}"),
        event("NoteMade", "arn:aws:events:us-east-1:000000000000:event-bus/notes", "{}"),
        event("Other", "notes", "{}"),
        event("NoteMade", "default", "{}"),
    ];
    entries[1]["Time"] = json!(1_767_225_600.5);
    entries[1]["Resources"] = json!(["a"]);
    let (status, answer) = put_events(&stack, json!(entries)).await;
    assert_eq!((status, &answer["FailedEntryCount"]), (200, &json!(0)));
    stack.caught_up().await;
    let events = stack.events();
    let served = reqwest::get(format!("{}/_local/events?from=1", stack.url())).await.expect("an answer");
    let served = served.text().await.expect("text");
    stack.stop().await;

    let mut delivered = lines(&log, "event NoteMade");
    delivered.sort();
    assert_eq!(delivered, [r#"{"price":8742.0}"#, "{}"]);
    assert_eq!(events.len(), 4);
    assert_eq!(
        events[1],
        json!({
            "version": "0", "id": answer["Entries"][1]["EventId"], "detail-type": "NoteMade", "source": "notes",
            "account": "000000000000", "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": ["a"],
            "detail": {},
        })
    );
    let file = std::fs::read_to_string(dir.path().join("events.jsonl")).expect("a file");
    assert_eq!(file.lines().count(), 4);
    assert!(file.contains("8742.00"), "as it was spelled");
    assert_eq!(served, file.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(lines(&log, "notes: notes Other").len(), 1);
}

#[tokio::test]
async fn invalid_entries_fail_one_by_one() {
    let (stack, _) = start_logged(options()).await;
    let cases = [
        (json!({}), None),
        (json!({ "Detail": "[]" }), Some("MalformedDetail")),
        (json!({ "Detail": "{" }), Some("MalformedDetail")),
        (json!({ "Source": null }), Some("InvalidArgument")),
        (json!({ "DetailType": "" }), Some("InvalidArgument")),
        (json!({ "Source": "aws.ec2" }), Some("NotAuthorizedForSourceException")),
        (json!({ "EventBusName": "unknown" }), Some("ResourceNotFoundException")),
        (json!({ "Source": "refused" }), Some("InternalFailure")),
    ];
    stack.refuse_events(|entry| match entry["Source"].as_str() {
        Some("refused") => Some(EventRefusal::Entry("InternalFailure")),
        Some("unavailable") => Some(EventRefusal::Request("InternalException")),
        _ => None,
    });
    let entries = cases.iter().map(|(change, _)| {
        let mut entry = json!({ "Source": "notes", "DetailType": "Other", "Detail": "{}" });
        entry.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        entry
    });
    let (status, answer) = put_events(&stack, entries.collect()).await;
    assert_eq!((status, &answer["FailedEntryCount"]), (200, &json!(7)));
    for ((change, code), result) in cases.iter().zip(answer["Entries"].as_array().expect("a list")) {
        assert_eq!(result["ErrorCode"].as_str(), *code, "{change}");
        assert_eq!(result["EventId"].is_string(), code.is_none(), "{change}");
    }
    assert_eq!(stack.events().len(), 1);
    let unknown_bus = &answer["Entries"][6]["ErrorMessage"];
    assert_eq!(unknown_bus, "Event bus unknown does not exist. Event buses: default, notes.");

    let entry = |detail: usize| json!({ "Source": "notes", "DetailType": "d", "Detail": format!("{{\"a\":\"{}\"}}", "x".repeat(detail)) });
    let whole = [
        (json!([]), 400, "ValidationException"),
        (json!(vec![entry(1); 11]), 400, "ValidationException"),
        (json!([entry(200_000), entry(70_000)]), 400, "ValidationException"),
        (json!("none"), 400, "SerializationException"),
        (json!([entry(1), { "Source": "unavailable" }]), 500, "InternalException"),
    ];
    for (entries, status, kind) in whole {
        let (found, answer) = put_events(&stack, entries).await;
        assert_eq!((found, answer["__type"].as_str()), (status, Some(kind)));
    }
    let request = Client::new().post(stack.url()).header("X-Amz-Target", "AWSEvents.PutRule").body("{}");
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(answer["__type"], "UnknownOperationException");
    assert_eq!(stack.events().len(), 1);
}

#[tokio::test]
async fn failed_events_are_given_up_after_all_retries() {
    let (stack, log) = start_logged(options()).await;
    let entry =
        json!({ "Source": "notes", "DetailType": "Note", "Detail": r#"{"poison":true}"#, "EventBusName": "notes" });
    put_events(&stack, json!([entry])).await;
    stack.caught_up().await;
    let failures = stack.failures();
    stack.stop().await;
    assert_eq!(lines(&log, "event Note").len(), 3, "once, and two more times");
    let [failure] = &failures[..] else { panic!("one event: {failures:?}") };
    assert!(failure["destination"].as_str().is_some_and(|arn| arn.ends_with(":Dead")), "{failure}");
    assert_eq!(failure["message"]["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(failure["message"]["requestPayload"]["detail"], json!({ "poison": true }));
    assert_eq!(failure["message"]["responsePayload"]["errorType"], "Runtime.ExitError");
}

#[tokio::test]
async fn queues_receive_the_whole_event() {
    let (stack, log) = start_logged(options()).await;
    let entry = |kind: &str, bus: &str| json!({ "Source": "notes", "DetailType": kind, "Detail": "{\"price\":\n8742.00}", "EventBusName": bus });
    put_events(&stack, json!([entry("Lost", "notes"), entry("Lost", "default"), entry("Found", "notes")])).await;
    let (failures, events) = (stack.failures(), stack.events());
    stack.stop().await;
    let [failure] = &failures[..] else { panic!("one event: {failures:?}") };
    assert_eq!(failure["destination"], "arn:aws:sqs:us-east-1:000000000000:Dead");
    assert_eq!(failure["message"], events[0]);
    let id = events[0]["id"].as_str().expect("an id");
    let line = format!("notes: notes Lost {id} → arn:aws:sqs:us-east-1:000000000000:Dead");
    assert!(log.lines().contains(&line), "{:?}", log.lines());
}

#[tokio::test]
async fn messages_for_queues_keep_the_spelling_of_numbers() {
    let dir = tempfile::tempdir().expect("a directory");
    let (stack, _) = start_logged(Options { store: Store::Dir(dir.path().into()), ..options() }).await;
    let entry =
        json!({ "Source": "notes", "DetailType": "Lost", "Detail": r#"{"price":8742.00}"#, "EventBusName": "notes" });
    put_events(&stack, json!([entry])).await;
    stack.stop().await;
    let file = std::fs::read_to_string(dir.path().join("failures.jsonl")).expect("a file");
    assert!(file.contains(r#""detail":{"price":8742.00}"#), "{file}");
}
