//! Tables and where they are kept.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::TableStatus;
use carnet_local::{Error, Options, RunningStack, Seed, Stack, Store, StreamStart};
use reqwest::Client;
use serde_json::json;
use tokio::time::timeout;

use crate::support::{lines, options, start, start_logged, write};

#[tokio::test]
async fn tables_are_created_as_the_template_says() {
    let stack = start(options()).await;
    let name = stack.table_name("NotesTable").expect("a table");
    let table = stack.dynamodb().describe_table().table_name(name).send().await.expect("a description");
    let table = table.table.expect("a table");
    assert_eq!(table.table_status, Some(TableStatus::Active));
    let index = &table.global_secondary_indexes()[0];
    let keys: Vec<_> =
        index.key_schema().iter().map(|key| format!("{} {}", key.key_type, key.attribute_name)).collect();
    assert_eq!(keys, ["HASH owner", "HASH topic", "RANGE at", "RANGE id"]);
    let ttl = stack.dynamodb().describe_time_to_live().table_name(name).send().await.expect("a description");
    let attribute = ttl.time_to_live_description.and_then(|ttl| ttl.attribute_name);
    assert_eq!(attribute.as_deref(), Some("expires_at"));
}

#[tokio::test]
async fn a_running_stack_is_found_by_its_data_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let not_running = || matches!(RunningStack::find(&data), Err(Error::NotRunning { dir }) if dir == data);
    assert!(not_running() && !data.exists(), "looking makes no directory");
    for _ in 0..2 {
        let stack = start(Options { store: Store::Dir(data.clone()), ..options() }).await;
        let found = RunningStack::find(&data).expect("it runs");
        assert_eq!((&*found.url, &*found.dynamodb_url), (stack.url(), stack.dynamodb_url()));
        assert_eq!(found.tables.get("NotesTable").map(String::as_str), stack.table_name("NotesTable"));
        stack.stop().await;
        assert!(not_running());
        // What a stack that was killed leaves.
        std::fs::write(data.join("stack.json"), serde_json::to_vec(&found).expect("JSON")).expect("written");
        assert!(not_running());
    }
}

#[tokio::test]
async fn kept_tables_of_another_template_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = || Store::Dir(dir.path().join("data"));
    start(Options { store: store(), ..options() }).await.stop().await;
    start(Options { store: store(), ..options() }).await.stop().await;

    let template = std::fs::read_to_string(options().template).expect("the template");
    let other = dir.path().join("template.yaml");
    std::fs::write(&other, template.replace("[title, text]", "[title]")).expect("written");
    let error = Stack::start(Options { store: store(), template: other.clone(), ..options() }).await;
    let message = error.expect_err("another layout").to_string();
    let place = dir.path().join("data");
    assert_eq!(
        message,
        format!(
            "table NotesTable in {} was made from another template; remove the directory, or use --memory",
            place.display()
        )
    );
    // The order of the projected attributes does not matter.
    std::fs::write(&other, template.replace("[title, text]", "[text, title]")).expect("written");
    start(Options { store: store(), template: other, ..options() }).await;
}

#[tokio::test]
async fn a_data_directory_in_use_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept = || Options { store: Store::Dir(dir.path().into()), ..options() };
    let stack = start(kept()).await;
    let error = Stack::start(kept()).await.expect_err("in use");
    assert!(matches!(error, Error::DataDirInUse { .. }));
    let message = error.to_string();
    assert!(message.contains(&dir.path().display().to_string()) && message.contains("--data"), "{message}");
    stack.stop().await;
    start(kept()).await.stop().await;
}

#[tokio::test]
async fn a_deleted_data_directory_is_noticed_within_a_second() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let options = || Options { store: Store::Dir(data.clone()), ..options() };
    let delete: [&dyn Fn(); 2] = [
        &|| std::fs::remove_dir_all(&data).expect("deleted"),
        // Replaced by another one.
        &|| {
            std::fs::rename(&data, dir.path().join("moved")).expect("renamed");
            std::fs::create_dir(&data).expect("made");
            std::fs::write(data.join("lock"), "").expect("written");
            std::fs::write(data.join("dynamodb.sqlite"), "").expect("written");
        },
    ];
    for delete in delete {
        let stack = start(options()).await;
        timeout(Duration::from_millis(600), stack.failed()).await.expect_err("still there");
        delete();
        let error = timeout(Duration::from_secs(1), stack.failed()).await.expect("noticed");
        assert!(matches!(&error, Error::DataDirDeleted { dir } if *dir == data), "{error}");
    }
}

#[tokio::test]
async fn a_seed_runs_before_mappings_begin_to_read() {
    for (start_at, records) in [(StreamStart::AsConfigured, 2), (StreamStart::NextChange, 1)] {
        let seed = Seed::new(move |environment: BTreeMap<String, String>| async move {
            assert_eq!(environment["NOTES_TABLE"], "NotesTable");
            // Through the engine's own address, as a program would that knows only the functions' environment.
            let item = json!({ "owner": { "S": "partial" }, "id": { "S": "seeded" } });
            let body = json!({ "TableName": "NotesTable", "Item": item }).to_string();
            let request = Client::new().post(&environment["AWS_ENDPOINT_URL_DYNAMODB"]).body(body);
            let request = request.header("X-Amz-Target", "DynamoDB_20120810.PutItem");
            let request = request.header("Content-Type", "application/x-amz-json-1.0");
            let request =
                request.header("Authorization", "AWS4-HMAC-SHA256 Credential=local, SignedHeaders=host, Signature=0");
            let answer = request.header("X-Amz-Date", "20260101T000000Z").send().await?;
            assert!(answer.status().is_success(), "{}", answer.text().await?);
            Ok(start_at)
        });
        let (stack, log) = start_logged(Options { seed: Some(seed), ..options() }).await;
        write(&stack, "partial", &["later"]).await;
        stack.caught_up().await;
        stack.stop().await;
        let delivered = lines(&log, "changes").join(" ");
        assert_eq!(delivered.split(' ').count(), records, "{delivered}");
    }

    let failing = Seed::new(|_| async { Err("no data today".into()) });
    let error = Stack::start(Options { seed: Some(failing), ..options() }).await.expect_err("a failed seed");
    assert_eq!(error.to_string(), "can't write the first data into the tables: no data today");
}
