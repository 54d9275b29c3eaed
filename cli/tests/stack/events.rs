//! What calls a function besides HTTP: changes of a table, and events of a bus.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use carnet::stack::{LogLines, Logs, Options, Stack, Store};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::yield_now;

use crate::{options, start};

fn records(event: &Value) -> impl Iterator<Item = (&str, &str)> {
    let records = event["Records"].as_array().into_iter().flatten();
    records.filter_map(|record| {
        Some((record["dynamodb"]["Keys"]["id"]["S"].as_str()?, record["dynamodb"]["SequenceNumber"].as_str()?))
    })
}

/// What the function says to events, and does: the ids of the notes it is told of, some of which make it publish.
pub async fn told(client: &Client, event: &Value) -> Option<String> {
    if let Some(kind) = event["detail-type"].as_str() {
        return Some(format!("event {kind} {}", event["detail"]));
    }
    let ids: Vec<&str> = records(event).map(|(id, _)| id).collect();
    for id in ids.iter().filter(|id| id.starts_with("publish")) {
        let url = std::env::var("AWS_ENDPOINT_URL_EVENTBRIDGE").ok()?;
        let bus = std::env::var("BUS").ok()?;
        let detail = json!({ "id": id }).to_string();
        let entry = json!({ "Source": "notes", "DetailType": "NoteChanged", "Detail": detail, "EventBusName": bus });
        put_events(client, &url, json!([entry])).await;
    }
    (!ids.is_empty()).then(|| format!("changes {}", ids.join(" ")))
}

/// How it answers them: from a `broken` note on it hasn't worked, and a `poison` one it doesn't survive.
pub fn answer(event: &Value) -> Option<Value> {
    if event["detail"]["poison"].is_boolean() || records(event).any(|(id, _)| id.starts_with("poison")) {
        std::process::exit(1);
    }
    let broken = records(event).filter(|(id, _)| id.starts_with("broken"));
    let failures: Vec<Value> = broken.map(|(_, number)| json!({ "itemIdentifier": number })).collect();
    event.get("Records").map(|_| json!({ "batchItemFailures": failures }))
}

async fn put_events(client: &Client, url: &str, entries: Value) -> (u16, Value) {
    let request = client.post(url).header("X-Amz-Target", "AWSEvents.PutEvents");
    let answer = request.body(json!({ "Entries": entries }).to_string()).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

/// A stack whose log is read; what failed is tried again at once.
async fn listening(options: Options) -> (Stack, LogLines) {
    let log = LogLines::default();
    let stack = start(Options { logs: Logs::Collect(log.clone()), backoff: Duration::from_millis(1), ..options }).await;
    (stack, log)
}

/// Writes notes of one owner, all at once.
async fn write(stack: &Stack, owner: &str, ids: &[&str]) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let items = ids.iter().map(|id| {
        let put = Put::builder().table_name("NotesTable").item("owner", text(owner)).item("id", text(id));
        TransactWriteItem::builder()
            .put(put.item("n", AttributeValue::N("8742.00".into())).build().expect("a put"))
            .build()
    });
    let request = stack.dynamodb().transact_write_items().set_transact_items(Some(items.collect()));
    request.send().await.expect("written");
}

/// The lines of the log that begin with a word, without it. Processes that end have said everything.
fn lines(log: &LogLines, word: &str) -> Vec<String> {
    log.lines().iter().filter_map(|line| Some(line.strip_prefix(word)?.trim_start().to_owned())).collect()
}

pub async fn changes_are_told_in_order() {
    let (stack, log) = listening(options()).await;
    let ids: Vec<String> = (0..20).map(|n| format!("n{n:02}")).collect();
    for id in &ids {
        write(&stack, "told", &[id]).await;
        write(&stack, "quiet", &[id]).await;
    }
    stack.caught_up().await;
    stack.stop().await;
    let batches = lines(&log, "changes");
    assert_eq!(batches.iter().flat_map(|batch| batch.split(' ')).collect::<Vec<_>>(), ids);
    assert!(batches.iter().all(|batch| batch.split(' ').count() <= 3), "{batches:?}");
}

