//! What is left of a person after `delete-contact`: nothing in both tables, in the stream records of later changes, in
//! later events, in dead letters, and in the logs of all functions.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use contacts::model::{Timestamp, fold};
use serde_json::{Value, json};

use crate::support::{Bundle, EventRefusal, Options, options, output_of, sqs_record};

/// Spellings of one number, and its parts as a log or a key could have them.
const SPELLINGS: [&str; 4] = ["+5511987654321", "+55 (11) 98765-4321", "0055 11 8765 4321", "+551187654321"];
const DIGITS: [&str; 4] = ["11987654321", "1187654321", "98765-4321", "8765 4321"];
/// Everything else that the contact consists of. Tags are words of the tenant and stay in the catalogue.
const WORDS: [&str; 9] =
    ["José", "Álvares", "jose", "alvares", "j.a+1", "Rua Augusta", "Zoë", "missing parcel", "paper form 17"];

/// A message id as WhatsApp makes it: bytes in base64, among which are the digits of the number.
fn wamid(digits: &str, n: u8) -> String {
    let mut bytes = vec![0x1c, 0x18, digits.len() as u8];
    bytes.extend(digits.as_bytes());
    bytes.extend([0x15, 0x02, 0x00, 0x11, 0x18, 0x16]);
    bytes.extend(format!("3EB0C430D279E4E047{n:02}").bytes());
    format!("wamid.{}", STANDARD.encode(bytes))
}

/// What must not be found: the parts, in lower case and without accents too, and the digits in base64 at every alignment.
fn traces() -> BTreeSet<String> {
    let mut traces = BTreeSet::new();
    for word in DIGITS.into_iter().chain(WORDS) {
        traces.extend([word.to_owned(), fold(word).to_string()]);
    }
    for digits in ["5511987654321", "551187654321", "987654321", "87654321"] {
        for alignment in 0..3 {
            let bytes = [&[0; 3][..alignment], digits.as_bytes()].concat();
            for encoded in [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes)] {
                // The characters at both ends also encode bits of the bytes beside.
                let first = (alignment * 8).div_ceil(6);
                let last = (alignment + digits.len()) * 8 / 6;
                traces.insert(encoded[first..last].to_owned());
            }
        }
    }
    traces
}

/// The traces in a text, with what surrounds them.
fn found(what: &str, text: &str) -> Vec<String> {
    let around = |trace: &String| {
        let at = text.find(trace.as_str())?;
        let start = text.floor_char_boundary(at.saturating_sub(60));
        Some(format!("{what}: {trace:?} in …{}…", &text[start..text.ceil_char_boundary(at + 60)]))
    };
    traces().iter().filter_map(around).collect()
}

async fn table(bundle: &Bundle, name: &str) -> String {
    let mut pages = bundle.dynamodb().scan().table_name(name).consistent_read(true).into_paginator().items().send();
    let mut text = String::new();
    while let Some(item) = pages.next().await {
        for (name, value) in item.unwrap() {
            // The debug form escapes letters with accents.
            let value = match &value {
                AttributeValue::S(value) | AttributeValue::N(value) => value.clone(),
                value => format!("{value:?}"),
            };
            text += &format!("{name} = {value}\n");
        }
    }
    // Indexes hold copies.
    for index in ["phone", "email", "tag"].into_iter().filter(|_| name == "ContactsTable") {
        let mut pages = bundle.dynamodb().scan().table_name(name).index_name(index).into_paginator().items().send();
        while let Some(item) = pages.next().await {
            text += &format!("{:?}\n", item.unwrap());
        }
    }
    text
}

/// The stream's records, of those that the change feed has not processed yet, after this position.
async fn stream_records(bundle: &Bundle, after: u128) -> Vec<Value> {
    let streams = bundle.dynamodb_streams("ListStreams", json!({ "TableName": "ContactsTable" })).await;
    let arn = &streams["Streams"][0]["StreamArn"];
    let stream = bundle.dynamodb_streams("DescribeStream", json!({ "StreamArn": arn })).await;
    let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
    let from = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = bundle.dynamodb_streams("GetShardIterator", from).await;
    let records = json!({ "ShardIterator": iterator["ShardIterator"] });
    let mut records = bundle.dynamodb_streams("GetRecords", records).await["Records"].as_array().unwrap().clone();
    records.retain(|record| position(record) > after);
    records
}

fn position(record: &Value) -> u128 {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap().parse().unwrap()
}

/// A contact of which every field is filled, by every function that can.
async fn fill(bundle: &Bundle) {
    // The results of these calls are stored too, and the keys contain the number.
    let keyed = async |action: &str, body: Value| {
        let headers = [("authorization", "Bearer demo-token"), ("idempotency-key", "+5511987654321")];
        assert!(bundle.send(action, &headers, body.to_string()).await.status < 300);
    };
    let full = json!({
        "phone": SPELLINGS[1], "name": "José Álvares", "email": "J.A+1@example.com", "tags": "vip, pt-BR",
        "metadata": { "address": "Rua Augusta 1", "5511987654321": ["+5511987654321", { "child": "Zoë" }] },
    });
    keyed("create-contact", full.clone()).await;
    keyed("batch-upsert-contacts", json!({ "contacts": [full] })).await;
    keyed("update-contact", json!({ "phone": SPELLINGS[2], "name": "José Álvares +5511987654321" })).await;
    keyed("add-tag", json!({ "phone": SPELLINGS[3], "tag": "b" })).await;
    for (n, phone) in SPELLINGS.into_iter().enumerate() {
        let digits = if n % 2 == 0 { "5511987654321" } else { "551187654321" };
        let id = wamid(digits, n as u8);
        send(bundle, "record-message", message(phone, &id, at(-60))).await;
    }
    let consent =
        json!({ "phone": SPELLINGS[0], "consent": "opt_out", "method": "paper form 17", "occurred_at": at(-50) });
    send(bundle, "record-consent", consent).await;
    let state = json!({
        "phone": SPELLINGS[0], "contact_summary": "José asked about a missing parcel.", "locale": "pt-BR",
        "bot_status": "paused", "archived": true, "blocked": true, "active_status": true, "has_unread_messages": true,
        "occurred_at": at(-50),
    });
    send(bundle, "set-contact-state", state).await;
}

