//! The imports between the source files of a crate.

use std::collections::BTreeMap;

use super::sources::{Source, sources};

/// The source files of a crate and the imports between them.
pub struct Crate {
    /// The directory of the sources, from the workspace root.
    root: String,
    files: Vec<Source>,
}

/// One file names a module that is defined in another file of the same crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: String,
    pub line: usize,
    pub to: String,
    /// The line as written.
    pub text: String,
}

impl Crate {
    /// The crate with its sources in `root`, for example `shared/src`.
    pub fn read(root: &str) -> Self {
        // `tests.rs` beside a module holds its unit tests, which may import anything.
        let files = sources(root).into_iter().filter(|file| !file.path.ends_with("/tests.rs"));
        Crate { root: root.to_owned(), files: files.collect() }
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
            let own = self.module_path(&file.path);
            for (line, text, path) in paths(file) {
                let Some(to) = resolve(&own, &path, &modules) else { continue };
                if to != file.path {
                    imports.push(Import { from: file.path.clone(), line, to: to.to_owned(), text });
                }
            }
        }
        imports
    }

    /// `shared/src/store/save.rs` is the module `store::save`; `mod.rs` and `lib.rs` are their directory.
    fn module_path(&self, file: &str) -> Vec<String> {
        let path = file.strip_prefix(&self.root).unwrap().trim_start_matches('/').trim_end_matches(".rs");
        let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        if parts.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
            parts.pop();
        }
        parts
    }
}

/// The file of the deepest module that a path names; `None` for paths into other crates.
fn resolve<'a>(own: &[String], path: &[String], modules: &BTreeMap<Vec<String>, &'a str>) -> Option<&'a str> {
    let mut module = own.to_vec();
    let mut rest = path.iter().peekable();
    match rest.next()?.as_str() {
        "crate" => module.clear(),
        "super" => drop(module.pop()),
        "self" => {}
        // A path into a child module, as in `pub use contact::Contact`.
        child => {
            module.push(child.to_owned());
            modules.get(&module)?;
        }
    }
    while rest.peek().is_some_and(|part| *part == "super") {
        module.pop();
        rest.next();
    }
    for part in rest {
        module.push(part.clone());
        if !modules.contains_key(&module) {
            module.pop();
            break;
        }
    }
    modules.get(&module).copied()
}

/// Every path in `use` declarations, and every path in other code that starts with `crate` or `super`.
fn paths(file: &Source) -> Vec<(usize, String, Vec<String>)> {
    let mut found = Vec::new();
    let mut lines = file.code.iter();
    // The line that ends the inline module `mod name { … }` under way. Its `super` is the file itself.
    let mut inline_end: Option<String> = None;
    while let Some((number, line)) = lines.next() {
        if inline_end.as_ref() == Some(line) {
            inline_end = None;
        }
        if inline_end.is_some() && line.contains("super::") {
            continue;
        }
        if line.contains("mod ") && line.ends_with('{') {
            let indent = line.len() - line.trim_start().len();
            inline_end = Some(format!("{}}}", " ".repeat(indent)));
        }
        let declaration = line.trim_start();
        let declaration = declaration.strip_prefix("pub(crate) ").or(declaration.strip_prefix("pub(super) "));
        let declaration = declaration.unwrap_or(line.trim_start());
        let declaration = declaration.strip_prefix("pub ").unwrap_or(declaration);
        if let Some(declaration) = declaration.strip_prefix("use ") {
            let mut whole = declaration.to_owned();
            while !whole.trim_end().ends_with(';') {
                let Some((_, next)) = lines.next() else { break };
                whole.push_str(next.trim());
            }
            let whole = whole.trim_end().trim_end_matches(';');
            found.extend(expand(whole).into_iter().map(|path| (*number, line.clone(), path)));
        } else {
            found.extend(inline(line).into_iter().map(|path| (*number, line.clone(), path)));
        }
    }
    found
}

/// `a::{b, c::d}` as the paths `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        return vec![path.split("::").map(|part| part.trim().to_owned()).collect()];
    };
    let prefix: Vec<String> =
        tree[..open].split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
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

/// Paths such as `crate::model::Violation` within a line of code.
fn inline(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (place, _) in line.match_indices(start) {
            let before = line[..place].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':')) {
                continue;
            }
            let end = line[place..].find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':')));
            let path = &line[place..end.map_or(line.len(), |end| place + end)];
            found.push(path.split("::").map(str::to_owned).filter(|part| !part.is_empty()).collect());
        }
    }
    found
}