pub async fn reported_changes_come_again_and_are_given_up() {
    let (stack, log) = listening(options()).await;
    write(&stack, "told", &["a", "broken", "c"]).await;
    write(&stack, "told", &["d"]).await;
    stack.caught_up().await;
    let failures = stack.failures();
    stack.stop().await;
    // What came before is done; the rest comes again twice, as one, in its place.
    let expected = ["a broken c", "broken c", "broken c", "broken c", "d"];
    assert_eq!(lines(&log, "changes"), expected);
    let [failure] = &failures[..] else { panic!("one batch: {failures:?}") };
    assert!(failure["destination"].as_str().is_some_and(|arn| arn.ends_with(":Dead")), "{failure}");
    let message = &failure["message"];
    assert_eq!(message["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(message["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(message["DDBStreamBatchInfo"]["batchSize"], 2);
    assert_eq!(lines(&log, "echo: 2 changes of NotesTable given up").len(), 1);
}

pub async fn a_failed_batch_is_cut_down_to_the_bad_change() {
    let (stack, log) = listening(options()).await;
    write(&stack, "cut-short", &["a", "b", "poison", "d"]).await;
    stack.caught_up().await;
    let failures = stack.failures();
    stack.stop().await;
    assert_eq!(lines(&log, "changes"), ["a b poison d", "a b", "poison d", "poison", "poison", "d"]);
    let [failure] = &failures[..] else { panic!("one batch: {failures:?}") };
    assert_eq!(failure["destination"], Value::Null);
    assert_eq!(failure["message"]["DDBStreamBatchInfo"]["batchSize"], 1);
}

pub async fn what_was_not_told_is_told_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept = || Options { store: Store::Dir(dir.path().join("data")), ..options() };
    let (stack, log) = listening(kept()).await;
    write(&stack, "told", &["a"]).await;
    stack.caught_up().await;
    stack.stop().await;
    assert_eq!(lines(&log, "changes"), ["a"]);

    // A function that can't be started: the change waits for the next attempt, which is far away.
    let binaries = [("echo".to_owned(), "/nowhere".into())].into();
    let stack = start(Options { binaries, backoff: Duration::from_secs(3600), ..kept() }).await;
    write(&stack, "told", &["b"]).await;
    while stack.processes("echo").expect("a count") == 0 {
        yield_now().await;
    }
    stack.stop().await;

    let (stack, log) = listening(kept()).await;
    write(&stack, "told", &["c"]).await;
    stack.caught_up().await;
    stack.stop().await;
    assert_eq!(lines(&log, "changes").join(" "), "b c");
}

pub async fn a_table_gets_its_stream_later() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept = || Options { store: Store::Dir(dir.path().join("data")), ..options() };
    let template = std::fs::read_to_string(options().template).expect("the template");
    let (before, events) = template.split_once("        # Three ways").expect("the events");
    let (_, after) = events.split_once("\n\n").expect("resources");
    let without = dir.path().join("template.yaml");
    let text =
        format!("{before}\n{after}").replace("      StreamSpecification: { StreamViewType: NEW_AND_OLD_IMAGES }\n", "");
    std::fs::write(&without, text).expect("written");
    let stack = start(Options { template: without, ..kept() }).await;
    write(&stack, "told", &["untold"]).await;
    stack.stop().await;

    let (stack, log) = listening(kept()).await;
    write(&stack, "told", &["a"]).await;
    stack.caught_up().await;
    stack.stop().await;
    assert_eq!(lines(&log, "changes"), ["a"]);
}

