//! Event logs: JSON documents that a stack writes for people to read, one per line.
//!
//! `events.jsonl` has the published events, `failures.jsonl` what would be in a dead-letter queue. They are files
//! beside kept tables, and lists in memory otherwise.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Mutex;

use serde_json::Value;

use crate::lock::lock;
use crate::options::Store;

/// An append-only list of JSON documents.
pub(crate) struct EventLog(Mutex<Lines>);

enum Lines {
    Memory(Vec<String>),
    File(PathBuf, File),
}

impl EventLog {
    /// Opens the log of that name; in a directory, the file `name.jsonl`.
    ///
    /// # Errors
    /// When the file cannot be opened for writing.
    pub(crate) fn open(store: &Store, name: &str) -> io::Result<Self> {
        let lines = match store {
            Store::Dir(dir) => {
                let path = dir.join(format!("{name}.jsonl"));
                let file = OpenOptions::new().create(true).append(true).open(&path)?;
                Lines::File(path, file)
            }
            Store::Memory | Store::Url(_) => Lines::Memory(Vec::new()),
        };
        Ok(Self(Mutex::new(lines)))
    }

    /// Appends a document, which has to be one line.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn add(&self, document: String) -> io::Result<()> {
        match &mut *lock(&self.0) {
            Lines::Memory(lines) => lines.push(document),
            // One write, so that a program that follows the file never reads half a line.
            Lines::File(_, file) => file.write_all(format!("{document}\n").as_bytes())?,
        }
        Ok(())
    }

    /// The lines from an index on, counted from 0; those of earlier runs are counted where they are kept.
    pub(crate) fn lines(&self, from: usize) -> Vec<String> {
        match &*lock(&self.0) {
            Lines::Memory(lines) => lines.iter().skip(from).cloned().collect(),
            Lines::File(path, _) => {
                let text = fs::read_to_string(path).unwrap_or_default();
                text.lines().skip(from).map(str::to_owned).collect()
            }
        }
    }

    /// All documents so far; with a directory, those of earlier runs too.
    pub(crate) fn documents(&self) -> Vec<Value> {
        self.lines(0).iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}
