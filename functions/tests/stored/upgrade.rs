//! Every function over the items of every layout: it answers as the version that wrote them did, or changes what it is
//! told to change, and loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use contacts::store::Pace;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::layout::{Calls, Layout, scan, shape, to_json};
use crate::support::stored::{Item, contradictions, is_tombstone, text};
use crate::support::{Bundle, functions, output_of};

/// The contact that is written to, in a spelling of its number that is not the stored one.
const JOSE: &str = "+551187654321";

/// A call that writes.
struct Write {
    /// The function.
    function: &'static str,
    /// An HTTP call as `Bundle::ask` takes it; empty: the function is invoked with an event.
    call: &'static str,
    input: Value,
    /// The fields of the contact that it changes, as clients and change events know them, and the change events. One
    /// list for layouts in which messages, consent and state had been recorded, one for those without.
    with_events: &'static [&'static str],
    without_events: &'static [&'static str],
    /// The attributes that it may change besides those that every write changes.
    attributes: &'static [&'static str],
}

fn writes() -> Vec<Write> {
    let http = |function, call, input, events, attributes| Write {
        function,
        call,
        input,
        with_events: events,
        without_events: events,
        attributes,
    };
    let event = |function, input, with_events, without_events, attributes| Write {
        function,
        call: "",
        input,
        with_events,
        without_events,
        attributes,
    };
    let name = json!({ "phone": JOSE, "name": "Zé" });
    let later = "2026-06-01T00:00:00Z";
    let message = |id, at| json!({ "phone": JOSE, "message_id": id, "direction": "in", "occurred_at": at });
    vec![
        http("create-contact", "create-contact", name.clone(), &["updated name"], &["name", "search_text"]),
        http("create-contact", "create-contact", json!({ "phone": JOSE, "name": "José Álvares" }), &[], &[]),
        http("update-contact", "update-contact", name, &["updated name"], &["name", "search_text"]),
        http(
            "batch-upsert-contacts",
            "batch-upsert-contacts",
            json!({ "contacts": [{ "phone": JOSE, "name": "Zé" }] }),
            &["updated name"],
            &["name", "search_text"],
        ),
        http(
            "update-contact",
            "update-contact",
            json!({ "phone": JOSE, "metadata": { "city": "Rio" } }),
            &["updated metadata"],
            &["metadata"],
        ),
        http("add-tag", "add-tag", json!({ "phone": JOSE, "tag": "new" }), &["tagged"], &["tags"]),
        http("add-tag", "add-tag", json!({ "phone": JOSE, "tag": "vip" }), &[], &[]),
        http("remove-tag", "remove-tag", json!({ "phone": JOSE, "tag": "*starred" }), &["untagged"], &["tags"]),
        event(
            "record-message",
            message("wamid.new", later),
            &["updated last_message_at,total_messages"],
            &["updated last_message_at,total_messages"],
            &["last_message_at", "total_messages", "active_at"],
        ),
        // It was counted before: its id is an item of its own.
        event(
            "record-message",
            message("wamid.2", "2026-05-07T08:15:00Z"),
            &[],
            &["updated last_message_at,total_messages"],
            &["last_message_at", "total_messages", "active_at"],
        ),
        event(
            "record-consent",
            json!({ "phone": JOSE, "consent": "opt_in", "method": "form", "occurred_at": later }),
            &["opted_in"],
            &["opted_in"],
            &["opted_in_at", "opted_out_at", "consent_method"],
        ),
        // Older than what is stored, so that the stored opt-out stays.
        event(
            "record-consent",
            json!({ "phone": JOSE, "consent": "opt_in", "occurred_at": "2026-05-02T00:00:00Z" }),
            &["updated opted_in_at"],
            &["opted_in"],
            &["opted_in_at"],
        ),
        event(
            "set-contact-state",
            json!({ "phone": JOSE, "has_unread_messages": false, "archived": true, "occurred_at": later }),
            &["updated has_unread_messages"],
            &["updated archived"],
            &["has_unread_messages", "archived", "event_times"],
        ),
        // Older than what is stored: the times of the stored state are still known.
        event(
            "set-contact-state",
            json!({ "phone": JOSE, "bot_status": "active", "blocked": false, "contact_summary": "x", "occurred_at": "2026-05-08T00:00:00Z" }),
            &[],
            &["updated contact_summary,contact_summary_updated_at"],
            &["summary", "summary_updated_at", "event_times"],
        ),
        event(
            "import-contacts",
            json!({ "rows": [{ "cells": { "Phone": JOSE, "Name": "Zé" } }] }),
            &["updated name"],
            &["updated name"],
            &["name", "search_text"],
        ),
        // The number exists.
        http(
            "flowiq-create-contact",
            "POST /contact?tenantId=demo",
            json!({ "phone_number": "5511987654321", "name": "Nobody" }),
            &[],
            &[],
        ),
    ]
}

