//! The stack with a real function process.
//!
//! The function is this very executable: started by a stack, it finds a Runtime API in its
//! environment and serves that instead of running the tests. So the whole life of a process is
//! covered without a second crate, which is also why there is no test harness.

mod commands;
mod events;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::TableStatus;
use carnet::stack::{Error, LogLines, Logs, Options, Outcome, Stack, Store};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

/// What the function does with an event: what its keys say, and then it tells what it was given.
async fn function(api: &str) -> Option<()> {
    let client = Client::new();
    let api = format!("http://{api}/2018-06-01/runtime/invocation");
    loop {
        let call = client.get(format!("{api}/next")).send().await.ok()?;
        let id = call.headers()["lambda-runtime-aws-request-id"].to_str().ok()?.to_owned();
        let event: Value = call.json().await.ok()?;
        // An HTTP request carries its orders in the query, as text.
        let query = &event["queryStringParameters"];
        let order = |name: &str| event[name].as_u64().or_else(|| query[name].as_str()?.parse().ok());
        match events::told(&client, &event).await {
            Some(word) => println!("{word}"),
            None => println!("call {id}"),
        }
        if let Some(ms) = order("sleep") {
            sleep(Duration::from_millis(ms)).await;
        }
        if let Some(status) = order("exit") {
            std::process::exit(status.try_into().ok()?);
        }
        let (path, answer) = match (order("fail"), events::answer(&event)) {
            (None, Some(answer)) => ("response", answer),
            (Some(_), _) => ("error", json!({"errorType": "Refused", "errorMessage": "as asked"})),
            (None, None) => {
                let padding = "x".repeat(order("bytes").unwrap_or(0).try_into().ok()?);
                let table = env::var("NOTES_TABLE").ok()?;
                ("response", json!({"pid": std::process::id(), "event": event, "table": table, "padding": padding}))
            }
        };
        client.post(format!("{api}/{id}/{path}")).body(answer.to_string()).send().await.ok()?;
    }
}

#[tokio::main]
async fn main() {
    if let Ok(api) = env::var("AWS_LAMBDA_RUNTIME_API") {
        function(&api).await;
        return;
    }
    tokio::join!(
        overlapping_calls_get_a_process_each(),
        a_process_that_ends_fails_its_call_and_is_replaced(),
        a_call_past_its_time_ends_the_process(),
        answers_may_be_large_but_not_too_large(),
        http_reaches_the_function_and_comes_back(),
        a_client_that_hangs_up_leaves_the_process_in_use(),
        the_page_has_its_files_and_takes_nothing_else(),
        the_invoke_api_speaks_as_aws_does(),
        the_tables_are_the_templates(),
        kept_tables_are_checked(),
        stopping_ends_processes_and_collects_their_output(),
        events::changes_are_told_in_order(),
        events::reported_changes_come_again_and_are_given_up(),
        events::a_failed_batch_is_cut_down_to_the_bad_change(),
        events::what_was_not_told_is_told_after_a_restart(),
        events::a_table_gets_its_stream_later(),
        events::published_events_are_kept_and_passed_on(),
        events::entries_that_are_wrong_fail_one_by_one(),
        events::events_that_fail_are_given_up(),
        events::changes_become_events(),
        events::another_server_keeps_its_streams(),
        commands::an_event_is_printed_and_sent(),
        commands::what_cannot_be_sent_is_said(),
    );
}

fn options() -> Options {
    let this = env::current_exe().expect("a path");
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/template.yaml");
    Options::new(template, BTreeMap::from([("echo".to_owned(), this)]))
}

async fn start(options: Options) -> Stack {
    Stack::start(options).await.expect("a stack")
}

async fn echo(stack: &Stack, event: Value) -> Outcome {
    stack.invoke("echo", event.to_string()).await.expect("the function exists")
}

fn parsed(outcome: &Outcome) -> Value {
    serde_json::from_slice(outcome.payload()).expect("JSON")
}

