//! The source files of the workspace, for tests of what they may contain.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust source file.
pub struct Source {
    /// Path from the workspace root.
    pub path: String,
    /// The lines without comments and without the unit tests at the end of the file, numbered from 1.
    pub code: Vec<(usize, String)>,
    /// The number of lines in the file.
    pub length: usize,
}

impl Source {
    /// The code as one text.
    pub fn text(&self) -> String {
        self.code.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// All Rust files below a directory of the workspace, or that one file.
pub fn sources(place: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut left: Vec<PathBuf> = vec![root.join(place)];
    let mut sources = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(read(&root, &path));
        }
    }
    assert!(!sources.is_empty(), "{place} has no sources");
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// The code that is deployed to Lambda: the shared crate and the functions, without their tests.
pub fn deployed() -> impl Iterator<Item = Source> {
    let functions = sources("functions").into_iter().filter(|source| !source.path.starts_with("functions/tests"));
    sources("shared/src").into_iter().chain(functions)
}

fn read(root: &Path, path: &Path) -> Source {
    let text = fs::read_to_string(path).unwrap();
    let code = text
        .lines()
        .enumerate()
        .take_while(|(_, line)| *line != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line.to_owned()));
    Source {
        path: path.strip_prefix(root).unwrap().display().to_string(),
        code: code.collect(),
        length: text.lines().count(),
    }
}
