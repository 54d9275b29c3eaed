//! The change feed: every change that an endpoint exposes is published as a change event, and nothing else is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Bundle, EventRefusal, InvocationOutcome, Options, failed_records, options, output_of};

const PHONE: &str = "+14155550123";

/// The events published so far: their types without `contact.`, and the names of the changed fields.
async fn published(bundle: &Bundle) -> Vec<String> {
    bundle.caught_up().await;
    let describe = |event: &Value| {
        let changed = event["detail"]["changed"].as_array();
        let changed =
            changed.map(|fields| fields.iter().map(|field| field.as_str().unwrap()).collect::<Vec<_>>().join(","));
        let kind = event["detail-type"].as_str().unwrap().trim_start_matches("contact.").to_owned();
        changed.map_or(kind.clone(), |changed| format!("{kind} {changed}"))
    };
    bundle.events().iter().map(describe).collect()
}

/// Invokes a function for tenant `demo`, which has to succeed.
async fn send(bundle: &Bundle, function: &str, input: Value) {
    output_of(&bundle.invoke(function, bundle.envelope(input).await).await);
}

#[tokio::test]
async fn every_exposed_change_is_published_without_personal_data() {
    let bundle = Bundle::start().await;
    let created = json!({ "phone": PHONE, "name": "Jane" });
    let id = bundle.call("create-contact", created.clone()).await.id();
    bundle.call("add-tag", json!({ "phone": PHONE, "tag": "vip" })).await;
    bundle.call("update-contact", json!({ "phone": PHONE, "name": "Janet", "metadata": { "a": 1 } })).await;
    send(
        &bundle,
        "record-message",
        json!({ "phone": PHONE, "message_id": "1", "direction": "in", "occurred_at": "1778141663" }),
    )
    .await;
    bundle.call("update-contact", json!({ "phone": PHONE, "tags": "b,a" })).await;
    send(&bundle, "record-consent", json!({ "phone": PHONE, "consent": "opt_out", "occurred_at": "1778141663" })).await;
    send(&bundle, "record-consent", json!({ "phone": PHONE, "consent": "opt_in", "occurred_at": "1778141660" })).await;
    send(&bundle, "record-consent", json!({ "phone": PHONE, "consent": "opt_in", "occurred_at": "1778141670" })).await;
    send(&bundle, "set-contact-state", json!({ "phone": PHONE, "bot_status": "paused", "occurred_at": "1778141663" }))
        .await;
    bundle.call("remove-tag", json!({ "phone": PHONE, "tag": "b" })).await;
    let expected = [
        "created",
        "tagged",
        "updated name,metadata",
        "updated last_message_at,total_messages",
        "untagged",
        "tagged",
        "opted_out",
        "updated opted_in_at",
        "opted_in",
        "updated bot_status",
        "untagged",
    ];
    assert_eq!(published(&bundle).await, expected);

    // Writes that change nothing that an endpoint exposes publish nothing.
    bundle
        .call("create-contact", json!({ "phone": PHONE, "name": "Janet" }))
        .await
        .has("x-contact-outcome", "unchanged");
    bundle.call("add-tag", json!({ "phone": PHONE, "tag": "a" })).await;
    send(
        &bundle,
        "record-message",
        json!({ "phone": PHONE, "message_id": "1", "direction": "in", "occurred_at": "1778141663" }),
    )
    .await;
    send(&bundle, "record-consent", json!({ "phone": PHONE, "consent": "opt_in", "occurred_at": "1778141665" })).await;
    send(&bundle, "set-contact-state", json!({ "phone": PHONE, "bot_status": "paused", "occurred_at": "1778141663" }))
        .await;
    assert_eq!(published(&bundle).await, expected);

    let events = bundle.events();
    let tenant = bundle.tenant("demo-token").await;
    let tag_id = bundle.call("list-tags", json!({ "name": "vip" })).await.json()[0]["id"].clone();
    let mut ids: Vec<String> = Vec::new();
    for event in &events {
        assert_eq!(
            (&event["source"], &event["detail"]["contact_id"], &event["detail"]["tenant_id"]),
            (&json!("carnet"), &json!(id), &json!(tenant.id()))
        );
        ids.push(event["detail"]["event_id"].as_str().unwrap().to_owned());
    }
    assert_eq!((&events[1]["detail"]["tag_ids"], &events[1]["detail"]["version"]), (&json!([tag_id]), &json!(2)));
    // Two tags at once are one event.
    assert_eq!(events[5]["detail"]["tag_ids"].as_array().unwrap().len(), 2);
    let versions: Vec<u64> = events.iter().map(|event| event["detail"]["version"].as_u64().unwrap()).collect();
    assert!(versions.is_sorted(), "{versions:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), expected.len());
    let everything = json!(events).to_string();
    for personal in ["Jane", "4155550123", "vip", "\"a\""] {
        assert!(!everything.contains(personal), "{everything}");
    }
}

/// The parameter EventDetail selects it.
#[tokio::test]
async fn events_contain_the_contact_when_configured() {
    let mut options = options();
    options.parameters.insert("EventDetail".into(), "contact".into());
    let bundle = Bundle::with(options).await;
    bundle
        .call("create-contact", json!({ "phone": PHONE, "name": "Jane", "tags": "vip", "metadata": { "a": 1 } }))
        .await;
    assert_eq!(published(&bundle).await, ["created", "tagged"]);
    let events = bundle.events();
    let contact = &events[0]["detail"]["contact"];
    assert_eq!(
        (&contact["name"], &contact["phone"], &contact["metadata"]),
        (&json!("Jane"), &json!(PHONE), &json!({ "a": 1 }))
    );
    assert_eq!((&events[1]["detail"]["tags"], &events[1]["detail"]["contact"]), (&json!(["vip"]), &json!(null)));
}

/// Metadata that an event bus refuses does not stop the change feed.
#[tokio::test]
async fn contacts_that_the_bus_cannot_take_are_published_without_the_contact() {
    let mut options = options();
    options.parameters.insert("EventDetail".into(), "contact".into());
    let bundle = Bundle::with(options).await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for (n, metadata) in [deep.as_str(), "1e999", "[-1e999]"].into_iter().enumerate() {
        let body = format!(r#"{{"phone":"+1415555000{n}","metadata":{{"a":{metadata}}}}}"#);
        assert_eq!(bundle.call_raw("create-contact", body).await.status, 201);
    }
    bundle.call_as("acme-token", "create-contact", json!({ "phone": PHONE })).await;
    let published = tokio::time::timeout(std::time::Duration::from_secs(30), published(&bundle)).await;
    assert_eq!(published.expect("the change feed is not blocked"), ["created"; 4]);
    let contacts: Vec<bool> = bundle.events().iter().map(|event| event["detail"]["contact"].is_object()).collect();
    assert_eq!(contacts, [false, false, false, true]);
}

/// They are retried within the invocation, and by the invocation being retried.
#[tokio::test]
async fn entries_that_the_bus_rejects_are_retried_until_published() {
    // Every third entry a few times; and all entries, for longer than one invocation retries.
    for (every, rejections) in [(3, 3), (3, 12), (1, 100)] {
        let bundle = Bundle::with(Options { backoff: std::time::Duration::from_millis(5), ..options() }).await;
        let refused = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&refused);
        let asked = AtomicUsize::new(0);
        bundle.refuse_events(move |_| {
            let refuse =
                asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(every) && count.load(Ordering::SeqCst) < rejections;
            count.fetch_add(usize::from(refuse), Ordering::SeqCst);
            refuse.then_some(EventRefusal::Entry("InternalFailure"))
        });
        for n in 0..12 {
            bundle.call("create-contact", json!({ "phone": format!("+1415555{n:04}"), "tags": "a" })).await;
        }
        bundle.caught_up().await;
        assert_eq!(refused.load(Ordering::SeqCst), rejections);
        let events = bundle.events();
        let mut ids: Vec<&str> = events.iter().map(|event| event["detail"]["event_id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 24, "each contact was created and tagged");
    }
}

/// Consumers can drop duplicates by `event_id`.
#[tokio::test]
async fn a_change_published_twice_has_the_same_event_id() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let id = bundle.call("create-contact", json!({ "phone": PHONE, "tags": "a" })).await.id();
    bundle.caught_up().await;
    let key = |name: &str, value: String| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value));
    let get = bundle.dynamodb().get_item().table_name("ContactsTable");
    let get =
        get.set_key(Some([key("tenant_id", tenant.id().to_string()), key("item", format!("contact#{id}"))].into()));
    let item = get.send().await.unwrap().item.unwrap();
    let image: Value = item.iter().map(|(name, value)| (name.clone(), dynamodb_json(value))).collect();
    let record = |sequence: &str, keys: Value| {
        json!({
            "eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
            "dynamodb": { "Keys": keys, "NewImage": image, "SequenceNumber": sequence, "StreamViewType": "NEW_AND_OLD_IMAGES" }
        })
    };
    let keys = json!({ "tenant_id": { "S": tenant.id() }, "item": { "S": format!("contact#{id}") } });
    let other = json!({ "tenant_id": { "S": tenant.id() }, "item": { "S": "event#message#1" } });
    let unreadable = json!({ "tenant_id": { "S": "nobody" }, "item": { "S": "contact#1" } });
    let records = [record("1", keys.clone()), record("2", other)];
    let outcome = bundle.invoke("publish-changes", json!({ "Records": records })).await;
    assert!(
        matches!(&outcome, InvocationOutcome::Answered(answer) if answer.as_ref() == br#"{"batchItemFailures":[]}"#),
        "{outcome:?}"
    );
    let events = bundle.events();
    assert_eq!(events.len(), 4);
    for n in 0..2 {
        assert_eq!(events[n]["detail"], events[n + 2]["detail"]);
    }
    // The records around the unreadable one are published, and a dead letter in its place.
    let records = json!({ "Records": [record("3", keys.clone()), record("4", unreadable), record("5", keys)] });
    let outcome = bundle.invoke("publish-changes", records).await;
    assert_eq!(failed_records(&outcome), [""; 0]);
    let events = bundle.events();
    assert_eq!(events.len(), 9);
    for n in 0..2 {
        assert_eq!((&events[n]["detail"], &events[n]["detail"]), (&events[n + 4]["detail"], &events[n + 7]["detail"]));
    }
    assert_eq!(events[6]["detail"]["sequence_number"], "4");
}

/// An attribute in the JSON of stream records, for the types that contacts have.
pub fn dynamodb_json(value: &aws_sdk_dynamodb::types::AttributeValue) -> Value {
    use aws_sdk_dynamodb::types::AttributeValue;
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(dynamodb_json).collect::<Vec<_>>() }),
        other => panic!("{other:?}"),
    }
}
