//! Compiling the functions.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Why there are no executables.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Cargo doesn't run.
    #[error("can't run cargo: {0}")]
    Cargo(#[from] io::Error),
    /// The compiler has said why.
    #[error("the functions don't compile")]
    Failed,
}

/// What cargo says about each thing it has made, as far as it is of interest.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds the functions and returns their executables by name.
pub(super) async fn functions(root: &Path, release: bool) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut cargo = Build(command(root, release).spawn()?);
    let mut executables = BTreeMap::new();
    if let Some(stdout) = cargo.0.stdout.take() {
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            // Whatever isn't a message is a build script's chatter.
            let Ok(message) = serde_json::from_str::<Message>(&line) else { continue };
            if let ("compiler-artifact", Some(target), Some(path)) =
                (&*message.reason, message.target, message.executable)
            {
                executables.insert(target.name, path);
            }
        }
    }
    if cargo.0.wait().await?.success() { Ok(executables) } else { Err(Error::Failed) }
}

fn command(root: &Path, release: bool) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--bins", "--message-format=json-render-diagnostics"])
        // Cargo unifies features within one build. What is deployed is built by itself, so that
        // this tool's features don't creep into a function. While developing, the tool is part of the
        // build: a function's features are among its own (it depends on `contacts` too), so what
        // `cargo run` has just compiled is used again.
        .args(if release { ["--release", "--package=functions"].as_slice() } else { &["--workspace"] })
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0);
    for (name, _) in env::vars_os().filter(|(name, _)| is_from_cargo_run(name)) {
        cargo.env_remove(name);
    }
    cargo
}

/// Whether `cargo run` set this variable for us. Build scripts watch some of these, and would run
/// again, with everything after them.
fn is_from_cargo_run(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    name == "LD_LIBRARY_PATH" || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// A running cargo. Dropping it ends it and the compilers it has started, which share its group.
struct Build(Child);

impl Drop for Build {
    fn drop(&mut self) {
        let group = self.0.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(group) = group {
            // Gone already, if this fails.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}
