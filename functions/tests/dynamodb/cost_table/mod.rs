//! docs/costs.md states what DynamoDB bills for each call. This test makes every call of its table, counts the units in a
//! proxy, refused writes included, and compares.
//!
//! The units are those of a warm process that has the token and its tenant in its cache, as the document says.

mod counter;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::Fault;
use counter::{Counter, Units, count};

const DOCUMENT: &str = include_str!("../../../../docs/costs.md");

/// The rows of the document's table: function in backticks, case, read units, write units, dollars.
fn documented() -> Units {
    let (_, section) = DOCUMENT.split_once("\n## What a call costs\n").expect("the section of the table");
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [function, case, reads, writes, _dollars] = cells[..] else { panic!("{line}") };
        let units = (reads.parse().unwrap(), writes.parse().unwrap());
        ((function.trim_matches('`').to_owned(), case.to_owned()), units)
    };
    rows.map(row).collect()
}

async fn creates(c: &mut Counter) {
    let named = |phone: &str, name: &str| json!({ "phone": phone, "name": name });
    let jane = json!({ "phone": "+14155550100", "name": "Jane Smith", "email": "jane@example.com" });
    c.action("create-contact", "new", jane.clone()).await;
    c.action("create-contact", "unchanged", jane).await;
    c.action("create-contact", "renamed", named("+14155550100", "Janet Smith")).await;
    for case in ["renamed, with an idempotency key", "repeated with its idempotency key"] {
        let (header, body) = (("idempotency-key", "key"), named("+14155550100", "Jane"));
        c.with_header(("create-contact", case), header, body, 201).await;
    }
    let (header, body) = (("if-none-match", "*"), named("+14155550100", "Janet"));
    c.with_header(("create-contact", "refused with 412, because the contact exists"), header, body, 412).await;
    c.create("+14155550101", "a, b, c").await;
    let tagged = json!({ "phone": "+14155550102", "name": "Jane Smith", "email": "j@example.com", "tags": "a, b, c" });
    c.action("create-contact", "new, with three known tags", tagged).await;
    c.action("create-contact", "renamed, with three tags", named("+14155550101", "Janet Smith")).await;
    // The read that the new contact was written on is repeated as it was: the contact is absent. DynamoDB refuses the
    // write, which returns the contact, and the second write succeeds.
    c.begin().await;
    c.create("+14155550103", "").await;
    c.bundle.caught_up().await;
    c.proxy.take_requests();
    c.proxy.inject_once("GetItem", Fault::StaleRead);
    c.call("create-contact", named("+14155550103", "Janet Smith")).await;
    c.end("create-contact", "renamed, after one refused write");
}

async fn batches(c: &mut Counter) {
    let contacts = |count: usize, tags: &str| {
        let contact = |n| {
            let email = format!("jane.{n}@example.com");
            json!({ "phone": format!("+1415555{n:04}"), "name": "Jane Smith", "email": email, "tags": tags })
        };
        json!({ "contacts": (0..count).map(contact).collect::<Vec<_>>() })
    };
    c.create("+14155559998", "a, b, c").await;
    c.action("batch-upsert-contacts", "one new contact", contacts(1, "")).await;
    c.action("batch-upsert-contacts", "one contact, unchanged", contacts(1, "")).await;
    c.action("batch-upsert-contacts", "100 contacts, 99 of them new", contacts(100, "")).await;
    c.action("batch-upsert-contacts", "100 contacts, unchanged", contacts(100, "")).await;
    let renamed = json!({ "contacts": [{ "phone": "+14155550000", "name": "Janet Smith" }] });
    for case in ["one contact renamed, with an idempotency key", "one contact, repeated with its idempotency key"] {
        c.with_header(("batch-upsert-contacts", case), ("idempotency-key", "key"), renamed.clone(), 200).await;
    }
    c.action("batch-upsert-contacts", "100 contacts get three known tags", contacts(100, "a, b, c")).await;
}