/// Starts a bundle with the items of a layout. Versions before the layout `03` kept tenants in the items of their tokens
/// only; docs/operations.md tells operators to create the tenants' items, and until then every call is refused.
async fn upgraded(layout: &Layout) -> Bundle {
    let bundle = Bundle::start().await;
    layout.load(&bundle).await;
    let tokens = layout.items("AccessTable");
    let copies: Vec<&Item> = tokens.iter().filter_map(|token| token.get("tenant")?.as_m().ok()).collect();
    let has_tenants = tokens.iter().any(|item| text(item, "key").starts_with("tenant#"));
    if !has_tenants {
        for token in ["demo-token", "acme-token"] {
            bundle.me(token).await.is(401, r#"{"message":"Unauthenticated."}"#);
        }
        assert_eq!(
            sorted(scan(bundle.dynamodb(), "AccessTable").await),
            sorted(tokens.clone()),
            "a refusal changes nothing"
        );
        for copy in copies {
            let id = AttributeValue::S(format!("tenant#{}", text(copy, "id")));
            let mut tenant = copy.clone();
            tenant.insert("key".to_owned(), id);
            bundle.dynamodb().put_item().table_name("AccessTable").set_item(Some(tenant)).send().await.unwrap();
        }
    }
    // The first versions had no FlowIQ endpoints, and so no keys.
    if bundle.access.find("fiq_demo").await.unwrap().is_none() {
        let tenant = bundle.tenant("demo-token").await.id();
        bundle.issue("fiq_demo", Some(tenant)).await;
    }
    bundle
}

fn sorted(items: Vec<Item>) -> Vec<String> {
    let mut items: Vec<String> =
        items.iter().map(|item| to_json(&AttributeValue::M(item.clone())).to_string()).collect();
    items.sort();
    items
}

/// Whether `now` has everything that `before` has. Later versions may add fields.
fn covers(now: &Value, before: &Value) -> bool {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            before.iter().all(|(name, value)| now.get(name).is_some_and(|now| covers(now, value)))
        }
        (Value::Array(now), Value::Array(before)) => {
            now.len() == before.len() && now.iter().zip(before).all(|(now, before)| covers(now, before))
        }
        _ => now == before,
    }
}

#[tokio::test]
async fn every_layout_is_read_as_the_version_that_wrote_it_did() {
    let check = async |layout: Layout| {
        let bundle = upgraded(&layout).await;
        let mut asked = 0;
        for recorded in layout.answers() {
            let body = recorded.get("body").map(Value::to_string).unwrap_or_default();
            let call = recorded["call"].as_str().unwrap();
            let reply = bundle.ask(call, &body).await;
            assert_eq!(json!(reply.status), recorded["status"], "{}: {call} {body}: {reply:?}", layout.name);
            let answer = &recorded["answer"];
            assert!(covers(&reply.json(), answer), "{}: {call} {body}: {}\nbefore: {answer}", layout.name, reply.body);
            asked += 1;
            if body.contains("551187654321") && call.contains("get-contact") {
                let spelling = r#""metadata":{"lifetime_value":8742.00,"big":123456789012345678901234567890,"#;
                assert!(reply.body.contains(spelling), "{}: {}", layout.name, reply.body);
            }
        }
        assert!(asked >= 15, "{}: {asked}", layout.name);
        // A change feed that starts with this layout reads it, too: every item was published as a created contact, unless
        // it says that its number was changed.
        bundle.caught_up().await;
        let created = bundle.events().iter().filter(|event| event["detail-type"] == "contact.created").count();
        let is_contact = |item: &Item| {
            text(item, "item").starts_with("contact#") && !is_tombstone(item) && !item.contains_key("moved_from")
        };
        let contacts = layout.items("ContactsTable").iter().filter(|item| is_contact(item)).count();
        assert_eq!((created, bundle.dead_letters().len()), (contacts, 0), "{}", layout.name);
    };
    join_all(Layout::all().into_iter().map(check)).await;
}

