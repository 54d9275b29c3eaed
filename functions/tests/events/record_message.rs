//! The function `record-message`: a message is counted once, however often and in whichever order it is delivered.

use std::collections::HashMap;

use contacts::model::Timestamp;
use contacts::model::{Contact, Source};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Bundle, Fault, FaultProxy, InvocationOutcome, error_of, kill, output_of};

const PHONE: &str = "+14155550123";
/// 2026-05-07T08:14:23Z
const SOME_TIME: i64 = 1_778_141_663;

fn message(phone: &str, id: &str, at: i64) -> Value {
    json!({ "phone": phone, "message_id": id, "direction": "in", "occurred_at": at.to_string() })
}

/// A batch of an SQS queue: messages of the tenant `demo`.
async fn batch(bundle: &Bundle, messages: &[Value]) -> Value {
    let tenant_id = bundle.tenant("demo-token").await.id();
    let records = messages.iter().enumerate().map(|(n, message)| {
        let body = json!({ "tenant_id": tenant_id, "input": message }).to_string();
        json!({ "messageId": n.to_string(), "body": body, "eventSource": "aws:sqs" })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// Delivers a batch, in which no record may fail.
async fn deliver(bundle: &Bundle, messages: &[Value]) {
    let outcome = bundle.invoke("record-message", batch(bundle, messages).await).await;
    assert_eq!(output_of(&outcome), json!({ "batchItemFailures": [] }));
}

async fn contact(bundle: &Bundle, phone: &str) -> Value {
    bundle.call("get-contact", json!({ "phone": phone })).await.json()
}

/// The time as Qyvo's endpoints show it.
fn formatted(second: i64) -> String {
    Timestamp::from_second(second).unwrap().to_string()
}

#[tokio::test]
async fn a_message_is_counted_and_updates_the_last_message_time() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": PHONE, "name": "Jane", "tags": "vip" })).await;
    // Times in three formats, in which the third message is older than the second.
    for (n, at, latest) in
        [(1, "2026-05-07T08:14:23Z", 23), (2, "2026-05-07T10:14:25+02:00", 25), (3, "1778141664", 25)]
    {
        let mut given = message(PHONE, &n.to_string(), 0);
        given["occurred_at"] = json!(at);
        given["direction"] = json!(if n == 2 { "out" } else { "in" });
        for _ in 0..2 {
            deliver(&bundle, &[given.clone()]).await;
            let jane = contact(&bundle, PHONE).await;
            assert_eq!(
                (&jane["total_messages"], &jane["last_message_at"]),
                (&json!(n), &json!(format!("2026-05-07T08:14:{latest}+00:00")))
            );
        }
    }
    assert_eq!(contact(&bundle, PHONE).await["name"], "Jane");
}

#[tokio::test]
async fn a_message_of_an_unknown_phone_creates_a_contact() {
    let bundle = Bundle::start().await;
    let mut from_widget = message("+55 11 98765-4321", "1", SOME_TIME);
    from_widget["source"] = json!("widget");
    deliver(&bundle, &[from_widget, message("+551187654321", "2", SOME_TIME + 1)]).await;
    let sender = contact(&bundle, "+5511987654321").await;
    assert_eq!(
        (&sender["source"], &sender["total_messages"], &sender["phone"]),
        (&json!("widget"), &json!(2), &json!("+5511987654321"))
    );
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("phone"), ["+5511987654321"]);

    // The default source is api. An unknown contact_id creates nothing.
    deliver(&bundle, &[message("+14155550999", "3", SOME_TIME)]).await;
    assert_eq!(contact(&bundle, "+14155550999").await["source"], "api");
    let mut unknown = message("", "4", SOME_TIME);
    unknown["contact_id"] = json!("01890a5d-ac96-774b-bcce-b302099a8057");
    let outcome = bundle.invoke("record-message", bundle.envelope(unknown).await).await;
    assert!(
        matches!(&outcome, InvocationOutcome::Failed(error) if String::from_utf8_lossy(error).contains("ContactNotFound")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn invalid_messages_are_rejected() {
    let bundle = Bundle::start().await;
    for (field, value, text) in [
        ("message_id", json!(""), "The message id field is required."),
        ("message_id", json!(5), "The message id must be a string."),
        ("message_id", json!("😀".repeat(64)), "The message id must not be greater than 255 bytes."),
        ("direction", json!("sideways"), "The direction must be one of in, out."),
        (
            "occurred_at",
            json!("yesterday"),
            "The occurred at must be a time, such as 2026-05-07T08:14:23Z, not in the future.",
        ),
        (
            "occurred_at",
            json!("9999-01-01T00:00:00Z"),
            "The occurred at must be a time, such as 2026-05-07T08:14:23Z, not in the future.",
        ),
        ("occurred_at", json!(null), "The occurred at field is required."),
        (
            "source",
            json!("somewhere"),
            "The source must be one of manual, csv_import, shopify, woocommerce, widget, zapier, api.",
        ),
    ] {
        let mut input = message(PHONE, "1", SOME_TIME);
        input[field] = value.clone();
        let outcome = bundle.invoke("record-message", bundle.envelope(input).await).await;
        let (error_type, message) = error_of(&outcome);
        let expected = json!({ field: [text] });
        assert_eq!((error_type.as_str(), &message["errors"]), ("ValidationFailed", &expected), "{field} {value}");
    }
    assert_eq!(bundle.call("search-contacts", json!({})).await.body, "[]");
}

#[tokio::test]
async fn a_redelivered_message_does_not_recreate_a_deleted_contact() {
    let bundle = Bundle::start().await;
    deliver(&bundle, &[message(PHONE, "1", SOME_TIME)]).await;
    let tenant_id = bundle.tenant("demo-token").await.id().to_string();
    let id = contact(&bundle, PHONE).await["id"].as_str().unwrap().to_owned();
    let s = aws_sdk_dynamodb::types::AttributeValue::S;
    let removal = bundle.dynamodb().delete_item().table_name("ContactsTable");
    removal.key("tenant_id", s(tenant_id)).key("item", s(format!("contact#{id}"))).send().await.unwrap();
    let again = bundle.invoke("record-message", batch(&bundle, &[message(PHONE, "1", SOME_TIME)]).await).await;
    assert!(matches!(again, InvocationOutcome::Answered(_)));
    assert_eq!(bundle.call("search-contacts", json!({})).await.body, "[]");
    bundle.caught_up().await;
    let types: Vec<Value> = bundle.events().iter().map(|event| event["detail-type"].clone()).collect();
    assert_eq!(types, ["contact.created", "contact.deleted"]);
    let versions: Vec<Value> = bundle.events().iter().map(|event| event["detail"]["version"].clone()).collect();
    assert_eq!(versions, [1, 2]);
    // A new message creates the contact again.
    deliver(&bundle, &[message(PHONE, "2", SOME_TIME)]).await;
    assert_eq!(contact(&bundle, PHONE).await["total_messages"], 1);
}

/// In random order, in batches of ten, four batches at a time in four processes.
#[tokio::test]
async fn a_thousand_messages_delivered_three_times_are_counted_once() {
    let bundle = Bundle::start().await;
    let mut random = fastrand::Rng::with_seed(50);
    let mut expected: HashMap<String, (u64, i64)> = HashMap::new();
    let mut messages = Vec::new();
    for n in 0..1_000 {
        let phone = format!("+1415555{:04}", random.u32(0..50));
        let at = SOME_TIME + random.i64(0..1_000_000);
        let (total, last) = expected.entry(phone.clone()).or_default();
        (*total, *last) = (*total + 1, at.max(*last));
        messages.extend(vec![message(&phone, &format!("wamid.{n}"), at); 3]);
    }
    random.shuffle(&mut messages);
    let batches: Vec<&[Value]> = messages.chunks(10).collect();
    for four in batches.chunks(4) {
        join_all(four.iter().map(|messages| deliver(&bundle, messages))).await;
    }
    assert!(bundle.processes("record-message") >= 4);
    assert_eq!(expected.len(), 50);
    for (phone, (total, last)) in expected {
        let contact = contact(&bundle, &phone).await;
        assert_eq!(
            (&contact["total_messages"], &contact["last_message_at"]),
            (&json!(total), &json!(formatted(last))),
            "{phone}"
        );
    }
}

#[tokio::test]
async fn a_message_moves_its_contact_to_the_top_of_searches() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    for n in 0..5 {
        let written = |contact: &mut Contact| {
            contact.source = Source::Manual;
            contact.tags = "vip".parse().unwrap();
            contact.last_message_at = Timestamp::from_second(SOME_TIME - n * 60).ok();
        };
        bundle.put(&tenant, &format!("+1415555000{n}"), written).await;
    }
    let order = async |body: Value| bundle.call("search-contacts", body).await.each("phone");
    assert_eq!(order(json!({})).await.last().unwrap(), "+14155550004");
    deliver(&bundle, &[message("+14155550004", "1", SOME_TIME + 60)]).await;
    for body in [json!({}), json!({ "tag": "vip" }), json!({ "query": "+1415555" })] {
        let order = order(body.clone()).await;
        assert_eq!((order.len(), order[0].as_str()), (5, "+14155550004"), "{body}");
    }
}

#[tokio::test]
async fn messages_of_one_contact_in_a_batch_cost_one_transaction() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    for (phone, tags) in [(PHONE, ""), ("+14155550999", "a, b")] {
        bundle.call("create-contact", json!({ "phone": phone, "name": "Jane", "tags": tags })).await;
        deliver(&bundle, &[message(phone, &format!("{phone} first"), SOME_TIME)]).await;
    }
    let cost = |proxy: &FaultProxy| {
        let seen = proxy.take_requests();
        let operations: Vec<String> = seen.iter().map(|seen| seen.operation.clone()).collect();
        (operations, seen.iter().map(|seen| seen.units).collect::<Vec<_>>())
    };
    let two = vec!["BatchGetItem".to_owned(), "TransactWriteItems".to_owned()];
    proxy.clear();
    deliver(&bundle, &[message(PHONE, "1", SOME_TIME + 1)]).await;
    // Reads: the contact and the event, which may also be recorded as earlier versions did. Writes, at the double price of a transaction: both, and the deletion and
    // insertion of the contact in the index sorted by activity.
    let untagged = cost(&proxy);
    assert_eq!(untagged.0, two);
    deliver(&bundle, &[message("+14155550999", "2", SOME_TIME + 1)]).await;
    let tagged = cost(&proxy);
    assert_eq!(tagged.0, two);
    println!("units, untagged {:?}, with two tags {:?}", untagged.1, tagged.1);
    assert_eq!((untagged.1, tagged.1), (vec![3.0, UNTAGGED], vec![3.0, WITH_TWO_TAGS]));

    let ten: Vec<Value> = (10..20).map(|n| message(PHONE, &n.to_string(), SOME_TIME + n)).collect();
    deliver(&bundle, &ten).await;
    assert_eq!(cost(&proxy).0, two, "ten messages of one contact");
    deliver(&bundle, &ten).await;
    assert_eq!(cost(&proxy).0, ["BatchGetItem"], "all of them are recorded");
    assert_eq!(contact(&bundle, PHONE).await["total_messages"], 12);
}

const UNTAGGED: f64 = 6.0;
const WITH_TWO_TAGS: f64 = 14.0;

#[tokio::test]
async fn a_message_is_counted_once_under_every_fault() {
    for fault in [
        Fault::TransactionConflict,
        Fault::ThrottledTransaction,
        Fault::Throttled,
        Fault::LostRequest,
        Fault::LostResponse,
        Fault::UnprocessedKeys,
    ] {
        let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
        let mut left = 2;
        proxy.inject(move |operation| {
            // A read never conflicts with a transaction.
            let reads = operation == "BatchGetItem" && fault != Fault::TransactionConflict;
            let affected = reads || operation == "TransactWriteItems";
            left -= i32::from(affected);
            if affected && left >= 0 { fault } else { Fault::None }
        });
        deliver(&bundle, &[message(PHONE, "1", SOME_TIME), message(PHONE, "2", SOME_TIME + 1)]).await;
        deliver(&bundle, &[message(PHONE, "2", SOME_TIME + 1), message(PHONE, "3", SOME_TIME)]).await;
        let contact = contact(&bundle, PHONE).await;
        assert_eq!(
            (&contact["total_messages"], &contact["last_message_at"]),
            (&json!(3), &json!(formatted(SOME_TIME + 1))),
            "{fault:?}"
        );
    }
}

/// The process is killed after DynamoDB has applied its write and before it receives the response.
#[tokio::test]
async fn a_batch_redelivered_after_a_crash_is_counted_once() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    deliver(&bundle, &[message(PHONE, "0", SOME_TIME)]).await;
    let messages: Vec<Value> =
        (1..=10).map(|n| message(&format!("+1415555000{}", n % 3), &n.to_string(), SOME_TIME + n)).collect();
    let mut writes = 0;
    proxy.inject(move |operation| {
        writes += i32::from(operation == "TransactWriteItems");
        if operation == "TransactWriteItems" && writes == 2 { Fault::HeldResponse } else { Fault::None }
    });
    let call = bundle.invoke("record-message", batch(&bundle, &messages).await);
    let (outcome, ()) = tokio::join!(call, async {
        proxy.response_held().await;
        kill("record-message", &proxy.url());
    });
    assert!(matches!(outcome, InvocationOutcome::Failed(_)), "{outcome:?}");
    proxy.inject(|_| Fault::None);
    for _ in 0..2 {
        deliver(&bundle, &messages).await;
        for (phone, total) in [("+14155550000", 3), ("+14155550001", 4), ("+14155550002", 3)] {
            assert_eq!(contact(&bundle, phone).await["total_messages"], total, "{phone}");
        }
    }
}
