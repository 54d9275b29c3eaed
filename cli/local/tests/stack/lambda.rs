//! Processes and the Invoke API.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use carnet_local::{Error, InvocationOutcome, LogLines, Logs, Options};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::support::{echo, options, parsed, start};

#[tokio::test]
async fn overlapping_invocations_get_a_process_each() {
    let stack = start(Options { processes: 2, ..options() }).await;
    assert_eq!(stack.processes("echo").expect("a count"), 0);
    echo(&stack, json!({})).await;
    echo(&stack, json!({})).await;
    assert_eq!(stack.processes("EchoFunction").expect("a count"), 1);

    let begun = Instant::now();
    let call = || async { parsed(&echo(&stack, json!({"sleep": 200})).await)["pid"].clone() };
    let (a, b, c) = tokio::join!(call(), call(), call());
    assert_ne!(a, b);
    assert!(c == a || c == b, "the third waited for one of the first two");
    assert!(begun.elapsed() >= Duration::from_millis(400));
    assert_eq!(stack.processes("echo").expect("a count"), 2);
}

#[tokio::test]
async fn a_process_that_ends_fails_its_invocation_and_is_replaced() {
    let stack = start(options()).await;
    let first = parsed(&echo(&stack, json!({})).await)["pid"].clone();
    let outcome = echo(&stack, json!({"exit": 3})).await;
    assert!(matches!(outcome, InvocationOutcome::Failed(_)));
    let error = parsed(&outcome);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    assert!(error["errorMessage"].as_str().is_some_and(|text| text.ends_with("exit status: 3")), "{error}");
    assert_ne!(parsed(&echo(&stack, json!({})).await)["pid"], first);

    let error = parsed(&echo(&stack, json!({"fail": 1})).await);
    assert_eq!(error, json!({"errorType": "Refused", "errorMessage": "as asked"}));
    assert_eq!(stack.processes("echo").expect("a count"), 2, "a process that reported an error is used again");

    // A process that ends before its first invocation: the invocation fails and is not retried.
    let broken = BTreeMap::from([("echo".to_owned(), PathBuf::from("/bin/false"))]);
    let stack = start(Options { binaries: broken, ..options() }).await;
    assert_eq!(parsed(&echo(&stack, json!({})).await)["errorType"], "Runtime.ExitError");
    assert_eq!(stack.processes("echo").expect("a count"), 1);
}

#[tokio::test]
async fn a_timeout_ends_the_process() {
    let stack = start(options()).await;
    let outcome = echo(&stack, json!({"sleep": 5000})).await;
    assert!(matches!(outcome, InvocationOutcome::TimedOut(_)));
    let error = parsed(&outcome);
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    let message = error["errorMessage"].as_str().expect("text");
    assert!(message.ends_with("Task timed out after 2.00 seconds"), "{message}");
    assert!(matches!(echo(&stack, json!({})).await, InvocationOutcome::Answered(_)));
    assert_eq!(stack.processes("echo").expect("a count"), 2);
}

#[tokio::test]
async fn an_answer_of_more_than_6_mb_fails() {
    let stack = start(options()).await;
    assert!(echo(&stack, json!({"bytes": 5_000_000})).await.payload().len() > 5_000_000);
    let error = parsed(&echo(&stack, json!({"bytes": 7_000_000})).await);
    assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
    assert!(matches!(echo(&stack, json!({})).await, InvocationOutcome::Answered(_)));
}

#[tokio::test]
async fn the_invoke_api_answers_as_aws_does() {
    let stack = start(options()).await;
    let client = Client::new();
    let cases = [
        ("echo", "RequestResponse", "{}", 200, None, None),
        ("EchoFunction", "RequestResponse", "", 200, None, None),
        ("arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST", "RequestResponse", "{}", 200, None, None),
        ("echo", "RequestResponse", r#"{"fail":1}"#, 200, Some("Unhandled"), None),
        ("echo", "Event", "{}", 202, None, None),
        ("echo", "DryRun", "{}", 204, None, None),
        ("echo", "Later", "{}", 400, None, Some("InvalidParameterValueException")),
        ("echo", "RequestResponse", "{", 400, None, Some("InvalidRequestContentException")),
        ("unknown", "RequestResponse", "{}", 404, None, Some("ResourceNotFoundException")),
    ];
    for (name, kind, event, status, function_error, error) in cases {
        let url = format!("{}/2015-03-31/functions/{name}/invocations", stack.url());
        let request = client.post(url).header("X-Amz-Invocation-Type", kind).body(event);
        let answer = request.send().await.expect("an answer");
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("text"));
        assert_eq!(
            (answer.status().as_u16(), header("X-Amz-Function-Error"), header("X-Amzn-Errortype")),
            (status, function_error, error),
            "{name} {kind} {event}"
        );
    }
    assert!(matches!(stack.invoke("unknown", "{}").await, Err(Error::NoFunction(_))));
}

#[tokio::test]
async fn stopping_ends_processes_and_collects_their_output() {
    let logs = LogLines::default();
    let stack = start(Options { logs: Logs::Collect(logs.clone()), ..options() }).await;
    let pid = parsed(&echo(&stack, json!({})).await)["pid"].clone();
    let (url, client) = (format!("{}/echo/a?sleep=1900", stack.url()), Client::new());
    let running = tokio::spawn(async move { client.get(url).send().await.map(|answer| answer.status()) });
    // The function prints a line when an invocation has reached it.
    while logs.lines().len() < 2 {
        tokio::task::yield_now().await;
    }

    stack.stop().await;
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(logs.lines().len(), 2);
    let status = running.await.expect("no panic").expect("an answer");
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn an_invocation_returns_the_tail_of_its_log() {
    let stack = start(Options { logs: Logs::Collect(LogLines::default()), ..options() }).await;
    let url = format!("{}/2015-03-31/functions/echo/invocations", stack.url());
    let invoke = async |id: &str| {
        let event = json!({ "Records": [{ "messageId": id }] }).to_string();
        let answer = Client::new().post(&url).header("X-Amz-Log-Type", "Tail").body(event).send().await;
        let log = answer.expect("an answer").headers()["X-Amz-Log-Result"].as_bytes().to_owned();
        String::from_utf8(STANDARD.decode(log).expect("base64")).expect("text")
    };
    let log = invoke("broken-1").await;
    assert!(log.starts_with("changes broken-1\n") && log.contains(r#""error":"Broken""#), "{log}");
    assert_eq!(invoke("b").await, "changes b\n", "of this invocation only");
}

#[tokio::test]
async fn functions_are_listed() {
    let stack = start(options()).await;
    let answer = Client::new().get(format!("{}/2015-03-31/functions/", stack.url())).send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["Functions"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["Functions"][0]["FunctionName"], "echo");
}