async fn updates(c: &mut Counter) {
    c.create("+14155550100", "").await;
    c.create("+14155550101", "a, b, c").await;
    let named = |phone: &str, name: &str| json!({ "phone": phone, "name": name });
    let metadata = |phone: &str, text: &str| json!({ "phone": phone, "metadata": { "text": text } });
    c.action("update-contact", "metadata", metadata("+14155550100", "x")).await;
    c.action("update-contact", "renamed", named("+14155550100", "Janet Smith")).await;
    c.action("update-contact", "unchanged", named("+14155550100", "Janet Smith")).await;
    c.action("update-contact", "renamed, with three tags", named("+14155550101", "Janet Smith")).await;
    for case in ["renamed, with an idempotency key", "repeated with its idempotency key"] {
        let (header, body) = (("idempotency-key", "key"), named("+14155550100", "Jane"));
        c.with_header(("update-contact", case), header, body, 200).await;
    }
    let (header, body) = (("if-match", "\"1\""), named("+14155550100", "Janet"));
    c.with_header(("update-contact", "refused with 412, because of If-Match"), header, body, 412).await;
    c.call("update-contact", metadata("+14155550100", &"x".repeat(10_000))).await;
    c.action("update-contact", "metadata, of a contact with 10 KB", metadata("+14155550100", &"y".repeat(10_000)))
        .await;
}

async fn tags(c: &mut Counter) {
    c.create("+14155550100", "a, b").await;
    c.create("+14155550101", "c, d").await;
    let tag = |tag: &str| json!({ "phone": "+14155550100", "tag": tag });
    c.action("add-tag", "a known tag", tag("c")).await;
    c.action("add-tag", "a tag that is used for the first time", tag("e")).await;
    c.action("add-tag", "unchanged", tag("c")).await;
    c.action("remove-tag", "a tag", tag("c")).await;
    c.action("remove-tag", "unchanged", tag("c")).await;
    c.http("list-tags", "up to 30 tags", "list-tags", json!({}), 200).await;
    c.action("delete-contact", "with two tags", json!({ "phone": "+14155550101" })).await;
    c.create("+14155550102", "").await;
    c.action("delete-contact", "without tags", json!({ "phone": "+14155550102" })).await;
    c.create("+14155550103", "").await;
    for case in ["without tags, with an idempotency key", "repeated with its idempotency key"] {
        let (header, body) = (("idempotency-key", "key"), json!({ "phone": "+14155550103" }));
        c.with_header(("delete-contact", case), header, body, 200).await;
    }
    c.action(
        "create-contact",
        "new, after a deletion",
        json!({ "phone": "+14155550102", "name": "Jane Smith", "email": "j@example.com" }),
    )
    .await;
    c.http("delete-contact", "not found", "delete-contact", json!({ "phone": "+14155550199" }), 404).await;
}

async fn reads(c: &mut Counter) {
    c.create("+14155550100", "").await;
    c.action("get-contact", "by number or id", json!({ "phone": "+14155550100" })).await;
    let jane = json!({ "phone": "+14155550100" });
    let read = c.bundle.call("get-contact", jane.clone()).await;
    let version = ("if-none-match", read.headers["etag"].to_str().unwrap());
    c.with_header(("get-contact", "not modified (304)"), version, jane.clone(), 304).await;
    c.with_header(("get-contact", "refused with 412, because of If-Match"), ("if-match", "\"9\""), jane, 412).await;
    c.action("get-contact", "by email address", json!({ "email": "jane.14155550100@example.com" })).await;
    let (tenant, other) = (c.bundle.tenant("demo-token").await, "+14155550109".parse().unwrap());
    c.create("+14155550108", "").await;
    let id = tenant.contact_id(&"+14155550108".parse().unwrap());
    c.bundle.table.change_phone(&tenant, id, &other, Ok::<_, contacts::store::Error>).await.unwrap();
    c.action("get-contact", "by an id from before a change of number", json!({ "contact_id": id })).await;
    c.http("get-contact", "not found", "get-contact", json!({ "phone": "+14155550199" }), 404).await;
    c.http("me", "any", "GET /api/v1/me", json!({}), 200).await;
    c.http("openapi", "any", "GET /api/v1/openapi.json", json!({}), 200).await;
    let get = "GET /contact?tenantId=demo&phone_number=14155550100";
    c.http("flowiq-get-contact", "any", get, json!({}), 200).await;
    let create = |phone: &str| json!({ "phone_number": phone, "name": "Jane Smith", "email": "jane@example.com" });
    let post = "POST /contact?tenantId=demo";
    c.http("flowiq-create-contact", "new", post, create("14155550101"), 201).await;
    c.http("flowiq-create-contact", "the number exists", post, create("14155550101"), 409).await;
}

