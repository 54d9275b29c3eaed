//! Building the functions with cargo.

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
pub(crate) enum Error {
    /// Cargo cannot be run.
    #[error("can't run cargo: {0}")]
    Cargo(#[from] io::Error),
    /// The functions do not compile; the compiler has printed why.
    #[error("the functions don't compile; see the compiler's errors above")]
    Failed,
}

/// The part that is read of cargo's message about an artifact.
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

/// Builds the functions. Returns the executables of the workspace by name.
///
/// # Errors
/// When they do not compile, or cargo cannot be run.
pub(crate) async fn functions(root: &Path, release: bool) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut cargo = Build(command(root, release).spawn()?);
    let mut executables = BTreeMap::new();
    if let Some(stdout) = cargo.0.stdout.take() {
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            // Lines that are not messages are the output of build scripts.
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
        // Cargo unifies features within one build. For `--release` the functions are built alone, as they are for a
        // deployment, so that no feature of this command is compiled into them. Otherwise the selection is the same
        // as that of `cargo run`, so that what `cargo run` compiled is reused.
        .args(match (release, cfg!(feature = "cloud")) {
            (true, _) => ["--release", "--package=functions"].as_slice(),
            (false, true) => &["--workspace", "--features=carnet/cloud"],
            (false, false) => &["--workspace"],
        })
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0);
    for (name, _) in env::vars_os().filter(|(name, _)| is_from_cargo_run(name)) {
        cargo.env_remove(name);
    }
    cargo
}

/// Whether `cargo run` has set this variable. Build scripts watch some of these variables: with them, they would run
/// again, and what depends on them would be compiled again.
fn is_from_cargo_run(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    name == "LD_LIBRARY_PATH" || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// A running cargo. Dropping it ends its process group, which includes the compilers.
struct Build(Child);

impl Drop for Build {
    fn drop(&mut self) {
        let group = self.0.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(group) = group {
            // Fails if the group has ended already.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}
