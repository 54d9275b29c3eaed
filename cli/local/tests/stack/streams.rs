//! Event source mappings of a table's stream.

use std::time::Duration;

use carnet_local::{Options, Store};
use serde_json::{Value, json};
use tokio::task::yield_now;

use crate::support::{lines, options, start, start_logged, write};

#[tokio::test]
async fn changes_are_delivered_in_order() {
    let (stack, log) = start_logged(options()).await;
    let ids: Vec<String> = (0..20).map(|n| format!("n{n:02}")).collect();
    for id in &ids {
        write(&stack, "partial", &[id]).await;
        write(&stack, "quiet", &[id]).await;
    }
    stack.caught_up().await;
    stack.stop().await;
    let batches = lines(&log, "changes");
    assert_eq!(batches.iter().flat_map(|batch| batch.split(' ')).collect::<Vec<_>>(), ids);
    assert!(batches.iter().all(|batch| batch.split(' ').count() <= 3), "{batches:?}");
}

#[tokio::test]
async fn failed_records_are_redelivered_and_given_up_after_all_retries() {
    let (stack, log) = start_logged(options()).await;
    write(&stack, "partial", &["a", "broken", "c"]).await;
    write(&stack, "partial", &["d"]).await;
    stack.caught_up().await;
    let failures = stack.failures();
    stack.stop().await;
    // The records before the failed one are processed; the others are retried twice, as one batch, before the next one.
    let expected = ["a broken c", "broken c", "broken c", "broken c", "d"];
    assert_eq!(lines(&log, "changes"), expected);
    let [failure] = &failures[..] else { panic!("one batch: {failures:?}") };
    assert!(failure["destination"].as_str().is_some_and(|arn| arn.ends_with(":Dead")), "{failure}");
    let message = &failure["message"];
    assert_eq!(message["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(message["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(message["DDBStreamBatchInfo"]["batchSize"], 2);
    assert_eq!(lines(&log, "echo: 2 changes of NotesTable failed after all retries").len(), 1);
}

#[tokio::test]
async fn a_failed_batch_is_bisected_down_to_the_bad_record() {
    let (stack, log) = start_logged(options()).await;
    write(&stack, "bisected", &["a", "b", "poison", "d"]).await;
    stack.caught_up().await;
    let failures = stack.failures();
    stack.stop().await;
    assert_eq!(lines(&log, "changes"), ["a b poison d", "a b", "poison d", "poison", "poison", "d"]);
    let [failure] = &failures[..] else { panic!("one batch: {failures:?}") };
    assert_eq!(failure["destination"], Value::Null);
    assert_eq!(failure["message"]["DDBStreamBatchInfo"]["batchSize"], 1);
}

#[tokio::test]
async fn records_that_were_not_processed_are_delivered_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept = || Options { store: Store::Dir(dir.path().join("data")), ..options() };
    let (stack, log) = start_logged(kept()).await;
    write(&stack, "partial", &["a"]).await;
    stack.caught_up().await;
    stack.stop().await;
    assert_eq!(lines(&log, "changes"), ["a"]);

    // A function that cannot be started: the record waits for a retry that the test does not live to see.
    let binaries = [("echo".to_owned(), "/nowhere".into())].into();
    let stack = start(Options { binaries, backoff: Duration::from_secs(3600), ..kept() }).await;
    write(&stack, "partial", &["b"]).await;
    while stack.processes("echo").expect("a count") == 0 {
        yield_now().await;
    }
    stack.stop().await;

    let (stack, log) = start_logged(kept()).await;
    write(&stack, "partial", &["c"]).await;
    stack.caught_up().await;
    stack.stop().await;
    assert_eq!(lines(&log, "changes").join(" "), "b c");
}

#[tokio::test]
async fn a_table_without_a_stream_gets_one_later() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept = || Options { store: Store::Dir(dir.path().join("data")), ..options() };
    let template = std::fs::read_to_string(options().template).expect("the template");
    let (before, events) = template.split_once("  # Three event").expect("the mappings");
    let (_, after) = events.split_once("\n\n").expect("resources");
    let without = dir.path().join("template.yaml");
    let text =
        format!("{before}\n{after}").replace("      StreamSpecification: { StreamViewType: NEW_AND_OLD_IMAGES }\n", "");
    std::fs::write(&without, text).expect("written");
    let stack = start(Options { template: without, ..kept() }).await;
    write(&stack, "partial", &["before"]).await;
    stack.stop().await;

    let (stack, log) = start_logged(kept()).await;
    write(&stack, "partial", &["a"]).await;
    stack.caught_up().await;
    stack.stop().await;
    assert_eq!(lines(&log, "changes"), ["a"]);
}

#[tokio::test]
async fn a_function_on_a_stream_publishes_events() {
    let (stack, log) = start_logged(options()).await;
    write(&stack, "partial", &["publish-1", "b", "publish-2"]).await;
    stack.caught_up().await;
    let details: Vec<Value> = stack.events().iter().map(|event| event["detail"].clone()).collect();
    stack.stop().await;
    assert_eq!(details, [json!({ "id": "publish-1" }), json!({ "id": "publish-2" })]);
    assert_eq!(lines(&log, "event NoteChanged").len(), 2);
}

#[tokio::test]
async fn streams_of_another_server_are_not_read() {
    let engine = start(options()).await;
    let (stack, log) = start_logged(Options { store: Store::Url(engine.dynamodb_url().to_owned()), ..options() }).await;
    write(&stack, "partial", &["a"]).await;
    stack.caught_up().await;
    assert_eq!(stack.processes("echo").expect("a count"), 0);
    stack.stop().await;
    assert_eq!(lines(&log, "echo/Partial gets no records of NotesTable").len(), 1);
}