async fn searches(c: &mut Counter) {
    let tenant = c.bundle.tenant("demo-token").await;
    for batch in 0..50 {
        let contact = async |n: i32| {
            let phone = format!("+1415555{n:04}");
            let email = format!("maria.santos.{n}@example.com");
            c.bundle
                .put(&tenant, &phone, |contact| {
                    contact.name = Some("Maria Aparecida dos Santos".parse().unwrap());
                    contact.email = Some(email.parse().unwrap());
                })
                .await;
        };
        join_all((0..20).map(|n| contact(batch * 20 + n))).await;
    }
    c.action("search-contacts", "the newest 50, or those with a tag", json!({})).await;
    let first = c.bundle.call("search-contacts", json!({})).await;
    let cursor = first.headers["x-next-cursor"].to_str().unwrap();
    c.action("search-contacts", "the next 50, from a cursor", json!({ "cursor": cursor })).await;
    c.action("search-contacts", "by email address", json!({ "email": "maria.santos.7@example.com" })).await;
    c.action("search-contacts", "by complete number", json!({ "query": "+1 (415) 555-0007" })).await;
    c.action("search-contacts", "text that most contacts have", json!({ "query": "santos" })).await;
    c.action("search-contacts", "text that no contact has, of 1,000", json!({ "query": "nobody" })).await;
    c.tool("list_contacts, the first 25", "list_contacts", json!({})).await;
    c.tool("list_contacts, the twentieth 25", "list_contacts", json!({ "page": 20 })).await;
}

async fn tools(c: &mut Counter) {
    c.http(
        "mcp",
        "a message that calls no tool",
        "POST /mcp",
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }),
        200,
    )
    .await;
    c.create("+14155550100", "").await;
    c.create("+14155550101", "a, b").await;
    c.create("+14155550102", "c").await;
    let tenant = c.bundle.tenant("demo-token").await;
    let id = |phone: &str| tenant.contact_id(&phone.parse().unwrap());
    c.tool("get_contact by number or id", "get_contact", json!({ "id": id("+14155550100") })).await;
    let new = json!({ "phone": "+14155550103", "name": "Jane Smith", "email": "jane@example.com" });
    c.tool("create_contact, new", "create_contact", new).await;
    let renamed = json!({ "id": id("+14155550100"), "name": "Janet Smith" });
    c.tool("update_contact, renamed", "update_contact", renamed).await;
    let moved = |phone: &str, to: &str| json!({ "id": id(phone), "phone": to });
    c.create("+14155550120", "").await;
    c.create("+14155550121", "a, b, c").await;
    let taken = moved("+14155550120", "+14155550121");
    let result =
        c.tool_result("update_contact, another number, which somebody else has", "update_contact", taken).await;
    assert_eq!(result["isError"], true, "{result}");
    let plain = moved("+14155550120", "+14155550130");
    c.tool("update_contact, another number", "update_contact", plain).await;
    let tagged = moved("+14155550121", "+14155550131");
    c.tool("update_contact, another number, with three tags", "update_contact", tagged).await;
    let tags = json!({ "id": id("+14155550101"), "add_tags": ["c"], "remove_tags": ["a"] });
    c.tool("tag_contact, one known tag for another", "tag_contact", tags).await;
    c.tool("delete_contact, without tags", "delete_contact", json!({ "id": id("+14155550100") })).await;
    let contact =
        |n: usize| json!({ "phone": format!("+1415556{n:04}"), "name": "Jane Smith", "email": "jane@example.com" });
    let contacts: Vec<Value> = (0..10).map(contact).collect();
    c.tool("import_contacts, ten new", "import_contacts", json!({ "contacts": contacts })).await;
}

