//! What the layout promises, read off the sources: who may know what.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file, with its path from the root and without its comments.
struct Source {
    path: String,
    lines: usize,
    code: String,
}

/// All Rust files below a directory of the workspace.
fn sources(dir: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut left: Vec<PathBuf> = vec![root.join(dir)];
    let mut sources = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            sources.push(Source {
                path: path.strip_prefix(&root).unwrap().display().to_string(),
                lines: text.lines().count(),
                code: code.collect::<Vec<_>>().join("\n"),
            });
        }
    }
    assert!(!sources.is_empty(), "{dir}");
    sources
}

/// What runs in the cloud: the shared crate and the functions, without their tests.
fn deployed() -> impl Iterator<Item = Source> {
    let functions = sources("functions").into_iter().filter(|source| !source.path.starts_with("functions/tests"));
    sources("shared/src").into_iter().chain(functions)
}

/// Asserts that no deployed file says any of `words`, but for those under `room`.
#[track_caller]
fn only_in(room: &str, words: &[&str]) {
    for source in deployed().filter(|source| room.is_empty() || !source.path.starts_with(room)) {
        for word in words {
            assert!(!source.code.contains(word), "{} says {word}", source.path);
        }
    }
    let inside = |word: &&&str| sources(room).iter().any(|source| source.code.contains(**word));
    assert!(room.is_empty() || words.iter().any(|word| inside(&word)), "{room} does not say {words:?} either");
}

#[test]
fn only_the_table_speaks_dynamodb() {
    only_in(
        "shared/src/table",
        &["aws_sdk_dynamodb::operation", "aws_sdk_dynamodb::types", "serde_dynamo", "AttributeValue"],
    );
    // How AWS is talked to at all is known in one more place, and the bus in another.
    let rooms = ["shared/src/table/", "shared/src/aws.rs", "shared/src/feed/bus.rs"];
    for source in deployed().filter(|source| !rooms.iter().any(|room| source.path.starts_with(room))) {
        assert!(!source.code.contains("aws_sdk") && !source.code.contains("aws_smithy"), "{}", source.path);
    }
}

#[test]
fn only_the_door_knows_statuses() {
    only_in("shared/src/door", &["lambda_http"]);
    only_in("shared/src/door/http", &["StatusCode", "x-contact-outcome", "retry-after"]);
}

#[test]
fn there_is_no_scan() {
    only_in("", &[".scan(", "Scan"]);
}

#[test]
fn contacts_are_written_by_save_alone() {
    let writes = ["transact_write_items()", "put_item()", "update_item()", "delete_item()", "batch_write_item()"];
    for source in deployed().filter(|source| writes.iter().any(|write| source.code.contains(write))) {
        // The other one writes tokens, into a table of their own.
        let writers = ["shared/src/table/save.rs", "shared/src/table/access.rs"];
        assert!(writers.contains(&source.path.as_str()), "{} writes", source.path);
    }
}

#[test]
fn every_call_of_the_table_takes_a_tenant() {
    let rooms = ["read", "save", "search", "tags"].map(|room| format!("shared/src/table/{room}.rs"));
    let mut calls = 0;
    for source in deployed().filter(|source| rooms.contains(&source.path)) {
        let public = ["pub async fn ", "pub(super) async fn "];
        for signature in public.iter().flat_map(|start| source.code.split(start).skip(1)) {
            let signature = &signature[..signature.find(" {\n").unwrap()];
            assert!(signature.contains("tenant: &Tenant"), "{}: {signature}", source.path);
            calls += 1;
        }
    }
    assert!(calls >= 5, "{calls}");
}

/// Who names a tenant acts for it: that is for events, which IAM lets in, and for nobody else.
#[test]
fn tenants_are_named_by_events_alone() {
    only_in("shared/src/door/event", &[".tenant(call.tenant_id)", ".tenant(change.tenant_id)", ".tenant(id)"]);
}

#[test]
fn nothing_of_a_tenant_outlives_its_owner() {
    for source in deployed() {
        for word in ["static ", "thread_local!", "OnceLock", "LazyLock", "Box::leak"] {
            let bare = |line: &&str| {
                let line = line.trim_start();
                let visible = line.strip_prefix("pub").map(|rest| rest.split_once(' ').map_or(rest, |(_, rest)| rest));
                visible.unwrap_or(line).starts_with(word)
            };
            let found = source.code.lines().find(bare);
            assert!(found.is_none(), "{}: {found:?}", source.path);
        }
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    for source in ["shared", "functions", "cli"].into_iter().flat_map(sources) {
        assert!(source.lines <= 400, "{} has {} lines", source.path, source.lines);
    }
}
