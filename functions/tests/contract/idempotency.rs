//! The header `Idempotency-Key`: repetitions have no effect and get the first answer, whatever happens in between.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::stored::{items, text};
use crate::support::{Bundle, Fault, Reply, kill};

const PHONE: &str = "+14155550123";
const REUSED: &str = r#"{"message":"The Idempotency-Key was used with another body.","error":"The Idempotency-Key was used with another body."}"#;
pub(super) const GONE: &str = r#"{"message":"The call was carried out before. Its answer was deleted with the contact.","error":"The call was carried out before. Its answer was deleted with the contact."}"#;

impl Bundle {
    /// Calls an endpoint with an idempotency key, as tenant `demo`.
    pub(super) async fn once(&self, endpoint: &str, key: &str, body: &Value) -> Reply {
        self.once_as("demo", endpoint, key, body).await
    }

    async fn once_as(&self, who: &str, endpoint: &str, key: &str, body: &Value) -> Reply {
        let (path, token) = match endpoint {
            "contact" => (format!("/contact?tenantId={who}"), format!("Bearer fiq_{who}")),
            action => (format!("/api/v1/actions/{action}"), format!("Bearer {who}-token")),
        };
        let headers = [("authorization", &*token), ("idempotency-key", key)];
        self.request("POST", &path, &headers, body.to_string()).await
    }
}

pub(super) fn is_replayed(reply: &Reply) -> bool {
    reply.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

/// Status, body and the headers that say what was done.
pub(super) fn answer(reply: &Reply) -> (u16, String, [Option<String>; 2]) {
    let header = |name| reply.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    (reply.status, reply.body.clone(), ["x-contact-outcome", "etag"].map(header))
}

/// A call of every endpoint that writes. Each changes something.
fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("create-contact", json!({ "phone": PHONE, "name": "Jane", "tags": "a, b", "metadata": { "a": 1 } })),
        ("update-contact", json!({ "phone": PHONE, "name": "Janet", "metadata": { "b": 2 } })),
        ("add-tag", json!({ "phone": PHONE, "tag": "vip" })),
        ("remove-tag", json!({ "phone": PHONE, "tag": "a" })),
        (
            "batch-upsert-contacts",
            json!({ "contacts": [{ "phone": PHONE, "name": "Jo" }, { "phone": "1" }, { "phone": "+14155550124" }] }),
        ),
        ("contact", json!({ "phone_number": "27123456789", "name": "John" })),
        ("delete-contact", json!({ "phone": PHONE })),
    ]
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_and_has_no_effect() {
    let bundle = Bundle::start().await;
    for (endpoint, body) in calls() {
        let first = bundle.once(endpoint, "key", &body).await;
        assert!(first.status < 300 && !is_replayed(&first), "{endpoint}: {first:?}");
        let before = bundle.call("search-contacts", json!({})).await.body;
        for _ in 0..2 {
            let again = bundle.once(endpoint, "key", &body).await;
            assert!(is_replayed(&again), "{endpoint}: {again:?}");
            assert_eq!(answer(&again), answer(&first), "{endpoint}");
        }
        assert_eq!(bundle.call("search-contacts", json!({})).await.body, before, "{endpoint}");
    }
    // The contact has changed since, and is not changed back.
    let create = json!({ "phone": PHONE, "name": "Jane" });
    let first = bundle.once("create-contact", "another", &create).await;
    bundle.call("update-contact", json!({ "phone": PHONE, "name": "Janet", "email": "janet@example.com" })).await;
    let again = bundle.once("create-contact", "another", &create).await;
    assert_eq!((answer(&again), is_replayed(&again)), (answer(&first), true));
    let stored = bundle.call("get-contact", json!({ "phone": PHONE })).await.json();
    assert_eq!((&stored["name"], &stored["email"]), (&json!("Janet"), &json!("janet@example.com")));
    // A call that changes nothing is remembered too.
    let tag = json!({ "phone": PHONE, "tag": "vip" });
    bundle.call("add-tag", tag.clone()).await;
    let unchanged = bundle.once("add-tag", "unchanged", &tag).await;
    unchanged.has("x-contact-outcome", "unchanged");
    bundle.call("remove-tag", tag.clone()).await;
    let again = bundle.once("add-tag", "unchanged", &tag).await;
    assert_eq!((answer(&again), is_replayed(&again)), (answer(&unchanged), true));
    assert_eq!(bundle.call("get-contact", json!({ "phone": PHONE })).await.json()["tags"], json!([]));
}