async fn events(c: &mut Counter) {
    let time = |n: usize| format!("2026-05-07T08:14:{n:02}Z");
    let message = |phone: &str, n: usize| json!({ "phone": phone, "message_id": n.to_string(), "direction": "in", "occurred_at": time(n) });
    let (plain, tagged) = ("+14155550100", "+14155550101");
    c.create("+14155559999", "").await;
    c.create(plain, "").await;
    c.create(tagged, "a, b, c").await;
    // The first message moves a contact in the order of activity, as every later one does.
    c.event("record-message", "without tags", &[message(plain, 1)]).await;
    c.event("record-message", "redelivered", &[message(plain, 1)]).await;
    c.event("record-message", "with three tags", &[message(tagged, 2)]).await;
    let ten: Vec<Value> = (10..20).map(|n| message(plain, n)).collect();
    c.event("record-message", "ten of one contact in a batch, without tags", &ten).await;
    let consent = |consent, n| json!({ "phone": plain, "consent": consent, "occurred_at": time(n) });
    c.event("record-consent", "without tags", &[consent("opt_out", 1)]).await;
    c.event("record-consent", "redelivered", &[consent("opt_out", 1)]).await;
    let state = |field: &str| json!({ "phone": tagged, field: true, "occurred_at": time(1) });
    c.event("set-contact-state", "a field that no index has", &[state("has_unread_messages")]).await;
    c.event("set-contact-state", "redelivered", &[state("has_unread_messages")]).await;
    c.event("set-contact-state", "bot status, archived or blocked, with three tags", &[state("archived")]).await;
    let row = |phone: &str, name: &str| json!({ "Phone": phone, "Name": name, "E-mail": "jane@example.com" });
    let tagged = json!({ "Phone": "+14155550104", "Name": "Jane Smith", "E-mail": "j@example.com", "Tags": "a, b, c" });
    c.import("a new contact", row("+14155550103", "Jane Smith")).await;
    c.import("a new contact, with three known tags", tagged).await;
    c.import("unchanged", row("+14155550103", "Jane Smith")).await;
    c.import("renamed", row("+14155550103", "Janet Smith")).await;
    // The change feed gets what it needs from the stream.
    c.begin().await;
    c.create("+14155550102", "").await;
    c.proxy.clear();
    c.bundle.caught_up().await;
    c.end("publish-changes", "any");
}

/// What is added to any HTTP call: the cost of `GET /api/v1/me`, which is otherwise nothing.
async fn rate_limit(c: &mut Counter) {
    for _ in 0..119 {
        c.bundle.me("demo-token").await;
    }
    c.proxy.clear();
    assert_eq!(c.bundle.me("demo-token").await.status, 200);
    c.end("+ HTTP call", "counted by a rate limit of up to 120");
    assert_eq!(c.bundle.me("demo-token").await.status, 429);
    c.end("HTTP call", "rejected with 429");
}

/// The same for a message of an agent.
async fn agents_rate_limit(c: &mut Counter) {
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    for _ in 0..299 {
        c.call("POST /mcp", ping.clone()).await;
    }
    c.proxy.clear();
    c.call("POST /mcp", ping).await;
    c.end("+ HTTP call", "counted by the rate limit of 300 of /mcp");
}

async fn first_call(c: &mut Counter) {
    c.bundle.me("demo-token").await;
    c.end("+ HTTP call", "the first of a process");
}

/// Makes all calls. Returns the counted units, and the length of the longest line that a call logged.
async fn count_all() -> (Units, usize) {
    let (c, b, u, t, r, s, a, e, l, m, f) = tokio::join!(
        count(None, creates),
        count(None, batches),
        count(None, updates),
        count(None, tags),
        count(None, reads),
        count(None, searches),
        count(None, tools),
        count(None, events),
        count(Some(120), rate_limit),
        count(Some(300), agents_rate_limit),
        count(None, first_call),
    );
    let groups = [c, b, u, t, r, s, a, e, l, m, f];
    let longest = groups.iter().map(|(_, longest)| *longest).max().unwrap();
    (groups.into_iter().flat_map(|(units, _)| units).collect(), longest)
}

/// Where the document and the counted units differ, one line for each row.
fn differences(counted: &Units) -> Vec<String> {
    let documented = documented();
    let rows: BTreeSet<_> = counted.keys().chain(documented.keys()).collect();
    let differs = |row: &&&(String, String)| counted.get(**row) != documented.get(**row);
    let describe = |row: &&(String, String)| {
        let (function, case) = row;
        format!("{function}: {case}: documented {:?}, counted {:?}", documented.get(*row), counted.get(*row))
    };
    rows.iter().filter(differs).map(describe).collect()
}

#[tokio::test]
async fn the_document_agrees_with_the_counted_units_refused_writes_included() {
    let (mut counted, longest) = count_all().await;
    let (before, _) = DOCUMENT.split_once(" bytes, counted by a test").unwrap();
    let documented_bytes: usize = before.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((documented_bytes - 20..=documented_bytes).contains(&longest), "a call logs up to {longest} bytes");
    // On a busy machine, a request that takes longer than 0.9 s is sent again, and billed again.
    if !differences(&counted).is_empty() {
        counted = count_all().await.0;
    }
    let differences = differences(&counted);
    assert!(differences.is_empty(), "docs/costs.md, read and write units:\n{}", differences.join("\n"));
}
