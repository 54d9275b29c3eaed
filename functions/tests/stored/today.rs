//! The newest layout is today's: the calls of `calls.json` store the same attributes in the same tables.

use std::fmt::Write;

use serde_json::{Value, json};

use super::layout::{Calls, Layout, TABLES, directory, item_to_json, scan, shape, tables};
use crate::support::Bundle;

/// With a name in `CARNET_NEW_LAYOUT`, the test first writes the file of a new layout.
#[tokio::test]
async fn functions_store_only_what_the_newest_layout_has() {
    let bundle = Bundle::with_rate_limit(100).await;
    Calls::read().write(&bundle).await;
    if let Ok(name) = std::env::var("CARNET_NEW_LAYOUT") {
        store_layout(&bundle, &name).await;
    }
    let newest = Layout::all().pop().unwrap();
    let mut stored = Vec::new();
    for (table, _) in TABLES {
        stored.extend(scan(bundle.dynamodb(), table).await);
    }
    let (today, newest_shape) = (shape(stored), newest.shape());
    let added: Vec<_> = today.difference(&newest_shape).collect();
    let removed: Vec<_> = newest_shape.difference(&today).collect();
    assert!(
        added.is_empty() && removed.is_empty(),
        "the layout has changed since {}: added {added:#?}, removed {removed:#?}. tests/stored/mod.rs says what to do.",
        newest.name
    );
    assert_eq!(
        &tables(bundle.dynamodb()).await,
        newest.tables(),
        "keys or indexes have changed since {}. tests/stored/mod.rs says what to do.",
        newest.name
    );
}

/// Writes everything in the tables, and the answers of the recorded calls, into a new layout file.
async fn store_layout(bundle: &Bundle, name: &str) {
    let date = contacts::model::Timestamp::now().to_string()[..10].to_owned();
    let line = |value: Value| serde_json::to_string(&value).unwrap();
    let mut text = String::from("{\n");
    writeln!(text, "  \"layout\": {},", line(json!(name))).unwrap();
    writeln!(text, "  \"versions\": {},", line(json!(format!("from {date}")))).unwrap();
    writeln!(text, "  \"differs\": \"say here what differs from the layout before\",").unwrap();
    writeln!(text, "  \"tables\": {},", line(tables(bundle.dynamodb()).await)).unwrap();
    for (table, keys) in TABLES {
        let mut items = scan(bundle.dynamodb(), table).await;
        items.sort_by_key(|item| keys.iter().map(|key| item[*key].as_s().unwrap().clone()).collect::<Vec<_>>());
        let lines: Vec<String> = items.iter().map(|item| format!("    {}", line(json!(item_to_json(item))))).collect();
        writeln!(text, "  {}: [\n{}\n  ],", line(json!(table)), lines.join(",\n")).unwrap();
    }
    let mut answers = Vec::new();
    for call in Calls::read().reads {
        let body = with_ids(bundle, call.body()).await;
        let reply = bundle.ask(&call.call, &body).await;
        let sent = if body.is_empty() { String::new() } else { format!(" \"body\": {body},") };
        answers.push(format!(
            "    {{\"call\": {},{sent} \"status\": {}, \"answer\": {}}}",
            line(json!(call.call)),
            reply.status,
            reply.body
        ));
    }
    writeln!(text, "  \"answers\": [\n{}\n  ]\n}}", answers.join(",\n")).unwrap();
    let number = Layout::all().len() + 1;
    std::fs::write(directory().join(format!("{number:02}-{name}.json")), text).unwrap();
}

/// Replaces `{id of <phone>}` by the id that belongs to the number in tenant `demo`.
async fn with_ids(bundle: &Bundle, body: &str) -> String {
    let Some((before, rest)) = body.split_once("{id of ") else { return body.to_owned() };
    let (phone, after) = rest.split_once('}').unwrap();
    let id = bundle.tenant("demo-token").await.contact_id(&phone.parse().unwrap());
    format!("{before}{id}{after}")
}
