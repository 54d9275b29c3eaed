//! DynamoDB throttles: the import slows down, and no row fails.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::counts;
use crate::support::{Dev, ended, output};

/// How many writes are throttled in all.
const THROTTLED: usize = 400;

/// Forwards requests to DynamoDB, and throttles four of five writes until [`THROTTLED`] have been.
async fn forward(engine: &str, seen: &AtomicUsize, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let is_write = target.ends_with("PutItem") || target.ends_with("TransactWriteItems");
    if is_write && !seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(5) && seen.load(Ordering::Relaxed) < THROTTLED {
        let refusal = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}"#;
        return (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], refusal).into_response();
    }
    let mut request = reqwest::Client::new().post(engine).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| !["host", "content-length"].contains(&name.as_str())) {
        request = request.header(name, value);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("a body")).into_response()
}

#[tokio::test]
async fn throttling_slows_an_import_down_and_fails_no_row() {
    let dev = Dev::start().await;
    let mut addresses = dev.addresses();
    let engine = addresses["dynamodb_url"].as_str().expect("a URL").to_owned();
    let seen = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let counter = Arc::clone(&seen);
    let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
        let (engine, counter) = (engine.clone(), Arc::clone(&counter));
        async move { forward(&engine, &counter, headers, body).await }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });

    // A data directory whose stack answers through the proxy.
    let data = dev.dir.path().join("throttled");
    std::fs::create_dir(&data).expect("created");
    let lock = File::create(data.join("lock")).expect("created");
    lock.lock().expect("locked");
    addresses["dynamodb_url"] = url.into();
    std::fs::write(data.join("stack.json"), addresses.to_string()).expect("written");

    let rows: String = (0..300).map(|n| format!("Ana {n},+55119{},{}\n", 80_000_000 + n, ["", "vip"][n % 2])).collect();
    let path = dev.file("contacts.csv", format!("name,phone,tags\n{rows}"));
    let mut import = Command::new(env!("CARGO_BIN_EXE_carnet"));
    import.args(["import", &path, "--tenant", "demo", "--json", "--data"]).arg(&data).current_dir(dev.dir.path());
    let (status, stdout, errors) = ended(output(import, "").await);
    assert_eq!(status, Some(0), "{stdout}{errors}");
    assert_eq!(serde_json::from_str::<Value>(&stdout).expect("JSON"), counts(300, 0, 0, 0, 0));
    assert!(seen.load(Ordering::Relaxed) >= THROTTLED, "{seen:?}");
    assert_eq!(dev.contacts("demo").await.len(), 300);
}
