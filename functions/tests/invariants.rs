//! Invariants of the sources: which directories and files may contain what. The rules about imports are in `layers.rs`.

use crate::support::sources::{deployed, sources};

/// Asserts that only files below `directory` contain any of `words`, and that some of them do. With an empty
/// `directory`, no file may contain one.
#[track_caller]
fn only_in(directory: &str, words: &[&str]) {
    for source in deployed().filter(|source| directory.is_empty() || !source.path.starts_with(directory)) {
        for word in words {
            assert!(!source.text().contains(word), "{} contains {word}", source.path);
        }
    }
    let inside = |word: &&&str| sources(directory).iter().any(|source| source.text().contains(**word));
    assert!(
        directory.is_empty() || words.iter().any(|word| inside(&word)),
        "{directory} does not contain {words:?} either"
    );
}

#[test]
fn only_the_store_names_dynamodb() {
    only_in(
        "shared/src/store",
        &["aws_sdk_dynamodb::operation", "aws_sdk_dynamodb::types", "serde_dynamo", "AttributeValue"],
    );
    // Outside the store, its configuration with its HTTP client, and the client of EventBridge use the AWS SDK.
    let places = ["shared/src/store/", "shared/src/aws.rs", "shared/src/aws/", "functions/src/stream/event_bus.rs"];
    for source in deployed().filter(|source| !places.iter().any(|directory| source.path.starts_with(directory))) {
        let text = source.text();
        assert!(!text.contains("aws_sdk") && !text.contains("aws_smithy"), "{}", source.path);
    }
}

#[test]
fn only_the_http_layer_uses_statuses() {
    only_in("functions/src", &["lambda_http", "aws_lambda_events"]);
    only_in("functions/src/http", &["StatusCode", "x-contact-outcome", "retry-after"]);
}

/// What only operators do with the access table, of which one file scans. Functions call nothing in these files.
#[test]
fn functions_never_scan_and_never_change_tenants_or_tokens() {
    only_in("shared/src/store/access_operators.rs", &[".scan(", "Scan"]);
    // The methods of these files, called from elsewhere. Contacts have methods of some of the names, on other values.
    only_in(
        "shared/src/access",
        &[
            ".list_all(",
            ".create_with(",
            ".delete_both(",
            ".counted_calls(",
            ".table.put(",
            ".table.update(",
            ".table.delete(",
        ],
    );
    let operators = ["access/operators", "access/deletion", "access/usage", "store/tenant_items"];
    let operators = operators.map(|file| format!("shared/src/{file}.rs"));
    let methods: Vec<String> =
        operators.iter().flat_map(|file| sources(file)).flat_map(|source| public_methods(&source.text())).collect();
    let some = ["tenants", "update_tenant", "rotate", "revoke", "token_usage", "end_deletion", "delete_items"];
    assert!(some.iter().all(|name| methods.iter().any(|m| m == name)));
    for source in deployed().filter(|source| !operators.contains(&source.path)) {
        for method in methods.iter().filter(|method| *method != "find") {
            let call = format!(".{method}(");
            assert!(!source.text().contains(&call), "{} calls {method}", source.path);
        }
        assert!(!source.text().contains("access.find("), "{} calls find", source.path);
    }
}

/// The names of the public asynchronous methods in a source text.
fn public_methods(text: &str) -> Vec<String> {
    let names = text.split("pub async fn ").skip(1).filter_map(|rest| rest.split('(').next());
    names.map(str::to_owned).collect()
}

#[test]
fn only_save_writes_contacts() {
    let writes =
        ["transact_write_items()", "transact(", "put_item()", "update_item()", "delete_item()", "batch_write_item()"];
    for source in deployed().filter(|source| writes.iter().any(|write| source.text().contains(write))) {
        // access_table.rs counts calls in the access table, access_operators.rs writes tokens and tenants to it, and
        // transaction.rs sends what the others give it. repair.rs writes memberships and catalogue entries of contacts that
        // it checks, and calls `save` for contacts. tenant_items.rs only deletes.
        let writers =
            ["save", "access_table", "access_operators", "tenant_items", "transaction", "verification/repair"]
                .map(|file| format!("shared/src/store/{file}.rs"));
        assert!(writers.contains(&source.path), "{} writes to DynamoDB", source.path);
    }
}

/// Deleting a tenant's items cannot write one.
#[test]
fn only_one_file_writes_batches_and_it_only_deletes() {
    let batch = "shared/src/store/tenant_items.rs";
    only_in(batch, &["batch_write_item()"]);
    for word in ["put_request", "PutRequest", "put_item", "update_item", "transact("] {
        assert!(!sources(batch)[0].text().contains(word), "{batch} contains {word}");
    }
}

#[test]
fn every_function_of_the_store_takes_a_tenant() {
    let verification = ["inspect", "repair", "verify"].map(|file| format!("verification/{file}"));
    let places = [
        "change_phone",
        "locking",
        "pages",
        "prefetch",
        "read",
        "redirect",
        "repeat",
        "save",
        "search",
        "tags",
        "tenant_items",
        "write",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(verification);
    let places: Vec<String> = places.map(|file| format!("shared/src/store/{file}.rs")).collect();
    let mut calls = 0;
    for source in deployed().filter(|source| places.contains(&source.path)) {
        let text = source.text();
        let public = ["pub async fn ", "pub(super) async fn "];
        for signature in public.iter().flat_map(|start| text.split(start).skip(1).collect::<Vec<_>>()) {
            let signature = &signature[..signature.find(" {\n").unwrap()];
            // A `Target` names its tenant.
            let names_tenant = ["tenant: &Tenant", "target: Target<'_>"].iter().any(|part| signature.contains(part));
            assert!(names_tenant, "{}: {signature}", source.path);
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

/// An id gives access to its tenant, so only the event sources that IAM protects look up tenants by id.
#[test]
fn only_event_sources_look_up_tenants_by_id() {
    let places = ["functions/src/events/", "functions/src/stream/"];
    let words = [".tenant(event.tenant_id)", ".tenant(change.tenant_id)", ".tenant(id)"];
    let mut found = 0;
    for source in deployed().filter(|source| words.iter().any(|word| source.text().contains(word))) {
        assert!(places.iter().any(|place| source.path.starts_with(place)), "{}", source.path);
        found += 1;
    }
    assert!(found >= 2, "{found}");
}

/// The one static of the functions, which holds no data.
const ALLOCATOR: &str = "static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;";

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
            let found = text.lines().filter(bare).find(|line| *line != ALLOCATOR);
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
