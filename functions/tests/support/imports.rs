//! The imports between the source files of a crate.
//!
//! An import is a path in a `use` declaration, or a path anywhere in the code that begins with `crate`, `super`, `self`,
//! the crate's own name or the name of a child module. Paths that macros build are not seen.

use std::collections::BTreeMap;

use super::sources::{Source, indentation, sources};

/// The source files of a crate and the imports between them.
pub struct Crate {
    /// The directory of the sources, from the workspace root.
    root: String,
    /// The name by which `main.rs` names the library of its package.
    name: String,
    files: Vec<Source>,
}

/// One file names a module that is defined in another file of the same crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The file with the path.
    pub from: String,
    /// The line of the path, or of the `use` that it belongs to.
    pub line: usize,
    /// The file that defines the module.
    pub to: String,
    /// The line as written.
    pub text: String,
}

/// A path in the code, with the module it stands in.
struct PathInCode {
    line: usize,
    text: String,
    module: Vec<String>,
    path: Vec<String>,
}

impl Crate {
    /// The crate `name` with its sources in `root`, for example `shared/src`.
    pub fn read(root: &str, name: &str) -> Self {
        // `tests.rs` beside a module holds its unit tests, which may import anything.
        let files = sources(root).into_iter().filter(|file| !file.path.ends_with("/tests.rs"));
        Self::new(root, name, files.collect())
    }

    /// A crate with these files.
    pub fn new(root: &str, name: &str, files: Vec<Source>) -> Self {
        Crate { root: root.to_owned(), name: name.to_owned(), files }
    }

    /// The name of the top-level module that a file belongs to: `store` for `shared/src/store/save.rs`.
    pub fn module<'a>(&self, file: &'a str) -> &'a str {
        let path = file.strip_prefix(&self.root).unwrap().trim_start_matches('/');
        let first = path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The paths of all files.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.path.as_str())
    }

    /// All imports between files of the crate.
    pub fn imports(&self) -> Vec<Import> {
        let modules: BTreeMap<Vec<String>, &str> =
            self.files.iter().map(|file| (self.module_path(&file.path), file.path.as_str())).collect();
        let mut imports = Vec::new();
        for file in &self.files {
            for found in paths(file, &self.module_path(&file.path)) {
                let Some(to) = self.resolve(&found, &modules) else { continue };
                if to != file.path {
                    let (from, to) = (file.path.clone(), to.to_owned());
                    imports.push(Import { from, line: found.line, to, text: found.text });
                }
            }
        }
        imports.sort();
        imports.dedup();
        imports
    }

    /// `shared/src/store/save.rs` is the module `store::save`; `mod.rs` and `lib.rs` are their directory. `main.rs` is a
    /// module of its own, above the library.
    fn module_path(&self, file: &str) -> Vec<String> {
        let path = file.strip_prefix(&self.root).unwrap().trim_start_matches('/').trim_end_matches(".rs");
        let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        if parts.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib")) {
            parts.pop();
        }
        parts
    }

    /// The file of the deepest module that a path names; `None` for paths into other crates.
    fn resolve<'a>(&self, found: &PathInCode, modules: &BTreeMap<Vec<String>, &'a str>) -> Option<&'a str> {
        let mut module = found.module.clone();
        let mut rest = found.path.iter().peekable();
        match rest.next()?.as_str() {
            "crate" => module.clear(),
            "super" => drop(module.pop()),
            "self" => {}
            name if name == self.name => module.clear(),
            child => {
                module.push(child.to_owned());
                modules.get(&module)?;
            }
        }
        while rest.next_if(|part| *part == "super").is_some() {
            module.pop();
        }
        for part in rest {
            module.push(part.clone());
            if !modules.contains_key(&module) {
                module.pop();
                break;
            }
        }
        // An inline module belongs to the file around it.
        while !modules.contains_key(&module) && !module.is_empty() {
            module.pop();
        }
        modules.get(&module).copied()
    }
}

/// Every path in the code of a file, which is the module `own`.
fn paths(file: &Source, own: &[String]) -> Vec<PathInCode> {
    let mut found = Vec::new();
    let mut module = own.to_vec();
    // The lines that end the inline modules `mod name { … }` around the current line.
    let mut inline_ends: Vec<String> = Vec::new();
    let mut lines = file.code.iter();
    while let Some((number, line)) = lines.next() {
        if inline_ends.last() == Some(line) {
            inline_ends.pop();
            module.pop();
        }
        let item = without_visibility(line.trim_start());
        let mut add = |path| found.push(PathInCode { line: *number, text: line.clone(), module: module.clone(), path });
        if let Some(tree) = item.strip_prefix("use ") {
            let mut tree = tree.to_owned();
            while !tree.trim_end().ends_with(';') {
                let Some((_, next)) = lines.next() else { break };
                tree.push_str(next.trim());
            }
            expand(tree.trim_end().trim_end_matches(';')).into_iter().for_each(&mut add);
            continue;
        }
        inline(line).into_iter().for_each(&mut add);
        if let Some(name) = item.strip_prefix("mod ").and_then(|item| item.strip_suffix(" {")) {
            module.push(name.to_owned());
            inline_ends.push(format!("{}}}", indentation(line)));
        }
    }
    found
}

/// An item without `pub`, `pub(crate)`, `pub(in path)`.
fn without_visibility(item: &str) -> &str {
    let Some(rest) = item.strip_prefix("pub") else { return item };
    match rest.strip_prefix('(') {
        Some(restricted) => restricted.split_once(") ").map_or(item, |(_, rest)| rest),
        None => rest.strip_prefix(' ').unwrap_or(item),
    }
}

/// `a::{b, c::d}` as the paths `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        return vec![split(path)];
    };
    let prefix = split(&tree[..open]);
    let inside = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (place, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(expand).map(|path| [prefix.clone(), path].concat()).collect()
}

/// Paths of two or more parts within a line of code, such as `crate::model::Violation`. Most of them lead into other
/// crates or to types; [`Crate::resolve`] drops these.
fn inline(line: &str) -> Vec<Vec<String>> {
    let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
    let words = line.split(|c: char| !is_path(c)).filter(|word| word.contains("::"));
    words.map(split).filter(|path| path.len() > 1).collect()
}

fn split(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
