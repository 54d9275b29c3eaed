//! The output of a function's process: each line goes to the stack's logs, and the last ones are kept.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::lock::lock;
use crate::logs::Logs;

/// How much is kept, in bytes: what Lambda returns for `X-Amz-Log-Type: Tail`.
const LIMIT: usize = 4 * 1024;

/// The last lines of a process since its invocation began.
#[derive(Default)]
pub(super) struct LogTail(Mutex<VecDeque<String>>);

impl LogTail {
    /// Forgets the lines of earlier invocations.
    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// The lines so far, at most 4 KB of them.
    pub(super) fn text(&self) -> String {
        lock(&self.0).iter().map(|line| format!("{line}\n")).collect()
    }

    /// Copies a process's output, line by line, until it ends.
    pub(super) async fn copy(&self, function: &str, logs: &Logs, output: Option<impl AsyncRead + Unpin>) {
        let Some(output) = output else { return };
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while matches!(output.read_until(b'\n', &mut line).await, Ok(1..)) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches('\n');
            logs.function_line(function, text);
            self.add(text);
            line.clear();
        }
    }

    fn add(&self, line: &str) {
        let mut lines = lock(&self.0);
        lines.push_back(line.to_owned());
        let mut size: usize = lines.iter().map(|line| line.len() + 1).sum();
        while size > LIMIT {
            size -= lines.pop_front().map_or(size, |line| line.len() + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_four_kilobytes_are_kept() {
        let tail = LogTail::default();
        for n in 0..1000 {
            tail.add(&format!("line {n:04}"));
        }
        let text = tail.text();
        assert!(text.len() <= LIMIT && text.len() > LIMIT - 20, "{}", text.len());
        assert!(text.ends_with("line 0999\n"));
        tail.add(&"x".repeat(LIMIT));
        assert_eq!(tail.text(), "");
    }
}
