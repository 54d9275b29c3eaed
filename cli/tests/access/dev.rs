//! The running `carnet dev` that the tests' commands find.

use std::process::{Output, Stdio};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Far more than starting takes when the functions are built already.
const PATIENCE: Duration = Duration::from_secs(600);

/// A running `carnet dev` with a data directory of its own; dropping it ends it.
pub struct Dev {
    pub child: Child,
    pub dir: TempDir,
    pub url: String,
}

impl Dev {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let log = std::fs::File::create(dir.path().join("log")).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(["dev", "--port", "0", "--empty", "--log-format", "json", "--data"]).arg(dir.path().join("data"));
        command.env("AWS_LAMBDA_LOG_LEVEL", "DEBUG").stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().expect("carnet starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("readable").unwrap_or_default();
        let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("not ready: {line}")).to_owned();
        Self { child, dir, url }
    }

    /// Runs a command on this stack.
    pub async fn run(&self, arguments: &[&str], input: &str, token: Option<&str>) -> Output {
        let mut command = self.command(arguments);
        if let Some(token) = token {
            command.env("CARNET_TOKEN", token);
        }
        output(command, input).await
    }

    /// Runs a command that succeeds. Returns its standard output.
    #[track_caller]
    pub fn succeed<'a>(&'a self, arguments: &'a [&str]) -> impl Future<Output = String> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let output = self.run(arguments, "", None).await;
            assert_eq!(output.status.code(), Some(0), "{caller}: {}", text(&output.stderr));
            text(&output.stdout)
        }
    }

    /// Runs a command with `--json` that succeeds. Returns the document.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.succeed(&arguments).await).expect("JSON")
    }

    /// Runs a command that fails with this status and prints nothing. Returns its error.
    pub async fn fail(&self, arguments: &[&str], status: i32) -> String {
        let output = self.run(arguments, "", None).await;
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), &*text(&output.stdout)), (Some(status), ""), "{arguments:?}: {errors}");
        errors
    }

    /// The status of an action with this token.
    pub async fn status(&self, action: &str, token: &str) -> u16 {
        let url = format!("{}/api/v1/actions/{action}", self.url);
        Client::new().post(url).bearer_auth(token).send().await.expect("an answer").status().as_u16()
    }

    /// The status of an action with this token and input.
    pub async fn call(&self, action: &str, token: &str, input: &Value) -> u16 {
        let url = format!("{}/api/v1/actions/{action}", self.url);
        let request = Client::new().post(url).bearer_auth(token).body(input.to_string());
        request.send().await.expect("an answer").status().as_u16()
    }

    /// All items of both tables, as DynamoDB JSON.
    pub async fn items(&self) -> Vec<String> {
        let stack = std::fs::read(self.dir.path().join("data/stack.json")).expect("the addresses");
        let stack: Value = serde_json::from_slice(&stack).expect("JSON");
        let mut items = Vec::new();
        for table in ["AccessTable", "ContactsTable"] {
            let mut start = Value::Null;
            loop {
                let mut scan = json!({ "TableName": stack["tables"][table], "ConsistentRead": true });
                if !start.is_null() {
                    scan["ExclusiveStartKey"] = start;
                }
                let request = Client::new().post(stack["dynamodb_url"].as_str().expect("a URL")).body(scan.to_string());
                // The engine wants the headers and does not check the signature.
                let signature = "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
                let request = request.header("authorization", signature).header("x-amz-date", "20261121T000000Z");
                let request = request.header("content-type", "application/x-amz-json-1.0");
                let answer = request.header("x-amz-target", "DynamoDB_20120810.Scan").send().await.expect("an answer");
                let page: Value = answer.json().await.expect("JSON");
                items.extend(page["Items"].as_array().expect("items").iter().map(Value::to_string));
                start = page["LastEvaluatedKey"].clone();
                if start.is_null() {
                    break;
                }
            }
        }
        items
    }

    /// A command on this stack, to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(arguments).arg("--data").arg(self.dir.path().join("data")).env_remove("CARNET_TOKEN");
        command
    }

    pub async fn me(&self, token: &str) -> Value {
        let answer = Client::new().get(format!("{}/api/v1/me", self.url)).bearer_auth(token).send().await;
        answer.expect("an answer").json().await.expect("JSON")
    }
}

pub async fn output(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("carnet starts");
    // A command that does not read its input may end before it is written.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes()).await;
    timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ended")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The last word of a command's output: a token, where it prints one.
pub fn token_in(output: &str) -> String {
    output.trim().to_owned()
}
