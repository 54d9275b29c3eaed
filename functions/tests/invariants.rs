//! Invariants of the sources: which module may contain what.

use crate::support::sources::{deployed, sources};

/// Asserts that only files below `room` contain any of `words`, and that some of them do. With an empty
/// `room`, no file may.
#[track_caller]
fn only_in(room: &str, words: &[&str]) {
    for source in deployed().filter(|source| room.is_empty() || !source.path.starts_with(room)) {
        for word in words {
            assert!(!source.text().contains(word), "{} contains {word}", source.path);
        }
    }
    let inside = |word: &&&str| sources(room).iter().any(|source| source.text().contains(**word));
    assert!(room.is_empty() || words.iter().any(|word| inside(&word)), "{room} does not contain {words:?} either");
}

#[test]
fn only_the_store_names_dynamodb() {
    only_in(
        "shared/src/store",
        &["aws_sdk_dynamodb::operation", "aws_sdk_dynamodb::types", "serde_dynamo", "AttributeValue"],
    );
    // Two more files use the AWS SDK: its configuration, and the client of EventBridge.
    let rooms = ["shared/src/store/", "shared/src/aws.rs", "functions/src/stream/event_bus.rs"];
    for source in deployed().filter(|source| !rooms.iter().any(|room| source.path.starts_with(room))) {
        let text = source.text();
        assert!(!text.contains("aws_sdk") && !text.contains("aws_smithy"), "{}", source.path);
    }
}

#[test]
fn only_the_http_layer_knows_statuses() {
    only_in("functions/src", &["lambda_http", "aws_lambda_events"]);
    only_in("functions/src/http", &["StatusCode", "x-contact-outcome", "retry-after"]);
}

#[test]
fn functions_never_scan() {
    only_in("", &[".scan(", "Scan"]);
}

#[test]
fn contacts_are_written_by_save_alone() {
    let writes = ["transact_write_items()", "put_item()", "update_item()", "delete_item()", "batch_write_item()"];
    for source in deployed().filter(|source| writes.iter().any(|write| source.text().contains(write))) {
        // The second file writes tokens and tenants, to the access table.
        let writers = ["shared/src/store/save.rs", "shared/src/store/access_table.rs"];
        assert!(writers.contains(&source.path.as_str()), "{} writes to DynamoDB", source.path);
    }
}

#[test]
fn every_function_of_the_store_takes_a_tenant() {
    let rooms = ["read", "save", "search", "tags"].map(|room| format!("shared/src/store/{room}.rs"));
    let mut calls = 0;
    for source in deployed().filter(|source| rooms.contains(&source.path)) {
        let text = source.text();
        let public = ["pub async fn ", "pub(super) async fn "];
        for signature in public.iter().flat_map(|start| text.split(start).skip(1).collect::<Vec<_>>()) {
            let signature = &signature[..signature.find(" {\n").unwrap()];
            assert!(signature.contains("tenant: &Tenant"), "{}: {signature}", source.path);
            calls += 1;
        }
    }
    assert!(calls >= 5, "{calls}");
}

/// A tenant is created by `access` only: from a token, or from the id in an event.
#[test]
fn only_access_creates_tenants() {
    let definition = "shared/src/model/tenant.rs";
    for source in deployed().filter(|source| !source.path.starts_with("shared/src/access/")) {
        assert!(source.path == definition || !source.text().contains("authenticated("), "{}", source.path);
    }
}

/// Whoever names a tenant by id acts for it, so only the event sources behind IAM may.
#[test]
fn only_events_name_tenants_by_id() {
    let places = ["functions/src/events/", "functions/src/stream/"];
    let words = [".tenant(event.tenant_id)", ".tenant(change.tenant_id)", ".tenant(id)"];
    let mut found = 0;
    for source in deployed().filter(|source| words.iter().any(|word| source.text().contains(word))) {
        assert!(places.iter().any(|place| source.path.starts_with(place)), "{}", source.path);
        found += 1;
    }
    assert!(found >= 2, "{found}");
}

#[test]
fn tenant_data_is_never_in_statics() {
    for source in deployed() {
        for word in ["static ", "thread_local!", "OnceLock", "LazyLock", "Box::leak"] {
            let bare = |line: &&str| {
                let line = line.trim_start();
                let visible = line.strip_prefix("pub").map(|rest| rest.split_once(' ').map_or(rest, |(_, rest)| rest));
                visible.unwrap_or(line).starts_with(word)
            };
            let text = source.text();
            let found = text.lines().find(bare);
            assert!(found.is_none(), "{}: {found:?}", source.path);
        }
    }
}

#[test]
fn no_file_exceeds_400_lines() {
    for source in ["shared", "functions", "cli"].into_iter().flat_map(sources) {
        assert!(source.length <= 400, "{} has {} lines", source.path, source.length);
    }
}