async fn overlapping_calls_get_a_process_each() {
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

async fn a_process_that_ends_fails_its_call_and_is_replaced() {
    let stack = start(options()).await;
    let first = parsed(&echo(&stack, json!({})).await)["pid"].clone();
    let outcome = echo(&stack, json!({"exit": 3})).await;
    assert!(matches!(outcome, Outcome::Failed(_)));
    let error = parsed(&outcome);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    assert!(error["errorMessage"].as_str().is_some_and(|text| text.ends_with("exit status: 3")), "{error}");
    assert_ne!(parsed(&echo(&stack, json!({})).await)["pid"], first);

    let error = parsed(&echo(&stack, json!({"fail": 1})).await);
    assert_eq!(error, json!({"errorType": "Refused", "errorMessage": "as asked"}));
    assert_eq!(stack.processes("echo").expect("a count"), 2, "an error is no reason for a new process");

    // One that dies before its first call: the call fails, and nothing is tried again.
    let broken = BTreeMap::from([("echo".to_owned(), PathBuf::from("/bin/false"))]);
    let stack = start(Options { binaries: broken, ..options() }).await;
    assert_eq!(parsed(&echo(&stack, json!({})).await)["errorType"], "Runtime.ExitError");
    assert_eq!(stack.processes("echo").expect("a count"), 1);
}

async fn a_call_past_its_time_ends_the_process() {
    let stack = start(options()).await;
    let outcome = echo(&stack, json!({"sleep": 5000})).await;
    assert!(matches!(outcome, Outcome::TimedOut(_)));
    let error = parsed(&outcome);
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    let message = error["errorMessage"].as_str().expect("text");
    assert!(message.ends_with("Task timed out after 2.00 seconds"), "{message}");
    assert!(matches!(echo(&stack, json!({})).await, Outcome::Answered(_)));
    assert_eq!(stack.processes("echo").expect("a count"), 2);
}

async fn answers_may_be_large_but_not_too_large() {
    let stack = start(options()).await;
    assert!(echo(&stack, json!({"bytes": 5_000_000})).await.payload().len() > 5_000_000);
    let error = parsed(&echo(&stack, json!({"bytes": 7_000_000})).await);
    assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
    assert!(matches!(echo(&stack, json!({})).await, Outcome::Answered(_)));
}

async fn http_reaches_the_function_and_comes_back() {
    let stack = start(options()).await;
    let client = Client::new();
    let url = |path: &str| format!("{}{path}", stack.url());

    let answer = client.put(url("/echo/a/b?x=1")).body("hello").send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["table"], "NotesTable");
    assert_eq!(answer["event"]["routeKey"], "ANY /echo/{proxy+}");
    assert_eq!(answer["event"]["pathParameters"], json!({"proxy": "a/b"}));
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

async fn a_client_that_hangs_up_leaves_the_process_in_use() {
    let stack = start(Options { processes: 1, ..options() }).await;
    let pid = parsed(&echo(&stack, json!({})).await)["pid"].clone();
    let request = Client::new().get(format!("{}/echo/a?sleep=300", stack.url()));
    request.timeout(Duration::from_millis(100)).send().await.expect_err("no patience");
    assert_eq!(parsed(&echo(&stack, json!({})).await)["pid"], pid);
    assert_eq!(stack.processes("echo").expect("a count"), 1);
}

async fn the_page_has_its_files_and_takes_nothing_else() {
    let stack = start(Options { page: true, ..options() }).await;
    let client = Client::new();
    let url = |path: &str| format!("{}{path}", stack.url());
    let served = async |method: Method, path: &str| {
        let answer = client.request(method, url(path)).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
        let headers = (header("content-type"), answer.headers().get("content-security-policy").cloned());
        (headers, answer.text().await.expect("text"))
    };

    let ((kind, policy), html) = served(Method::GET, "/").await;
    assert_eq!(kind, "text/html; charset=utf-8");
    assert!(policy.is_some_and(|policy| policy.as_bytes().starts_with(b"default-src 'none';")));
    assert!(!html.contains("demo-token"), "a stack without demo data");
    assert_eq!(served(Method::HEAD, "/").await.1, "");

    let files: Vec<_> = html.split('"').filter(|text| text.starts_with('/')).collect();
    assert_eq!(
        files,
        ["/_carnet/swagger-ui.css", "/_carnet/page.css", "/_carnet/swagger-ui-bundle.js", "/_carnet/page.js"]
    );
    for path in files {
        let ((kind, _), text) = served(Method::GET, path).await;
        assert_eq!(kind, if path.ends_with(".css") { "text/css" } else { "text/javascript" });
        // What they name as their map is there.
        if let Some((_, map)) = text.rsplit_once("sourceMappingURL=") {
            let map = map.trim_end().trim_end_matches("*/");
            let ((kind, _), _) = served(Method::GET, &format!("/_carnet/{map}")).await;
            assert_eq!(kind, "application/json");
        }
    }

    // Everything else is for the template's routes, of which none fits.
    let others = [(Method::POST, "/"), (Method::PUT, "/_carnet/page.js"), (Method::GET, "/_carnet")];
    for (method, path) in others {
        let answer = client.request(method, url(path)).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert!(!answer.headers().contains_key("content-security-policy"));
        assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({"message": "Not Found"}));
    }
}

