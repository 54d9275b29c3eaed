//! `carnet dev` killed while it writes: every acknowledged write is there afterwards.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const WRITERS: usize = 8;
const TAGS: [&str; 4] = ["red", "green", "blue", "*"];

/// A running `carnet dev`, with a process group of its own.
struct Dev {
    child: Child,
    url: String,
}

impl Dev {
    async fn start(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(["dev", "--port", "0", "--empty", "--data"]).arg(data);
        let errors = std::fs::File::create(data.join("errors")).expect("a file");
        command.process_group(0).stdout(Stdio::piped()).stderr(errors);
        let mut command = tokio::process::Command::from(command);
        let mut child = command.kill_on_drop(true).spawn().expect("carnet starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = lines.next_line().await.expect("readable").unwrap_or_default();
        let errors = || std::fs::read_to_string(data.join("errors")).unwrap_or_default();
        let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("not ready: {line}{}", errors())).to_owned();
        Self { child, url }
    }

    /// Sends a signal to everything that was started, and waits for the command to end.
    async fn signal(mut self, signal: Signal) -> std::process::ExitStatus {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).expect("running");
        kill_process_group(id, signal).expect("killed");
        self.child.wait().await.expect("ended")
    }
}

async fn call(url: &str, action: &str, body: Value) -> Option<Value> {
    let request = Client::new().post(format!("{url}/api/v1/actions/{action}"));
    let request = request.header("authorization", "Bearer demo-token").body(body.to_string());
    let response = request.send().await.ok().filter(|response| response.status().is_success())?;
    serde_json::from_str(&response.text().await.ok()?).ok()
}

fn phone(writer: usize) -> String {
    format!("+1415555010{writer}")
}

/// Writes to its own contact until the stack no longer answers. Returns how many writes were acknowledged.
async fn write(url: String, writer: usize, acknowledged: Arc<Semaphore>) -> usize {
    for n in 0.. {
        let tags = format!("{}, {}", TAGS[n % 4], TAGS[(n / 4 + writer) % 4]);
        let body = json!({ "phone": phone(writer), "tags": tags, "metadata": { "n": n } });
        if call(&url, "create-contact", body).await.is_none() {
            return n;
        }
        acknowledged.add_permits(1);
    }
    unreachable!("a range without end")
}

#[tokio::test]
async fn acknowledged_writes_survive_a_kill() {
    let data = tempfile::tempdir().expect("a directory");
    let dev = Dev::start(data.path()).await;
    let acknowledged = Arc::new(Semaphore::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (url, acknowledged) = (dev.url.clone(), Arc::clone(&acknowledged));
        writers.spawn(async move { (writer, write(url, writer, acknowledged).await) });
    }
    acknowledged.acquire_many(300).await.expect("open").forget();
    dev.signal(Signal::KILL).await;
    let written = writers.join_all().await;

    let dev = Dev::start(data.path()).await;
    let mut tagged = Vec::new();
    for (writer, count) in written {
        let contact = call(&dev.url, "get-contact", json!({ "phone": phone(writer) })).await;
        let contact = contact.unwrap_or_else(|| panic!("writer {writer} lost its contact"));
        // The last acknowledged write, or the one that was under way.
        let n = contact["metadata"]["n"].as_u64().map(|n| n as usize);
        assert!(n == Some(count) || n.map(|n| n + 1) == Some(count), "{n:?} of {count}");
        let tags = contact["tags"].as_array().expect("a list").iter().filter_map(Value::as_str);
        tagged.extend(tags.map(|tag| (tag.to_owned(), contact["id"].to_string())));
    }
    let mut found = Vec::new();
    for tag in TAGS {
        let rows = call(&dev.url, "search-contacts", json!({ "tag": tag })).await.expect("found");
        found.extend(rows.as_array().expect("a list").iter().map(|row| (tag.to_owned(), row["id"].to_string())));
    }
    tagged.sort();
    found.sort();
    assert_eq!(found, tagged, "memberships and tags");
    assert!(dev.signal(Signal::TERM).await.success());
}
