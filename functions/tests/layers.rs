//! The layers of each crate: imports go down only, and never in a circle. `docs/architecture.md` draws them.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::imports::{Crate, Import};
use crate::support::sources::Source;

/// A crate and its layers.
struct Layers {
    /// The directory of its sources, from the workspace root.
    root: &'static str,
    /// The crate's name, by which its `main.rs` and its own tests name it.
    name: &'static str,
    /// Its top-level modules, from the top down. A module may import those in lower layers; modules of one layer do
    /// not import each other.
    layers: &'static [&'static [&'static str]],
}

/// One entry per crate.
const CRATES: [Layers; 4] = [
    Layers {
        root: "shared/src",
        name: "contacts",
        layers: &[&["lib"], &["access", "import"], &["store"], &["aws", "backoff", "model"]],
    },
    Layers {
        root: "functions/src",
        name: "functions",
        layers: &[
            &["lib"],
            &["serve"],
            &["http", "stream"],
            &["events", "mcp"],
            &["contact_batch"],
            &["action", "contact_fields", "contact_lookup", "contact_ref", "tag_filter"],
            &["conditions", "input", "json"],
            &["error"],
            &["config", "deadline", "telemetry"],
        ],
    },
    Layers {
        root: "cli/src",
        name: "carnet",
        layers: &[
            &["main"],
            &[
                "completions",
                "costs",
                "dead_letters",
                "dev",
                "doctor",
                "erase",
                "events",
                "export",
                "import",
                "send",
                "smoke",
                "tenant",
                "token",
                "usage",
            ],
            &["issue"],
            &["show", "target"],
            &["build", "cloud", "output", "seeding", "values", "workspace"],
        ],
    },
    Layers {
        root: "cli/local/src",
        name: "carnet_local",
        layers: &[
            &["lib"],
            &["stack"],
            &["server"],
            &["http_api", "eventbridge"],
            &["lambda"],
            &["dynamodb", "event_log"],
            &["options"],
            &["data_dir", "listen", "logs", "seed", "template"],
            &["aws", "body", "error", "lock", "origin", "shutdown"],
        ],
    },
];

#[test]
fn imports_go_down_the_layers() {
    for Layers { root, name, layers } in CRATES {
        let upward = upward(&Crate::read(root, name), layers);
        assert!(upward.is_empty(), "these imports go up or sideways:\n{}", describe(&upward));
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for Layers { root, name, .. } in CRATES {
        if let Some(circle) = circle(&Crate::read(root, name)) {
            panic!("these imports form a circle:\n{}", describe(&circle));
        }
    }
}

/// The imports that do not go to a lower layer.
fn upward(sources: &Crate, layers: &[&[&str]]) -> Vec<Import> {
    let layer = |file: &str| {
        let module = sources.module(file);
        let found = layers.iter().position(|layer| layer.contains(&module));
        found.unwrap_or_else(|| panic!("{file}: add the module `{module}` to a layer in functions/tests/layers.rs"))
    };
    for file in sources.files() {
        layer(file);
    }
    let imports = sources.imports().into_iter();
    let between_modules = imports.filter(|import| sources.module(&import.from) != sources.module(&import.to));
    between_modules.filter(|import| layer(&import.to) <= layer(&import.from)).collect()
}

/// A circle of imports, if there is one.
fn circle(sources: &Crate) -> Option<Vec<Import>> {
    let mut graph: BTreeMap<String, Vec<Import>> = BTreeMap::new();
    for import in sources.imports() {
        graph.entry(import.from.clone()).or_default().push(import);
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|file| circle_from(file, &graph, &mut Vec::new(), &mut done))
}

/// The first circle that is reached from `file`, depth first.
fn circle_from(
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
        if let Some(circle) = circle_from(&import.to, graph, path, done) {
            return Some(circle);
        }
        path.pop();
    }
    done.insert(file.to_owned());
    None
}

fn describe(imports: &[Import]) -> String {
    let line =
        |import: &Import| format!("{}:{}: {} (imports {})", import.from, import.line, import.text.trim(), import.to);
    imports.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A crate of two layers, `high` over `low`, and a file `main.rs`, with this code in one of its files.
fn crate_with(path: &str, code: &str) -> Crate {
    let paths = ["lib.rs", "main.rs", "high/mod.rs", "high/part.rs", "low/mod.rs", "low/one.rs", "low/two.rs"];
    let source = |file: &&str| Source::new(&format!("src/{file}"), if *file == path { code } else { "" });
    Crate::new("src", "sample", paths.iter().map(source).collect())
}

const SAMPLE_LAYERS: [&[&str]; 4] = [&["main"], &["lib"], &["high"], &["low"]];

#[test]
fn every_way_to_write_an_upward_import_is_found() {
    for code in [
        "use crate::high;",
        "use crate::high::part::Thing;",
        "pub(crate) use crate::high::Thing as Other;",
        "pub(in crate::low) use crate::high::*;",
        "use {std::fmt, crate::high};",
        "use super::super::high::Thing;",
        "use std::fmt; // high\nuse crate::{\n    low::{\n        one,\n        two::{self, Two},\n    }, // both\n    high::{\n        part,\n    },\n};",
        "fn a() {\n    use crate::high::a;\n}",
        "fn a() -> crate::high::Thing {}",
        "fn a() {\n    super::super::high::part::b(1);\n}",
        "fn a(x: Vec<super::super::high::Thing>) {}",
        "mod inside {\n    use super::super::super::high;\n}",
        "mod inside {\n    mod deeper {\n        fn a() { super::super::super::super::high::a(); }\n    }\n}",
        "#[cfg(test)]\nuse crate::low::two;\n\nuse crate::high::Thing;",
        "#[cfg(test)]\nmod tests {\n    use super::*;\n}\n\nuse crate::high::Thing;",
    ] {
        let upward = upward(&crate_with("low/one.rs", code), &SAMPLE_LAYERS);
        assert_eq!(upward.len(), 1, "{code}\n{upward:?}");
        assert!(upward[0].to.starts_with("src/high/"), "{code}\n{upward:?}");
    }
    // `lib.rs` is above its modules too, and `main.rs` above `lib.rs`.
    assert_eq!(upward(&crate_with("high/part.rs", "use crate::Thing;"), &SAMPLE_LAYERS).len(), 1);
    assert_eq!(upward(&crate_with("main.rs", "use sample::high;\nuse sample::Thing;"), &SAMPLE_LAYERS), []);
    assert_eq!(crate_with("main.rs", "use sample::high;\nuse sample::Thing;").imports().len(), 2);
}

#[test]
fn downward_imports_comments_and_unit_tests_are_not_upward() {
    for code in [
        "use crate::low::{one, two};",
        "use super::super::low::two::Two;",
        "// use crate::main;",
        "fn a() {} // crate::Thing",
        "#[cfg(test)]\nmod tests {\n    use crate::Thing;\n}",
        "mod inside {\n    use super::a;\n    use super::super::part;\n}",
        "use serde::high::low;",
        "fn a() { Some::<u8>(1); other::crate_thing(); }",
    ] {
        let upward = upward(&crate_with("high/part.rs", code), &SAMPLE_LAYERS);
        assert_eq!(upward, [], "{code}");
    }
}

#[test]
fn every_way_to_write_a_circle_is_found() {
    // `low/mod.rs` uses its child `one`, which names its parent.
    for (parent, child) in [
        ("use one::One;", "use super::Two;"),
        ("pub use self::one::One;", "fn a() { super::b(); }"),
        ("mod one;\nfn a() { one::b(); }", "use crate::low::Two;"),
        ("fn a(x: self::one::One) {}", "use super::{\n    two::Two,\n    Three,\n};"),
        ("mod inside {\n    fn a() { super::one::b(); }\n}", "use super::super::low;"),
    ] {
        let files = [("mod.rs", parent), ("one.rs", child), ("two.rs", "use std::fmt;")];
        let sources = files.map(|(file, code)| Source::new(&format!("src/low/{file}"), code));
        let circle = circle(&Crate::new("src", "sample", sources.into()));
        assert_eq!(circle.map(|circle| circle.len()), Some(2), "{parent}\n{child}");
    }
    let files = [
        ("mod.rs", "mod one;"),
        ("one.rs", "use super::two;"),
        ("two.rs", "use super::three;"),
        ("three.rs", "use crate::low::one;"),
    ];
    let sources = files.map(|(file, code)| Source::new(&format!("src/low/{file}"), code));
    let circle = circle(&Crate::new("src", "sample", sources.into()));
    assert_eq!(circle.map(|circle| circle.len()), Some(3));
}
