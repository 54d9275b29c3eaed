//! The commands that print and send events, against a stack with the function of `local/examples/echo.rs`.

mod support;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use carnet_local::{LogLines, Logs, Options, Stack, Store};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use support::{Ended, ended, output};

/// The example's executable, which cargo builds with the tests, in a directory beside theirs.
fn echo_executable() -> PathBuf {
    let tests = env::current_exe().expect("a path");
    let target = tests.parent().and_then(Path::parent).expect("target/debug");
    let echo = target.join("examples/echo-for-commands");
    assert!(echo.is_file(), "{} is missing: run `cargo build -p carnet --examples`", echo.display());
    echo
}

async fn start(store: Store) -> Stack {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("local/tests/stack/template.yaml");
    let binaries = BTreeMap::from([("echo".to_owned(), echo_executable())]);
    let logs = Logs::Collect(LogLines::default());
    Stack::start(Options { store, logs, ..Options::new(template, binaries) }).await.expect("a stack")
}

/// Publishes one event on the bus of the template.
async fn publish(stack: &Stack, detail_type: &str) {
    let entry = json!({ "Source": "orders", "DetailType": detail_type, "Detail": "{}", "EventBusName": "notes" });
    let request = Client::new().post(stack.url()).header("X-Amz-Target", "AWSEvents.PutEvents");
    let answer = request.body(json!({ "Entries": [entry] }).to_string()).send().await.expect("an answer");
    assert!(answer.status().is_success());
}

/// Runs `carnet` with an input.
async fn carnet(arguments: &[&str], input: &str) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
    command.args(arguments);
    ended(output(command, input).await)
}

#[tokio::test]
async fn an_event_is_printed_and_sent() {
    let stack = start(Store::Memory).await;
    let tenant = "6c1f8a57-2f0e-4b5e-9d57-0a1e1a0d9a11";
    let (status, event, _) = carnet(&["events", "direct", "record-message", "--tenant", tenant], "").await;
    assert_eq!(status, Some(0));
    let (status, answer, errors) = carnet(&["send", "echo", "-", "--url", stack.url()], &event).await;
    assert_eq!((status, &*errors), (Some(0), ""));
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["event"]["tenant_id"], tenant);
    assert_eq!(answer["event"]["input"]["direction"], "in");

    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), r#"{"fail":1}"#).expect("written");
    let path = file.path().to_str().expect("text");
    let (status, answer, errors) = carnet(&["send", "EchoFunction", path, "--url", stack.url()], "").await;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((status, &*errors), (Some(1), "error: the function failed\n"));
    assert_eq!(answer, json!({"errorType": "Refused", "errorMessage": "as asked"}));

    let (status, list, _) = carnet(&["events"], "").await;
    assert_eq!(status, Some(0));
    for kind in ["direct", "pipes", "sqs", "sqs-fifo", "eventbridge", "http", "rest", "dynamodb"] {
        assert!(list.contains(&format!("\n  {kind} ")), "{list}");
        let (status, event, _) = carnet(&["events", kind], "").await;
        assert_eq!((status, serde_json::from_str::<Value>(&event).is_ok()), (Some(0), true), "{kind}");
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_sent_is_an_error_with_its_cause() {
    let stack = start(Store::Memory).await;
    let gone = "http://127.0.0.1:1/";
    let url = stack.url();
    let cases = [
        (
            ["send", "unknown", "-", "--url", url],
            "error: Function not found: arn:aws:lambda:",
            "the functions are echo\n",
        ),
        (["send", "ehco", "-", "--url", url], "error: Function not found: arn:aws:lambda:", "; did you mean `echo`?\n"),
        (["send", "echo", "-", "--url", url], "error: Could not parse request body into json:", "\n"),
        (["send", "echo", "/nowhere", "--url", url], "error: can't read /nowhere:", "\n"),
        (["send", "echo", "-", "--url", gone], "error: no stack answers at http://127.0.0.1:1/;", "`carnet dev`\n"),
    ];
    for (arguments, message, end) in cases {
        let (status, output, errors) = carnet(&arguments, "no event").await;
        assert_eq!((status, &*output), (Some(1), ""), "{arguments:?}");
        assert!(errors.starts_with(message) && errors.ends_with(end), "{errors}");
    }
}

#[tokio::test]
async fn failed_records_are_an_error_that_names_them_and_why() {
    let stack = start(Store::Memory).await;
    let event = json!({ "Records": [{ "messageId": "a" }, { "messageId": "broken-1" }] }).to_string();
    let (status, answer, errors) = carnet(&["send", "echo", "-", "--url", stack.url()], &event).await;
    assert_eq!(answer, "{\"batchItemFailures\":[{\"itemIdentifier\":\"broken-1\"}]}\n");
    let message =
        "error: the function failed at 1 of 2 records:\n  record 2 (broken-1): a record failed error=Broken\n";
    assert_eq!((status, &*errors), (Some(1), message));

    let event = json!({ "Records": [{ "messageId": "a" }] }).to_string();
    let (status, _, errors) = carnet(&["send", "echo", "-", "--url", stack.url()], &event).await;
    assert_eq!((status, &*errors), (Some(0), ""));
}

#[tokio::test]
async fn published_events_are_printed_as_they_come() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let data = data.to_str().expect("text");
    let (status, _, errors) = carnet(&["events", "tail", "--data", data], "").await;
    assert_eq!(status, Some(1));
    assert!(
        errors.starts_with(&format!("error: there is no {data}/events.jsonl")) && errors.contains("--url"),
        "{errors}"
    );

    let kept = start(Store::Dir(data.into())).await;
    let memory = start(Store::Memory).await;
    for (stack, source) in [(&kept, ["--data", data]), (&memory, ["--url", memory.url()])] {
        for n in 0..3 {
            publish(stack, &format!("Order{n}")).await;
        }
        let (status, printed, _) = carnet(&["events", "tail", "-n", "2", source[0], source[1]], "").await;
        assert_eq!((status, printed.lines().count()), (Some(0), 2), "{printed}");

        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(["events", "tail", "--follow", "-n", "1"]).args(source);
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("carnet starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut next = async || {
            let line = timeout(Duration::from_secs(5), lines.next_line()).await.expect("in time").expect("readable");
            serde_json::from_str::<Value>(&line.expect("a line")).expect("JSON")["detail-type"].clone()
        };
        assert_eq!(next().await, "Order2");
        publish(stack, "Order3").await;
        assert_eq!(next().await, "Order3");
    }
}