#[tokio::test]
async fn keys_belong_to_a_token_an_endpoint_and_a_body() {
    let bundle = Bundle::start().await;
    let (jane, janet) = (json!({ "phone": PHONE, "name": "Jane" }), json!({ "phone": PHONE, "name": "Janet" }));
    let first = bundle.once("create-contact", "key", &jane).await;
    bundle.once("create-contact", "key", &janet).await.is(422, REUSED);
    bundle.once("create-contact", "key", &json!({ "phone": "+14155550999" })).await.is(422, REUSED);
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("name"), ["Jane"]);
    bundle.once("update-contact", "key", &janet).await.has("x-contact-outcome", "updated");
    bundle.once_as("acme", "create-contact", "key", &janet).await.has("x-contact-outcome", "created");
    bundle.issue("second-token", Some(bundle.tenant("demo-token").await.id())).await;
    let headers = [("authorization", "Bearer second-token"), ("idempotency-key", "key")];
    let other = bundle.send("create-contact", &headers, jane.to_string()).await;
    assert!(!is_replayed(&other));
    assert_eq!(answer(&bundle.once("create-contact", "key", &jane).await), answer(&first));
    // FlowIQ, and batches, also with fewer contacts.
    let john = json!({ "phone_number": "27123456789" });
    bundle.once("contact", "key", &john).await;
    bundle.once("contact", "key", &json!({ "phone_number": "27123456780" })).await.is(422, REUSED);
    let batch = json!({ "contacts": [{ "phone": "+14155550001" }, { "phone": "+14155550002" }] });
    bundle.once("batch-upsert-contacts", "key", &batch).await;
    let shorter = json!({ "contacts": [{ "phone": "+14155550003" }] });
    bundle.once("batch-upsert-contacts", "key", &shorter).await.is(422, REUSED);
    // Keys of other forms, and keys on endpoints that only read.
    let bad = r#"{"message":"The Idempotency-Key must be 1 to 255 visible ASCII characters.","error":"The Idempotency-Key must be 1 to 255 visible ASCII characters."}"#;
    for key in ["", "a b", "é", &"x".repeat(256)] {
        bundle.once("create-contact", key, &janet).await.is(422, bad);
        bundle.once("contact", key, &john).await.is(400, r#"{"success":false,"error":"Invalid Idempotency-Key","message":"The Idempotency-Key must be 1 to 255 visible ASCII characters."}"#);
        assert_eq!(bundle.once("search-contacts", key, &json!({})).await.status, 200);
    }
    bundle.once("create-contact", &"x".repeat(255), &jane).await.has("x-contact-outcome", "unchanged");
    let get = json!({ "phone": PHONE });
    for _ in 0..2 {
        assert!(!is_replayed(&bundle.once("get-contact", "key", &get).await));
    }
}

/// Refusals have no effect and are not remembered: the same key succeeds later.
#[tokio::test]
async fn errors_are_not_remembered() {
    let bundle = Bundle::start().await;
    let rename = json!({ "phone": PHONE, "name": "Jane" });
    assert_eq!(bundle.once("update-contact", "key", &rename).await.status, 404);
    bundle.call("create-contact", json!({ "phone": PHONE })).await;
    bundle.once("update-contact", "key", &rename).await.has("x-contact-outcome", "updated");
    assert!(is_replayed(&bundle.once("update-contact", "key", &rename).await));
    let exists = json!({ "phone_number": "14155550123" });
    assert_eq!(bundle.once("contact", "key", &exists).await.status, 409);
    bundle.call("delete-contact", json!({ "phone": PHONE })).await;
    assert_eq!(bundle.once("contact", "key", &exists).await.status, 201);
    assert!(is_replayed(&bundle.once("contact", "key", &exists).await));
}

