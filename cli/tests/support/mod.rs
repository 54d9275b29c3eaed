//! A running `carnet dev`, and commands that work on it.

// Each test uses a part of it.
#![allow(dead_code)]

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Far more than starting, or a command, takes when the functions are built already.
pub const PATIENCE: Duration = Duration::from_secs(600);

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
        let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("not ready: {line}")).to_owned();
        Self { child, dir, url }
    }

    /// The data directory, by which commands find the stack.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A command on this stack, in the directory of the test.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(arguments).arg("--data").arg(self.data()).env_remove("CARNET_TOKEN").current_dir(self.dir.path());
        command
    }
}

/// What a command with this standard input prints.
pub async fn output(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("carnet starts");
    // A command that does not read its input may end before it is written.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes()).await;
    timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ended")
}

/// Output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