#[tokio::test]
async fn every_write_over_every_layout_loses_nothing_and_leaves_todays_layout() {
    let todays_shape = Layout::all().pop().unwrap().shape();
    let todays_shape = &todays_shape;
    let check = async |layout: Layout| {
        let bundle = upgraded(&layout).await;
        for write in writes() {
            layout.load_table(&bundle, "ContactsTable").await;
            let before = jose(&bundle).await;
            bundle.caught_up().await;
            let published = bundle.events().len();
            let case = format!("{}: {} {}", layout.name, write.function, write.input);
            if write.call.is_empty() {
                output_of(&bundle.invoke(write.function, bundle.envelope(write.input.clone()).await).await);
            } else {
                let reply = bundle.ask(write.call, &write.input.to_string()).await;
                let expected = if write.function == "flowiq-create-contact" { 409 } else { reply.status.min(201) };
                assert_eq!(reply.status, expected, "{case}: {reply:?}");
            }
            let after = jose(&bundle).await;
            let had_events = before.contains_key("consent_method");
            let expected = if had_events { write.with_events } else { write.without_events };
            bundle.caught_up().await;
            let changes: Vec<String> = bundle.events()[published..].iter().map(described).collect();
            assert_eq!(changes, expected, "{case}");
            if expected.is_empty() && write.attributes.is_empty() {
                assert_eq!(before, after, "{case}: nothing was to be written");
                continue;
            }
            if before == after {
                continue;
            }
            check_rewritten(&case, &before, &after, write.attributes);
            let items = scan(bundle.dynamodb(), "ContactsTable").await;
            let (tenant, id) = (text(&after, "tenant_id"), text(&after, "id"));
            let of = |prefix: &str| {
                let mine = |item: &&Item| text(item, "tenant_id") == tenant && text(item, "item").starts_with(prefix);
                items.iter().filter(mine).cloned().collect::<Vec<Item>>()
            };
            let own = |items: Vec<Item>| items.into_iter().filter(|item| text(item, "id") == id).collect::<Vec<Item>>();
            let (contact, memberships) = (own(of("contact#")), own(of("tag#")));
            assert_eq!(contradictions(&contact, &memberships, &of("tagdef#")), [], "{case}");
            let unknown = shape(contact.into_iter().chain(memberships));
            let unknown: BTreeSet<_> = unknown.difference(todays_shape).collect();
            // Ids of earlier writes are kept for a few writes more.
            let unknown: Vec<_> = unknown.into_iter().filter(|line| !line.contains("write_ids of length")).collect();
            assert!(unknown.is_empty(), "{case}: not in today's layout: {unknown:?}");
        }
    };
    join_all(Layout::all().into_iter().map(check)).await;
}

