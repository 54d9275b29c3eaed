//! The layers: imports go down only, and never in a circle. `docs/architecture.md` draws them.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::imports::{Crate, Import};

/// The layers of each crate, from the top down. A module may import those in lower layers; modules of one
/// layer do not import each other.
const LAYERS: [(&str, &[&[&str]]); 4] = [
    ("shared/src", &[&["lib"], &["access"], &["store"], &["aws", "backoff", "model"]]),
    (
        "functions/src",
        &[
            &["lib"],
            &["serve"],
            &["http", "stream"],
            &["events"],
            &["action", "contact_ref"],
            &["input", "json"],
            &["error"],
            &["config", "deadline", "telemetry"],
        ],
    ),
    ("cli/src", &[&["main"], &["dev", "events", "send"], &["workspace"]]),
    (
        "cli/local/src",
        &[
            &["lib"],
            &["stack"],
            &["server"],
            &["http_api", "eventbridge"],
            &["lambda"],
            &["dynamodb", "event_log"],
            &["options"],
            &["data_dir", "listen", "logs", "seed", "template"],
            &["aws", "body", "error", "lock", "shutdown"],
        ],
    ),
];

#[test]
fn imports_go_down_the_layers() {
    let mut upward = Vec::new();
    for (root, layers) in LAYERS {
        let sources = Crate::read(root);
        let floor = |file: &str| {
            let module = sources.module(file);
            let found = layers.iter().position(|layer| layer.contains(&module));
            found.unwrap_or_else(|| panic!("{file}: add the module `{module}` to a layer in functions/tests/layers.rs"))
        };
        for file in sources.files() {
            floor(file);
        }
        for import in sources.imports() {
            let inside = sources.module(&import.from) == sources.module(&import.to);
            if !inside && floor(&import.to) <= floor(&import.from) {
                upward.push(describe(&import));
            }
        }
    }
    assert!(upward.is_empty(), "these imports go up or sideways:\n{}", upward.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for (root, _) in LAYERS {
        let mut graph: BTreeMap<String, Vec<Import>> = BTreeMap::new();
        for import in Crate::read(root).imports() {
            graph.entry(import.from.clone()).or_default().push(import);
        }
        let mut done = BTreeSet::new();
        for file in graph.keys() {
            if let Some(circle) = circle(file, &graph, &mut Vec::new(), &mut done) {
                let lines: Vec<String> = circle.iter().map(describe).collect();
                panic!("these imports form a circle:\n{}", lines.join("\n"));
            }
        }
    }
}

/// The first circle that is reached from `file`, depth first.
fn circle(
    file: &str,
    graph: &BTreeMap<String, Vec<Import>>,
    path: &mut Vec<Import>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<Import>> {
    if let Some(start) = path.iter().position(|import| import.from == file) {
        return Some(path[start..].to_vec());
    }
    if done.contains(file) {
        return None;
    }
    for import in graph.get(file).into_iter().flatten() {
        path.push(import.clone());
        if let Some(circle) = circle(&import.to, graph, path, done) {
            return Some(circle);
        }
        path.pop();
    }
    done.insert(file.to_owned());
    None
}

fn describe(import: &Import) -> String {
    format!("{}:{}: {} (imports {})", import.from, import.line, import.text.trim(), import.to)
}
