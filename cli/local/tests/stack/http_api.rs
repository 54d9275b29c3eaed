//! The HTTP API.

use std::time::Duration;

use carnet_local::Options;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::support::{echo, options, parsed, put_events, start, start_logged};

#[tokio::test]
async fn requests_reach_the_function_and_errors_are_api_gateways() {
    let stack = start(options()).await;
    let client = Client::new();
    let url = |path: &str| format!("{}{path}", stack.url());

    let answer = client.put(url("/echo/a/b?x=1")).body("hello").send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["table"], "NotesTable");
    assert_eq!(answer["event"]["routeKey"], "ANY /echo/{name}/{part}");
    assert_eq!(answer["event"]["pathParameters"], json!({"name": "a", "part": "b"}));
    assert_eq!(answer["event"]["body"], "hello");

    let large = || "z".repeat(7_000_000);
    let cases = [
        (client.get(url("/nowhere")), StatusCode::NOT_FOUND, "Not Found"),
        (client.get(url("/echo/a?fail=1")), StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        (client.get(url("/echo/a?exit=1")), StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        (client.get(url("/echo/a?sleep=5000")), StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        (client.post(url("/echo/a")).body(large()), StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
    ];
    for (request, status, message) in cases {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({ "message": message }));
    }
}

#[tokio::test]
async fn a_client_that_disconnects_does_not_end_the_process() {
    let stack = start(Options { processes: 1, ..options() }).await;
    let pid = parsed(&echo(&stack, json!({})).await)["pid"].clone();
    let request = Client::new().get(format!("{}/echo/a?sleep=300", stack.url()));
    request.timeout(Duration::from_millis(100)).send().await.expect_err("a timeout");
    assert_eq!(parsed(&echo(&stack, json!({})).await)["pid"], pid);
    assert_eq!(stack.processes("echo").expect("a count"), 1);
}

#[tokio::test]
async fn every_call_is_one_log_line_without_its_query() {
    let (stack, log) = start_logged(options()).await;
    let client = Client::new();
    let get = async |path: &str| {
        client.get(format!("{}{path}", stack.url())).send().await.expect("an answer").status();
    };
    get("/echo/a?phone=4155550123").await;
    get("/nowhere?x=4155550123").await;
    client.post(format!("{}/2015-03-31/functions/echo/invocations", stack.url())).send().await.expect("an answer");
    put_events(&stack, json!([])).await;
    let calls = log.calls();
    let without_time = |line: &String| {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(words[3].parse::<u32>().is_ok() && words[4] == "ms", "{line}");
        format!("{} {}", words[..3].join(" "), words[5..].join(" "))
    };
    assert_eq!(
        calls.iter().map(without_time).collect::<Vec<_>>(),
        ["GET /echo/a 200 echo", "GET /nowhere 404 ", "POST /2015-03-31/functions/echo/invocations 200 echo"]
    );
    assert!(!calls.concat().contains("4155550123") && !log.lines().concat().contains("4155550123"));
}
