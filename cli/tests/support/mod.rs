//! A running `carnet dev`, and commands that work on it.

// Each test uses a part of it.
#![allow(dead_code)]

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Far more than starting, or a command, takes when the functions are built already.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// How a command ended: its exit status, standard output and standard error.
pub type Ended = (Option<i32>, String, String);

/// A running `carnet dev`, which has the empty tenants `demo` and `acme`; dropping it ends it.
pub struct Dev {
    pub child: Child,
    /// Where the test keeps its files. The file `log` has the stack's log, as JSON lines.
    pub dir: TempDir,
    /// The URL of its API, without a slash at its end.
    pub url: String,
}

impl Dev {
    /// Starts a stack with a data directory of its own.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a stack with further options of `carnet dev`.
    pub async fn start_with(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let log = std::fs::File::create(dir.path().join("log")).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(["dev", "--port", "0", "--empty", "--log-format", "json"]).args(options);
        if !options.contains(&"--memory") {
            command.arg("--data").arg(dir.path().join("data"));
        }
        command.env("AWS_LAMBDA_LOG_LEVEL", "DEBUG").stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().expect("carnet starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("readable").unwrap_or_default();
        let log = || std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("not ready: {line}{}", log())).to_owned();
        Self { child, dir, url }
    }

    /// The data directory, by which commands find the stack.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The path of a file in the directory of the test.
    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// The addresses of the stack and the names of its tables, from `stack.json`.
    pub fn addresses(&self) -> Value {
        let addresses = std::fs::read(self.data().join("stack.json")).expect("the addresses");
        serde_json::from_slice(&addresses).expect("JSON")
    }

    /// A command on this stack, in the directory of the test.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(arguments).arg("--data").arg(self.data()).env_remove("CARNET_TOKEN").current_dir(self.dir.path());
        command
    }

    /// Runs a command on this stack with this standard input.
    pub async fn run(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Ended {
        ended(output(self.command(arguments), input).await)
    }

    /// Calls an action as tenant `demo`. Returns the status and the body.
    pub async fn call(&self, action: &str, input: Value) -> (u16, Value) {
        let url = format!("{}/api/v1/actions/{action}", self.url);
        let request = Client::new().post(url).bearer_auth("demo-token").body(input.to_string());
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// The answer to `GET /api/v1/me` with this token.
    pub async fn me(&self, token: &str) -> Value {
        let answer = Client::new().get(format!("{}/api/v1/me", self.url)).bearer_auth(token).send().await;
        answer.expect("an answer").json().await.expect("JSON")
    }

    /// Makes a request to DynamoDB about one of the stack's tables, beside the functions. Returns the answer.
    pub async fn dynamodb(&self, operation: &str, table: &str, mut request: Value) -> Value {
        let addresses = self.addresses();
        request["TableName"] = json!(addresses["tables"][table].as_str().expect("a table"));
        let url = addresses["dynamodb_url"].as_str().expect("a URL");
        // The engine wants the headers and does not check the signature.
        let signature = "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        let request = Client::new().post(url).body(request.to_string()).header("authorization", signature);
        let request = request.header("x-amz-date", "20261121T000000Z");
        let request = request.header("content-type", "application/x-amz-json-1.0");
        let request = request.header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let body = answer.text().await.expect("a body");
        assert!(status.is_success(), "{operation}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }
}

/// What a command with this standard input prints.
pub async fn output(mut command: Command, input: impl AsRef<[u8]>) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("carnet starts");
    // A command that does not read its input may end before it is written.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_ref()).await;
    timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ended")
}

/// The exit status, standard output and standard error.
pub fn ended(output: Output) -> Ended {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
