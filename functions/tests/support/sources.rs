//! The source files of the workspace, for tests of what they may contain.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust source file.
pub struct Source {
    /// Path from the workspace root.
    pub path: String,
    /// The lines without comments and without unit tests, numbered from 1.
    pub code: Vec<(usize, String)>,
    /// The number of lines in the file.
    pub length: usize,
}

impl Source {
    /// A file with this text.
    pub fn new(path: &str, text: &str) -> Self {
        Source { path: path.to_owned(), code: code(text), length: text.lines().count() }
    }

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
            let relative = path.strip_prefix(&root).unwrap().display().to_string();
            sources.push(Source::new(&relative, &fs::read_to_string(&path).unwrap()));
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

/// The lines of a file without comments, and without what `#[cfg(test)]` applies to.
fn code(text: &str) -> Vec<(usize, String)> {
    let mut code = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim_start() == "#[cfg(test)]" {
            // The item ends with its first line, or with the brace at the same indentation.
            let end = format!("{}}}", indentation(line));
            let is_one_line = lines.next().is_some_and(|(_, item)| item.ends_with([';', '}']));
            if !is_one_line {
                lines.find(|(_, line)| *line == end);
            }
            continue;
        }
        // A comment behind code has a space on both sides of its slashes; a URL has none.
        let line = line.find(" // ").map_or(line, |start| &line[..start]).trim_end();
        if !line.trim_start().starts_with("//") {
            code.push((number + 1, line.to_owned()));
        }
    }
    code
}

/// The white space that a line begins with.
pub fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}