/// The items of earlier layouts are deleted as completely as today's.
#[tokio::test]
async fn a_deletion_over_every_layout_leaves_a_tombstone_only() {
    let check = async |layout: Layout| {
        let bundle = upgraded(&layout).await;
        let before = jose(&bundle).await;
        let (tenant, id) = (text(&before, "tenant_id"), text(&before, "id"));
        let of_jose = async || {
            let items = scan(bundle.dynamodb(), "ContactsTable").await.into_iter();
            let mine = |item: &Item| text(item, "tenant_id") == tenant && text(item, "item").ends_with(id);
            items.filter(mine).collect::<Vec<Item>>()
        };
        assert!(of_jose().await.len() > 3, "{}: the contact and its memberships", layout.name);
        bundle.caught_up().await;
        let published = bundle.events().len();
        let body = json!({ "phone": JOSE }).to_string();
        bundle.ask("delete-contact", &body).await.is(200, r#"{"id":"<id>","deleted":true}"#);
        let left = of_jose().await;
        assert_eq!((left.len(), contradictions(&left, &[], &[])), (1, Vec::new()), "{}", layout.name);
        assert!(is_tombstone(&left[0]), "{}: {left:?}", layout.name);
        assert_eq!(left[0].get("opted_out_at"), before.get("opted_out_at"), "{}", layout.name);
        bundle.caught_up().await;
        let changes: Vec<String> = bundle.events()[published..].iter().map(described).collect();
        assert_eq!(changes, ["deleted"], "{}", layout.name);
        // A message that was counted before is not counted in a contact that is created again.
        bundle.ask("create-contact", &body).await.has("x-contact-outcome", "created");
        let again =
            json!({ "phone": JOSE, "message_id": "wamid.2", "direction": "in", "occurred_at": "2026-05-07T08:15:00Z" });
        let outcome = output_of(&bundle.invoke("record-message", bundle.envelope(again).await).await);
        assert_eq!(outcome["total_messages"], 0, "{}", layout.name);
    };
    join_all(Layout::all().into_iter().map(check)).await;
}

/// The item of the contact that is written to.
async fn jose(bundle: &Bundle) -> Item {
    let tenant = bundle.me("demo-token").await.json()["tenant"]["id"].as_str().unwrap().to_owned();
    let is_jose = |item: &Item| text(item, "phone_key") == "+5511987654321" && text(item, "tenant_id") == tenant;
    let mut found = scan(bundle.dynamodb(), "ContactsTable").await.into_iter().filter(is_jose);
    let jose = found.next().unwrap();
    assert!(found.next().is_none());
    jose
}

/// A change event: its type without `contact.`, and the names of the changed fields.
fn described(event: &Value) -> String {
    let kind = event["detail-type"].as_str().unwrap().trim_start_matches("contact.");
    let changed = event["detail"]["changed"].as_array();
    let changed =
        changed.map(|fields| fields.iter().map(|field| field.as_str().unwrap()).collect::<Vec<_>>().join(","));
    changed.map_or(kind.to_owned(), |changed| format!("{kind} {changed}"))
}

/// Asserts that a contact has kept every attribute that the write was not to change, in today's layout, and that a
/// changed metadata object has kept its other keys.
fn check_rewritten(case: &str, before: &Item, after: &Item, changed: &[&str]) {
    let mut expected: BTreeMap<String, AttributeValue> =
        before.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    // What the earlier layouts store elsewhere today.
    expected.remove("write_id");
    if let Some(state) = expected.remove("state") {
        for (name, value) in state.as_m().unwrap() {
            let name = if name == "said_at" { "event_times" } else { name };
            expected.insert(name.to_owned(), value.clone());
        }
    }
    let every_write = ["version", "updated_at", "write_ids"];
    let is_kept = |name: &String| !changed.contains(&name.as_str()) && !every_write.contains(&name.as_str());
    let kept = |item: BTreeMap<String, AttributeValue>| {
        item.into_iter().filter(|(name, _)| is_kept(name)).collect::<BTreeMap<_, _>>()
    };
    let actual = after.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    assert_eq!(kept(actual), kept(expected), "{case}");
    let number = |item: &Item| item["version"].as_n().unwrap().parse::<u64>().unwrap();
    assert_eq!(number(after), number(before) + 1, "{case}");
    assert!(text(after, "metadata").contains(r#""lifetime_value":8742.00,"#), "{case}");
}

/// Items of earlier layouts are only counted by a verification.
#[tokio::test]
async fn items_of_every_layout_are_verified() {
    for layout in Layout::all() {
        let bundle = upgraded(&layout).await;
        for token in ["demo-token", "acme-token"] {
            let tenant = bundle.tenant(token).await;
            let verified = bundle.table.verify(&tenant, &mut Pace::new(0), &mut |_, _| {}).await.unwrap();
            assert_eq!(verified.findings, [], "{}", layout.name);
            // Since this one, contacts have the layout of today.
            let earlier = if layout.name.as_str() >= "07" { 0 } else { verified.counts.contacts };
            assert_eq!(verified.counts.earlier_layout, earlier, "{}", layout.name);
            assert!(verified.counts.contacts > 0 && verified.counts.memberships > 0, "{}", layout.name);
        }
    }
}

/// Of the functions that read or write contacts or the access table, none is left out above.
#[test]
fn every_function_is_called_over_every_layout() {
    let mut called: BTreeSet<String> = writes().iter().map(|write| write.function.to_owned()).collect();
    for read in Calls::read().reads {
        let path = read.call.split([' ', '?']).nth(1).unwrap();
        called.insert(match (path, path.strip_prefix("/api/v1/actions/")) {
            (_, Some(action)) => action.to_owned(),
            ("/contact", _) => "flowiq-get-contact".to_owned(),
            _ => path.trim_start_matches("/api/v1/").to_owned(),
        });
    }
    // The tests read the change events, and one of them deletes; the OpenAPI document has no items. The tools for agents read
    // and write as the others do.
    called.extend(["mcp", "publish-changes", "delete-contact", "openapi"].map(str::to_owned));
    assert_eq!(called, functions().into_iter().map(|function| function.binary).collect());
}