fn message(phone: &str, id: &str, at: String) -> Value {
    json!({ "phone": phone, "message_id": id, "direction": "in", "occurred_at": at })
}

/// The time this many seconds from now.
fn at(seconds: i64) -> String {
    Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap().to_string()
}

async fn send(bundle: &Bundle, function: &str, input: Value) {
    output_of(&bundle.invoke(function, bundle.envelope(input).await).await);
}

#[tokio::test]
async fn nothing_of_a_deleted_person_is_left() {
    let mut settings = Options { backoff: std::time::Duration::from_millis(5), ..options() };
    // The most that events can contain, and that functions log.
    settings.parameters.extend([("EventDetail", "contact"), ("LogLevel", "DEBUG")].map(|(k, v)| (k.into(), v.into())));
    let bundle = Bundle::with(settings).await;
    fill(&bundle).await;
    bundle.caught_up().await;
    // The test sees what there is: without the deletion it finds every trace but those of the hashed message ids.
    let before = table(&bundle, "ContactsTable").await;
    for word in WORDS.into_iter().chain(["11987654321"]) {
        assert!(before.contains(word), "{word} is not stored at all");
    }
    let published = bundle.events().len();
    assert!(!found("events", &json!(bundle.events()).to_string()).is_empty());

    bundle.call("delete-contact", json!({ "phone": SPELLINGS[2] })).await.is(200, r#"{"id":"<id>","deleted":true}"#);
    bundle.caught_up().await;
    // The feed is stuck, so that the stream keeps the later records: changes of the tombstone, and of another tenant.
    let deletion = stream_records(&bundle, 0).await.iter().map(position).max().unwrap_or_default();
    bundle.refuse_events(|_| Some(EventRefusal::Entry("InternalFailure")));
    bundle.call_as("acme-token", "create-contact", json!({ "phone": "+14155550123" })).await;
    for phone in SPELLINGS {
        // What is delivered again, or late, and calls that find nothing.
        let late = json!({ "phone": phone, "consent": "opt_out", "method": "paper form 17", "occurred_at": at(-40) });
        for (function, input) in [
            ("record-message", message(phone, &wamid("5511987654321", 0), at(-60))),
            ("record-message", message(phone, &wamid("5511987654321", 99), at(-40))),
            ("record-consent", late),
            (
                "set-contact-state",
                json!({ "phone": phone, "contact_summary": "missing parcel", "occurred_at": at(-40) }),
            ),
            ("delete-contact", json!({ "phone": phone })),
        ] {
            let envelope = bundle.envelope(input).await.to_string();
            let outcome = bundle.invoke(function, json!({ "Records": [sqs_record("1", &envelope, None)] })).await;
            assert_eq!(output_of(&outcome), json!({ "batchItemFailures": [] }), "{function} {phone}");
        }
        assert_eq!(bundle.call("get-contact", json!({ "phone": phone })).await.status, 404);
        assert_eq!(bundle.call("search-contacts", json!({ "query": phone })).await.body, "[]");
        assert_eq!(bundle.flowiq_get(&format!("phone_number={}", phone.replace(['+', ' '], ""))).await.status, 404);
    }
    let records = stream_records(&bundle, deletion).await;
    let of_contacts =
        |record: &&Value| record["dynamodb"]["Keys"]["item"]["S"].as_str().unwrap().starts_with("contact#");
    assert!(records.iter().filter(of_contacts).count() >= 2, "the tombstone and the other contact: {records:?}");
    bundle.refuse_events(|_| None);
    bundle.caught_up().await;

    let mut left = found("stream", &json!(records).to_string());
    for name in ["ContactsTable", "AccessTable"] {
        left.extend(found(name, &table(&bundle, name).await));
    }
    let events: Vec<Value> = bundle.events().split_off(published);
    assert_eq!(events[0]["detail-type"], "contact.deleted");
    left.extend(found("later events", &json!(events).to_string()));
    left.extend(found("dead letters", &json!(bundle.dead_letters()).to_string()));
    left.extend(found("logs", &bundle.stop().await));
    assert!(left.is_empty(), "{}", left.join("\n"));
}

/// EventBridge refuses the event of the deletion for good. What becomes a dead letter is the id.
#[tokio::test]
async fn the_dead_letter_of_a_deletion_has_no_personal_data() {
    let mut settings = options();
    settings.parameters.insert("EventDetail".into(), "contact".into());
    let bundle = Bundle::with(settings).await;
    fill(&bundle).await;
    bundle.caught_up().await;
    bundle.refuse_events(|entry| {
        (entry["DetailType"] == "contact.deleted").then_some(EventRefusal::Entry("MalformedDetail"))
    });
    bundle.call("delete-contact", json!({ "phone": SPELLINGS[0] })).await.is(200, r#"{"id":"<id>","deleted":true}"#);
    bundle.caught_up().await;
    let [letter] = &bundle.dead_letters()[..] else { panic!("{:?}", bundle.dead_letters()) };
    assert_eq!(letter["detail"]["detail_type"], "contact.deleted", "{letter}");
    assert_eq!(found("dead letter", &letter.to_string()), [""; 0]);
}
