//! A running `carnet dev`, and commands that work on it.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Far more than starting takes when the functions are built already.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// A running stack with a data directory of its own; dropping it ends it. It has the empty tenants `demo` and `acme`.
pub struct Dev {
    _child: Child,
    /// Where the test keeps its files.
    pub dir: TempDir,
    /// The data directory that commands are given.
    pub data: PathBuf,
}

impl Dev {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        let log = std::fs::File::create(dir.path().join("log")).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(["dev", "--port", "0", "--empty", "--log-format", "json", "--data"]).arg(&data);
        command.stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().expect("carnet starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("readable").unwrap_or_default();
        assert!(line.starts_with("ready "), "not ready: {line}");
        Self { _child: child, dir, data }
    }

    /// Writes a file for the test.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// A command on this stack, in the directory of the test.
    pub fn command(&self, arguments: &[&str]) -> Command {
        command(arguments, &self.data, self.dir.path())
    }

    /// Runs a command with this standard input. Returns its exit status, standard output and standard error.
    pub async fn run(&self, arguments: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
        ended(output(self.command(arguments), input).await)
    }

    /// Imports a file. Returns the exit status, the summary and standard error.
    pub async fn import(&self, file: &str, arguments: &[&str]) -> (Option<i32>, Value, String) {
        let (status, stdout, stderr) = self.run(&[&["import", file, "--json"], arguments].concat(), b"").await;
        (status, serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}")), stderr)
    }

    /// The contacts of a tenant as CSV.
    pub async fn export(&self, tenant: &str) -> String {
        let (status, stdout, stderr) = self.run(&["export", "--tenant", tenant], b"").await;
        assert_eq!(status, Some(0), "{stderr}");
        stdout
    }

    /// The contacts of a tenant, sorted by phone number.
    pub async fn contacts(&self, tenant: &str) -> Vec<Value> {
        let (status, stdout, stderr) = self.run(&["export", "--tenant", tenant, "--format", "jsonl"], b"").await;
        assert_eq!(status, Some(0), "{stderr}");
        let mut contacts: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        contacts.sort_by_key(|contact| contact["phone"].as_str().unwrap_or_default().to_owned());
        contacts
    }
}

/// A command with this data directory.
pub fn command(arguments: &[&str], data: &Path, dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
    command.args(arguments).arg("--data").arg(data).current_dir(dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// What a command with this standard input prints.
pub async fn output(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.spawn().expect("carnet starts");
    // A command that does not read its input may end before it is written.
    let _ = child.stdin.take().expect("a pipe").write_all(input).await;
    timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ended")
}

/// The exit status, standard output and standard error.
pub fn ended(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}
