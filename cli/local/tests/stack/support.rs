//! What the tests share: a stack with the function of `examples/echo.rs`.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use carnet_local::{InvocationOutcome, LogLines, Logs, Options, Stack};
use reqwest::Client;
use serde_json::{Value, json};

/// The example's executable, which cargo builds with the tests, in a directory beside theirs.
fn echo_executable() -> PathBuf {
    let tests = env::current_exe().expect("a path");
    let target = tests.parent().and_then(Path::parent).expect("target/debug");
    let echo = target.join("examples/echo");
    assert!(echo.is_file(), "{} is missing: run `cargo build -p carnet-local --examples`", echo.display());
    echo
}

/// The options of a stack with the test template.
pub fn options() -> Options {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/template.yaml");
    Options::new(template, BTreeMap::from([("echo".to_owned(), echo_executable())]))
}

pub async fn start(options: Options) -> Stack {
    Stack::start(options).await.expect("a stack")
}

/// A stack whose log is collected, and that retries at once.
pub async fn start_logged(options: Options) -> (Stack, LogLines) {
    let log = LogLines::default();
    let stack = start(Options { logs: Logs::Collect(log.clone()), backoff: Duration::from_millis(1), ..options }).await;
    (stack, log)
}

pub async fn echo(stack: &Stack, event: Value) -> InvocationOutcome {
    stack.invoke("echo", event.to_string()).await.expect("the function exists")
}

pub fn parsed(outcome: &InvocationOutcome) -> Value {
    serde_json::from_slice(outcome.payload()).expect("JSON")
}

/// Writes notes of one owner in one transaction.
pub async fn write(stack: &Stack, owner: &str, ids: &[&str]) {
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

/// Calls PutEvents. Returns the status and the answer.
pub async fn put_events(stack: &Stack, entries: Value) -> (u16, Value) {
    let request = Client::new().post(stack.url()).header("X-Amz-Target", "AWSEvents.PutEvents");
    let answer = request.body(json!({ "Entries": entries }).to_string()).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

/// The lines of the log that begin with a word, without it. Complete once the stack has stopped.
pub fn lines(log: &LogLines, word: &str) -> Vec<String> {
    log.lines().iter().filter_map(|line| Some(line.strip_prefix(word)?.trim_start().to_owned())).collect()
}
