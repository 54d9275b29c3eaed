//! What a stack writes down for whoever is curious: JSON documents, kept where the tables are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Mutex;

use serde_json::Value;

use super::{Store, lock};

/// A list of JSON documents: lines of a file beside kept tables, else in memory.
pub(super) struct Journal(Mutex<Pages>);

enum Pages {
    Memory(Vec<String>),
    File(PathBuf, File),
}

impl Journal {
    /// The journal of that name of a store; in a directory, the file `name.jsonl`.
    pub(super) fn open(store: &Store, name: &str) -> io::Result<Self> {
        let pages = match store {
            Store::Dir(dir) => {
                fs::create_dir_all(dir)?;
                let path = dir.join(format!("{name}.jsonl"));
                let file = OpenOptions::new().create(true).append(true).open(&path)?;
                Pages::File(path, file)
            }
            Store::Memory | Store::Url(_) => Pages::Memory(Vec::new()),
        };
        Ok(Self(Mutex::new(pages)))
    }

    /// Adds a document, written as one line.
    pub(super) fn add(&self, document: String) -> io::Result<()> {
        match &mut *lock(&self.0) {
            Pages::Memory(lines) => lines.push(document),
            // In one piece, so that whoever follows the file never sees half a line.
            Pages::File(_, file) => file.write_all(format!("{document}\n").as_bytes())?,
        }
        Ok(())
    }

    /// All documents so far, those of earlier runs included where they are kept.
    pub(super) fn documents(&self) -> Vec<Value> {
        let parsed = |line: &str| serde_json::from_str(line).ok();
        match &*lock(&self.0) {
            Pages::Memory(lines) => lines.iter().filter_map(|line| parsed(line)).collect(),
            Pages::File(path, _) => fs::read_to_string(path).unwrap_or_default().lines().filter_map(parsed).collect(),
        }
    }
}