/// After a deletion, repetitions of earlier calls do not bring the contact back, and show nothing of it.
#[tokio::test]
async fn a_deletion_makes_earlier_answers_unreadable() {
    let bundle = Bundle::start().await;
    let create = json!({ "phone": PHONE, "name": "Zebedee", "email": "zebedee@example.com", "tags": "vip" });
    bundle.once("create-contact", "key", &create).await;
    let delete = json!({ "phone": PHONE });
    let deleted = bundle.once("delete-contact", "key", &delete).await;
    for _ in 0..2 {
        bundle.once("create-contact", "key", &create).await.is(410, GONE);
        assert_eq!(answer(&bundle.once("delete-contact", "key", &delete).await), answer(&deleted));
        bundle.call("search-contacts", json!({})).await.is(200, "[]");
    }
    let tenant = bundle.tenant("demo-token").await.id().to_string();
    let stored = format!("{:?}", items(bundle.dynamodb(), &tenant, "").await);
    assert!(stored.contains("answer#") && !stored.contains("answer_key"), "{stored}");
    for trace in ["zebedee", "Zebedee", "4155550123"] {
        assert!(!stored.contains(trace), "{trace} in {stored}");
    }
    // Created again, the contact has another key.
    bundle.once("create-contact", "new", &create).await.has("x-contact-outcome", "created");
    bundle.once("create-contact", "key", &create).await.is(410, GONE);
    // A repeated deletion does not delete the contact that was created since.
    assert!(is_replayed(&bundle.once("delete-contact", "key", &delete).await));
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("name"), ["Zebedee"]);
}

#[tokio::test]
async fn simultaneous_calls_with_one_key_have_one_effect() {
    let bundle = Bundle::start().await;
    for (n, (endpoint, body)) in calls().into_iter().enumerate() {
        let mut replies = join_all((0..40).map(|_| bundle.once(endpoint, "key", &body))).await;
        // On a busy machine some time out, which a client repeats.
        for reply in &mut replies {
            for _ in 0..5 {
                if reply.status == 503 || reply.body.contains("Service Unavailable") {
                    *reply = bundle.once(endpoint, "key", &body).await;
                }
            }
        }
        let first = answer(&replies[0]);
        for reply in &replies {
            assert_eq!(answer(reply), first, "{endpoint}");
        }
        let tenant = bundle.tenant("demo-token").await.id().to_string();
        let answers = items(bundle.dynamodb(), &tenant, "answer#").await.len();
        // A batch has one more for the call itself, and one for each of its two valid contacts.
        assert_eq!(answers, n + 1 + if n >= 4 { 2 } else { 0 }, "{endpoint}");
    }
    let events = bundle.call("get-contact", json!({ "phone": "+27123456789" })).await;
    assert_eq!(events.json()["name"], "John");
}

