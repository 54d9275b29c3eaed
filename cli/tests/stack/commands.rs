//! The commands that make and send events.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::{options, start};

/// Runs `carnet` with an input; its status, output and errors.
async fn carnet(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("carnet starts");
    // One that doesn't read its input ends before it is written.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes()).await;
    let output = child.wait_with_output().await.expect("ended");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

pub async fn an_event_is_printed_and_sent() {
    let stack = start(options()).await;
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

pub async fn what_cannot_be_sent_is_said() {
    let stack = start(options()).await;
    let gone = "http://127.0.0.1:1/";
    let cases = [
        (vec!["send", "nobody", "-", "--url", stack.url()], "error: Function not found: arn:aws:lambda:"),
        (vec!["send", "echo", "-", "--url", stack.url()], "error: Could not parse request body into json:"),
        (vec!["send", "echo", "/nowhere", "--url", stack.url()], "error: can't read /nowhere:"),
        (vec!["send", "echo", "-", "--url", gone], "error: no stack answers at http://127.0.0.1:1/;"),
    ];
    for (arguments, message) in cases {
        let (status, output, errors) = carnet(&arguments, "no event").await;
        assert_eq!((status, &*output), (Some(1), ""), "{arguments:?}");
        assert!(errors.starts_with(message), "{errors}");
    }
}
