//! The function that the tests of the stack invoke. It speaks the Runtime API itself and does what the event asks for.
//!
//! | event | what it does |
//! |---|---|
//! | `sleep`, in ms | waits before it answers |
//! | `exit`, a status | ends its process |
//! | `fail` | answers with an error |
//! | `bytes`, a number | answers with so many bytes and the rest |
//! | records | prints their ids; fails at `broken…`, ends its process at `poison…`, publishes an event for `publish…` |
//! | event of an event bus | prints it; ends its process if the detail has `poison` |
//! | any other | answers with the event, its process id and the table's name |
//!
//! The first four are in the query of an HTTP event.

#![allow(clippy::expect_used, reason = "a function that can't go on ends its process")]

use std::env;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let api = env::var("AWS_LAMBDA_RUNTIME_API").expect("a function is started by Lambda");
    let client = Client::new();
    let api = format!("http://{api}/2018-06-01/runtime/invocation");
    // Ends when the Runtime API is gone.
    while serve(&client, &api).await.is_some() {}
}

/// Answers one invocation.
async fn serve(client: &Client, api: &str) -> Option<()> {
    let invocation = client.get(format!("{api}/next")).send().await.ok()?;
    let id = invocation.headers()["lambda-runtime-aws-request-id"].to_str().ok()?.to_owned();
    let event: Value = invocation.json().await.ok()?;
    let query = &event["queryStringParameters"];
    let order = |name: &str| event[name].as_u64().or_else(|| query[name].as_str()?.parse().ok());
    match describe(client, &event).await {
        Some(line) => println!("{line}"),
        None => println!("call {id}"),
    }
    if let Some(ms) = order("sleep") {
        sleep(Duration::from_millis(ms)).await;
    }
    if let Some(status) = order("exit") {
        std::process::exit(status.try_into().ok()?);
    }
    let (path, answer) = match (order("fail"), answer(&event)) {
        (None, Some(answer)) => ("response", answer),
        (Some(_), _) => ("error", json!({"errorType": "Refused", "errorMessage": "as asked"})),
        (None, None) => {
            let padding = "x".repeat(order("bytes").unwrap_or(0).try_into().ok()?);
            let table = env::var("NOTES_TABLE").ok()?;
            let runtime_api = env::var("AWS_LAMBDA_RUNTIME_API").ok()?;
            (
                "response",
                json!({"pid": std::process::id(), "event": event, "table": table, "runtime_api": runtime_api, "padding": padding}),
            )
        }
    };
    client.post(format!("{api}/{id}/{path}")).body(answer.to_string()).send().await.ok()?;
    Some(())
}

/// The ids and sequence numbers of stream records; of messages, their ids twice.
fn records(event: &Value) -> impl Iterator<Item = (&str, &str)> {
    let records = event["Records"].as_array().into_iter().flatten();
    records.filter_map(|record| {
        let message = record["messageId"].as_str().map(|id| (id, id));
        message.or_else(|| {
            Some((record["dynamodb"]["Keys"]["id"]["S"].as_str()?, record["dynamodb"]["SequenceNumber"].as_str()?))
        })
    })
}

/// The line it prints for an event of an event source. Records whose ids begin with `publish` make it publish an event.
async fn describe(client: &Client, event: &Value) -> Option<String> {
    if let Some(detail_type) = event["detail-type"].as_str() {
        return Some(format!("event {detail_type} {}", event["detail"]));
    }
    let ids: Vec<&str> = records(event).map(|(id, _)| id).collect();
    for id in ids.iter().filter(|id| id.starts_with("publish")) {
        let url = env::var("AWS_ENDPOINT_URL_EVENTBRIDGE").ok()?;
        let bus = env::var("BUS").ok()?;
        let detail = json!({ "id": id }).to_string();
        let entry = json!({ "Source": "notes", "DetailType": "NoteChanged", "Detail": detail, "EventBusName": bus });
        let request = client.post(url).header("X-Amz-Target", "AWSEvents.PutEvents");
        request.body(json!({ "Entries": [entry] }).to_string()).send().await.expect("an answer");
    }
    (!ids.is_empty()).then(|| format!("changes {}", ids.join(" ")))
}

/// The partial batch response to records: those whose ids begin with `broken` fail, each with a log line.
fn answer(event: &Value) -> Option<Value> {
    if event["detail"]["poison"].is_boolean() || records(event).any(|(id, _)| id.starts_with("poison")) {
        std::process::exit(1);
    }
    let broken = records(event).filter(|(id, _)| id.starts_with("broken"));
    let failures: Vec<Value> = broken
        .map(|(_, identifier)| {
            println!(
                "{}",
                json!({"level": "WARN", "message": "a record failed", "record": identifier, "error": "Broken"})
            );
            json!({ "itemIdentifier": identifier })
        })
        .collect();
    event.get("Records").map(|_| json!({ "batchItemFailures": failures }))
}