/// A write is applied and its response lost, delayed, or reported as an error: the client repeats the call.
#[tokio::test]
async fn lost_responses_do_not_repeat_the_effect() {
    for fault in [Fault::LostResponse, Fault::InternalErrorAfterwards, Fault::HeldResponse, Fault::LostRequest] {
        let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
        for (endpoint, body) in calls() {
            for operation in ["TransactWriteItems", "PutItem"] {
                let key = format!("{endpoint}/{operation}");
                if operation == "PutItem" {
                    // The contact is as the call wants it, so that only the answer is recorded.
                    if matches!(endpoint, "contact" | "delete-contact") {
                        continue;
                    }
                    bundle.call(endpoint, body.clone()).await;
                }
                // Longer than the SDK repeats the request: the first call fails, or finds out that it has written.
                let mut left = 6;
                proxy.inject(move |sent| {
                    let is_hit = sent == operation && left > 0;
                    left -= i32::from(is_hit);
                    if is_hit { fault } else { Fault::None }
                });
                let first = bundle.once(endpoint, &key, &body).await;
                proxy.inject(|_| Fault::None);
                let again = bundle.once(endpoint, &key, &body).await;
                assert!(again.status < 300, "{fault:?} {key}: {again:?}");
                let third = bundle.once(endpoint, &key, &body).await;
                assert_eq!((answer(&third), is_replayed(&third)), (answer(&again), true), "{fault:?} {key}");
                if first.status < 300 && !first.body.contains("Service Unavailable") {
                    assert_eq!(answer(&first), answer(&again), "{fault:?} {key}");
                }
            }
        }
    }
}

/// The process dies after DynamoDB has applied the transaction, before it can answer.
#[tokio::test]
async fn a_process_that_dies_after_the_write_leaves_the_answer() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let body = json!({ "phone": PHONE, "tag": "vip" });
    bundle.call("create-contact", json!({ "phone": PHONE, "tags": "a" })).await;
    bundle.call("add-tag", json!({})).await;
    proxy.inject(|operation| if operation == "TransactWriteItems" { Fault::HeldResponse } else { Fault::None });
    let killed = async {
        proxy.response_held().await;
        kill("add-tag", &proxy.url());
    };
    let (first, ()) = tokio::join!(bundle.call_that_dies("add-tag", ("idempotency-key", "key"), &body), killed);
    assert!(first >= 500, "{first}");
    proxy.inject(|_| Fault::None);
    bundle.call("remove-tag", body.clone()).await;
    let again = bundle.once("add-tag", "key", &body).await;
    again.is(200, r#"{"id":"<id>","phone":"+14155550123","tag_added":"vip","tags":["a","vip"]}"#);
    assert!(is_replayed(&again));
    assert_eq!(bundle.call("get-contact", json!({ "phone": PHONE })).await.json()["tags"], json!(["a"]));
}

/// Records are valid for 24 h, also while DynamoDB has not removed them.
#[tokio::test]
async fn after_a_day_a_key_is_new() {
    let bundle = Bundle::start().await;
    let (tag, batch) =
        (json!({ "phone": PHONE, "tag": "vip" }), json!({ "contacts": [{ "phone": PHONE, "name": "Jane" }] }));
    bundle.call("create-contact", json!({ "phone": PHONE })).await;
    bundle.once("add-tag", "key", &tag).await.has("x-contact-outcome", "updated");
    bundle.once("batch-upsert-contacts", "key", &batch).await;
    bundle.call("remove-tag", tag.clone()).await;
    let tenant = bundle.tenant("demo-token").await.id().to_string();
    let now = contacts::model::Timestamp::now().as_second();
    for record in items(bundle.dynamodb(), &tenant, "answer#").await {
        let expires_at: i64 = record["expires_at"].as_n().unwrap().parse().unwrap();
        assert!((now + 86_390..=now + 86_400).contains(&expires_at), "{expires_at}");
        let update = bundle.dynamodb().update_item().table_name("ContactsTable");
        let update = update.key("tenant_id", AttributeValue::S(tenant.clone()));
        let update = update.key("item", AttributeValue::S(text(&record, "item").to_owned()));
        let update = update.update_expression("SET expires_at = :now");
        update.expression_attribute_values(":now", AttributeValue::N(now.to_string())).send().await.unwrap();
    }
    let again = bundle.once("add-tag", "key", &tag).await;
    assert!(!is_replayed(&again));
    again.has("x-contact-outcome", "updated");
    let other = json!({ "contacts": [{ "phone": PHONE, "name": "Janet" }] });
    let again = bundle.once("batch-upsert-contacts", "key", &other).await;
    assert_eq!((again.status, is_replayed(&again)), (200, false), "{}", again.body);
    assert!(is_replayed(&bundle.once("batch-upsert-contacts", "key", &other).await));
}

