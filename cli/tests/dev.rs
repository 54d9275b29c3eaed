//! `carnet dev`: its log lines, and what it does when its data directory is in use or deleted.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Far more than starting takes when the functions are built already.
const PATIENCE: Duration = Duration::from_secs(300);

fn dev(data: &Path, log_format: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
    command.args(["dev", "--port", "0", "--empty", "--log-format", log_format, "--data"]).arg(data);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Starts the command. Returns it with its URL.
async fn start(data: &Path, log_format: &str) -> (Child, String) {
    let mut child = dev(data, log_format).spawn().expect("carnet starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let line = timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("readable").unwrap_or_default();
    let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("not ready: {line}")).to_owned();
    (child, url)
}

#[tokio::test]
async fn a_data_directory_is_used_by_one_stack_and_missed_when_it_is_deleted() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let name = data.display().to_string();
    let (child, url) = start(&data, "auto").await;

    let second = timeout(Duration::from_secs(5), dev(&data, "auto").output()).await.expect("at once").expect("output");
    assert_eq!(second.status.code(), Some(1));
    let errors = String::from_utf8(second.stderr).expect("text");
    let message = format!("error: the data directory {name} is in use by another running stack;");
    assert!(errors.starts_with(&message) && errors.lines().count() == 1, "{errors}");

    let answer = Client::new().get(format!("{url}/api/v1/me?phone=secret")).bearer_auth("demo-token").send().await;
    assert!(answer.expect("an answer").status().is_success());
    std::fs::remove_dir_all(&data).expect("deleted");
    let output = timeout(Duration::from_secs(5), child.wait_with_output()).await.expect("ended").expect("output");
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).expect("text");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.starts_with(&format!("error: the data directory {name} was deleted")), "{log}");

    // Standard error is a pipe here, so the stack's lines and the function's are JSON.
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let calls: Vec<Value> = lines.filter(|line| line["message"] == "http call").collect();
    let [call] = &calls[..] else { panic!("one call: {log}") };
    assert_eq!((&call["method"], &call["path"], &call["status"]), (&"GET".into(), &"/api/v1/me".into(), &200.into()));
    assert!(call["ms"].is_u64() && call["function"] == "me", "{call}");
    assert!(log.contains(r#""message":"answered""#) && !log.contains("secret"), "{log}");
}

#[tokio::test]
async fn text_lines_leave_out_what_functions_log_of_their_successes() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let (child, url) = start(&data, "text").await;
    let answer = Client::new().get(format!("{url}/api/v1/me")).bearer_auth("demo-token").send().await;
    assert!(answer.expect("an answer").status().is_success());
    std::fs::remove_dir_all(&data).expect("deleted");
    let output = timeout(Duration::from_secs(5), child.wait_with_output()).await.expect("ended").expect("output");
    let log = String::from_utf8(output.stderr).expect("text");
    assert!(log.lines().any(|line| line.starts_with("GET /api/v1/me 200 ") && line.ends_with(" ms me")), "{log}");
    assert!(!log.contains("answered"), "{log}");
}
