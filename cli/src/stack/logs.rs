//! The functions' output, and what the stack itself has to say.

use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use super::lock;

/// Where the functions' output goes.
#[derive(Debug, Clone)]
pub enum Logs {
    /// To the standard error of this process: theirs are lines of JSON, and standard output is ours.
    Inherit,
    /// Into memory, for whoever wants to read it.
    Collect(LogLines),
}

/// Lines written by functions. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct LogLines(Arc<Mutex<Vec<String>>>);

impl LogLines {
    /// The lines so far. Complete once the stack has stopped.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.0).clone()
    }

    async fn collect(&self, output: Option<impl AsyncRead + Unpin>) {
        let Some(output) = output else { return };
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while matches!(output.read_until(b'\n', &mut line).await, Ok(1..)) {
            let text = String::from_utf8_lossy(&line);
            lock(&self.0).push(text.trim_end_matches('\n').to_owned());
            line.clear();
        }
    }
}

impl Logs {
    /// Adds a line of the stack's own.
    pub(super) fn say(&self, line: &str) {
        match self {
            Self::Inherit => eprintln!("{line}"),
            Self::Collect(lines) => lock(&lines.0).push(line.to_owned()),
        }
    }

    /// Directs the output of a process that is about to start. Inherited output needs no pipe: it
    /// arrives whatever becomes of this process.
    pub(super) fn attach(&self, command: &mut Command) {
        match self {
            Self::Inherit => command.stdout(io::stderr()).stderr(Stdio::inherit()),
            Self::Collect(_) => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
        };
    }

    /// Reads a process's output to its end.
    pub(super) fn read(self, child: &mut Child) -> impl Future<Output = ()> + use<> {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        async move {
            if let Self::Collect(lines) = self {
                tokio::join!(lines.collect(stdout), lines.collect(stderr));
            }
        }
    }
}