/// A batch that is cut off in the middle: its repetition answers what was done as it was, and does the rest.
#[tokio::test]
async fn a_repeated_batch_completes_the_first() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let contact = |n: usize| json!({ "phone": format!("+1415555{n:04}"), "name": format!("first {n}") });
    let batch = json!({ "contacts": (0..12).map(contact).collect::<Vec<_>>() });
    let mut transactions = 0;
    proxy.inject(move |operation| {
        transactions += i32::from(operation == "TransactWriteItems");
        if transactions > 5 && operation == "TransactWriteItems" { Fault::ThrottledTransaction } else { Fault::None }
    });
    let first = bundle.once("batch-upsert-contacts", "key", &batch).await.json();
    proxy.inject(|_| Fault::None);
    let statuses: Vec<_> = first["results"].as_array().unwrap().iter().map(|each| each["status"].clone()).collect();
    let done = statuses.iter().filter(|status| **status == 201).count();
    assert!((1..12).contains(&done), "{statuses:?}");
    for n in 0..12 {
        let other = json!({ "phone": format!("+1415555{n:04}"), "name": "other" });
        assert_eq!(bundle.call("create-contact", other).await.status, 201);
    }
    let again = bundle.once("batch-upsert-contacts", "key", &batch).await;
    assert!(!is_replayed(&again), "it carried out the rest");
    for (n, result) in again.json()["results"].as_array().unwrap().iter().enumerate() {
        assert_eq!(result["status"], 201);
        let stored = bundle.call("get-contact", json!({ "phone": format!("+1415555{n:04}") })).await.json();
        if statuses[n] == 201 {
            assert_eq!((result, &stored["name"]), (&first["results"][n], &json!("other")));
        } else {
            assert_eq!(stored["name"], format!("first {n}"));
        }
    }
    let third = bundle.once("batch-upsert-contacts", "key", &batch).await;
    assert_eq!((third.body.clone(), is_replayed(&third)), (again.body.clone(), true));
}

/// Without the header nothing is read or written for it; with it, how much.
#[tokio::test]
async fn a_key_costs_one_item() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let rename = |name: &str| json!({ "phone": PHONE, "name": name });
    bundle.call("create-contact", rename("a")).await;
    let mut counted = Vec::new();
    for (name, key) in [("b", None), ("c", Some("1")), ("c", Some("1")), ("c", Some("2")), ("d", None)] {
        proxy.clear();
        let reply = match key {
            Some(key) => bundle.once("create-contact", key, &rename(name)).await,
            None => bundle.call("create-contact", rename(name)).await,
        };
        assert_eq!(reply.status, 201);
        let seen = proxy.take_requests();
        let units = |write: bool| {
            let is_write = |operation: &str| operation.starts_with("Put") || operation.starts_with("Transact");
            seen.iter().filter(|s| is_write(&s.operation) == write).map(|s| s.units).sum::<f64>()
        };
        let operations: Vec<&str> = seen.iter().map(|s| s.operation.as_str()).collect();
        counted.push((operations.join(" "), units(false), units(true)));
    }
    let expected = [
        ("GetItem PutItem", 0.5, 2.0),
        ("BatchGetItem TransactWriteItems", 1.0, 5.0),
        ("BatchGetItem BatchGetItem", 3.0, 0.0),
        ("BatchGetItem BatchGetItem PutItem", 3.0, 1.0),
        ("GetItem PutItem", 0.5, 2.0),
    ];
    assert_eq!(counted, expected.map(|(operations, reads, writes)| (operations.to_owned(), reads, writes)));
}