async fn the_invoke_api_speaks_as_aws_does() {
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
        ("nobody", "RequestResponse", "{}", 404, None, Some("ResourceNotFoundException")),
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
    assert!(matches!(stack.invoke("nobody", "{}").await, Err(Error::NoFunction(_))));
}

async fn the_tables_are_the_templates() {
    let stack = start(options()).await;
    let name = stack.table_name("NotesTable").expect("a table");
    let table = stack.dynamodb().describe_table().table_name(name).send().await.expect("a description");
    let table = table.table.expect("a table");
    assert_eq!(table.table_status, Some(TableStatus::Active));
    let index = &table.global_secondary_indexes()[0];
    let keys: Vec<_> =
        index.key_schema().iter().map(|key| format!("{} {}", key.key_type, key.attribute_name)).collect();
    assert_eq!(keys, ["HASH owner", "HASH topic", "RANGE at", "RANGE id"]);
    let ttl = stack.dynamodb().describe_time_to_live().table_name(name).send().await.expect("a description");
    let attribute = ttl.time_to_live_description.and_then(|ttl| ttl.attribute_name);
    assert_eq!(attribute.as_deref(), Some("expires_at"));
}

async fn kept_tables_are_checked() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = || Store::Dir(dir.path().join("data"));
    start(Options { store: store(), ..options() }).await.stop().await;
    start(Options { store: store(), ..options() }).await.stop().await;

    let template = std::fs::read_to_string(options().template).expect("the template");
    let other = dir.path().join("template.yaml");
    std::fs::write(&other, template.replace("[title, text]", "[title]")).expect("written");
    let error = Stack::start(Options { store: store(), template: other.clone(), ..options() }).await;
    let message = error.expect_err("another layout").to_string();
    let place = dir.path().join("data");
    assert_eq!(
        message,
        format!(
            "table NotesTable in {} was made from another template; remove the directory, or use --memory",
            place.display()
        )
    );
    // The order of the attributes an index carries says nothing.
    std::fs::write(&other, template.replace("[title, text]", "[text, title]")).expect("written");
    start(Options { store: store(), template: other, ..options() }).await;
}

async fn stopping_ends_processes_and_collects_their_output() {
    let logs = LogLines::default();
    let stack = start(Options { logs: Logs::Collect(logs.clone()), ..options() }).await;
    let pid = parsed(&echo(&stack, json!({})).await)["pid"].clone();
    let (url, client) = (format!("{}/echo/a?sleep=1900", stack.url()), Client::new());
    let running = tokio::spawn(async move { client.get(url).send().await.map(|answer| answer.status()) });
    // The function says so when a call has reached it.
    while logs.lines().len() < 2 {
        tokio::task::yield_now().await;
    }

    stack.stop().await;
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(logs.lines().len(), 2);
    let status = running.await.expect("no panic").expect("an answer");
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}