pub async fn published_events_are_kept_and_passed_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let (stack, log) = listening(Options { store: Store::Dir(dir.path().into()), ..options() }).await;
    let event = |kind: &str, bus: &str, detail: &str| json!({ "Source": "notes", "DetailType": kind, "Detail": detail, "EventBusName": bus });
    let mut entries = vec![
        event("NoteMade", "notes", "{\"price\":\n8742.00}"),
        event("NoteMade", "arn:aws:events:us-east-1:000000000000:event-bus/notes", "{}"),
        event("Other", "notes", "{}"),
        event("NoteMade", "default", "{}"),
    ];
    entries[1]["Time"] = json!(1_767_225_600.5);
    entries[1]["Resources"] = json!(["a"]);
    let (status, answer) = put_events(&Client::new(), stack.url(), json!(entries)).await;
    assert_eq!((status, &answer["FailedEntryCount"]), (200, &json!(0)));
    stack.caught_up().await;
    let events = stack.events();
    stack.stop().await;

    let mut told = lines(&log, "event NoteMade");
    told.sort();
    assert_eq!(told, [r#"{"price":8742.0}"#, "{}"]);
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
    assert_eq!(lines(&log, "notes: notes Other").len(), 1);
}

pub async fn entries_that_are_wrong_fail_one_by_one() {
    let (stack, _) = listening(options()).await;
    let client = Client::new();
    let cases = [
        (json!({}), None),
        (json!({ "Detail": "[]" }), Some("MalformedDetail")),
        (json!({ "Detail": "{" }), Some("MalformedDetail")),
        (json!({ "Source": null }), Some("InvalidArgument")),
        (json!({ "DetailType": "" }), Some("InvalidArgument")),
        (json!({ "Source": "aws.ec2" }), Some("NotAuthorizedForSourceException")),
        (json!({ "EventBusName": "nobody" }), Some("ResourceNotFoundException")),
        (json!({ "Source": "refused" }), Some("InternalFailure")),
    ];
    stack.refuse_events(|entry| entry["Source"] == "refused");
    let entries = cases.iter().map(|(change, _)| {
        let mut entry = json!({ "Source": "notes", "DetailType": "Other", "Detail": "{}" });
        entry.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        entry
    });
    let (status, answer) = put_events(&client, stack.url(), entries.collect()).await;
    assert_eq!((status, &answer["FailedEntryCount"]), (200, &json!(7)));
    for ((change, code), result) in cases.iter().zip(answer["Entries"].as_array().expect("a list")) {
        assert_eq!(result["ErrorCode"].as_str(), *code, "{change}");
        assert_eq!(result["EventId"].is_string(), code.is_none(), "{change}");
    }
    assert_eq!(stack.events().len(), 1);

    let entry = |detail: usize| json!({ "Source": "notes", "DetailType": "d", "Detail": format!("{{\"a\":\"{}\"}}", "x".repeat(detail)) });
    let whole = [
        (json!([]), 400, "ValidationException"),
        (json!(vec![entry(1); 11]), 400, "ValidationException"),
        (json!([entry(200_000), entry(70_000)]), 400, "ValidationException"),
        (json!("none"), 400, "SerializationException"),
    ];
    for (entries, status, kind) in whole {
        let (found, answer) = put_events(&client, stack.url(), entries).await;
        assert_eq!((found, answer["__type"].as_str()), (status, Some(kind)));
    }
    let request = client.post(stack.url()).header("X-Amz-Target", "AWSEvents.PutRule").body("{}");
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(answer["__type"], "UnknownOperationException");
    assert_eq!(stack.events().len(), 1);
}

pub async fn events_that_fail_are_given_up() {
    let (stack, log) = listening(options()).await;
    let entry =
        json!({ "Source": "notes", "DetailType": "Note", "Detail": r#"{"poison":true}"#, "EventBusName": "notes" });
    put_events(&Client::new(), stack.url(), json!([entry])).await;
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

pub async fn changes_become_events() {
    let (stack, log) = listening(options()).await;
    write(&stack, "told", &["publish-1", "b", "publish-2"]).await;
    stack.caught_up().await;
    let details: Vec<Value> = stack.events().iter().map(|event| event["detail"].clone()).collect();
    stack.stop().await;
    assert_eq!(details, [json!({ "id": "publish-1" }), json!({ "id": "publish-2" })]);
    assert_eq!(lines(&log, "event NoteChanged").len(), 2);
}

pub async fn another_server_keeps_its_streams() {
    let engine = start(options()).await;
    let (stack, log) = listening(Options { store: Store::Url(engine.dynamodb_url().to_owned()), ..options() }).await;
    write(&stack, "told", &["a"]).await;
    stack.caught_up().await;
    assert_eq!(stack.processes("echo").expect("a count"), 0);
    stack.stop().await;
    assert_eq!(lines(&log, "echo/Told is not told of changes of NotesTable").len(), 1);
}
