//! Faults of DynamoDB: throttling, transaction conflicts, lost requests and responses, stale indexes, timeouts. The
//! rules for 500 and 503 are tested here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::support::{Bundle, Fault, InvocationOutcome, with_rate_limit, with_timeout};

const PHONE: &str = "+14155550123";

fn jane() -> Value {
    json!({ "phone": PHONE, "name": "Jane", "email": "jane@example.com" })
}

/// One call of each action, two of create-contact: with and without tags.
fn calls() -> [(&'static str, Value); 10] {
    [
        ("create-contact", jane()),
        ("create-contact", json!({ "phone": PHONE, "tags": "secret" })),
        ("batch-upsert-contacts", json!({ "contacts": [jane()] })),
        ("get-contact", json!({ "phone": PHONE })),
        ("update-contact", json!({ "phone": PHONE, "name": "Janet" })),
        ("search-contacts", json!({ "query": "jane" })),
        ("add-tag", json!({ "phone": PHONE, "tag": "vip" })),
        ("remove-tag", json!({ "phone": PHONE, "tag": "vip" })),
        ("list-tags", json!({})),
        ("delete-contact", json!({ "phone": PHONE })),
    ]
}

#[tokio::test]
async fn throttling_gets_503_with_retry_after() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    for (action, body) in calls() {
        // Starts the process and caches the token before the fault.
        proxy.inject(|_| Fault::None);
        bundle.call(action, json!({ "phone": "x", "query": 5, "name": 5 })).await;
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        proxy.inject(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Fault::Throttled
        });
        let reply = bundle.call(action, body).await;
        reply.is(503, r#"{"message":"Service Unavailable.","error":"Service Unavailable."}"#).has("retry-after", "1");
        assert_eq!(sent.load(Ordering::SeqCst), 4, "{action}");
    }
    proxy.inject(|_| Fault::None);
    assert_eq!(bundle.call("create-contact", jane()).await.status, 201);
}

#[tokio::test]
async fn a_lost_connection_gets_503_and_logs_no_personal_data() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    proxy.inject(|_| Fault::LostRequest);
    for (action, body) in calls() {
        let reply = bundle.call(action, body).await;
        reply.is(503, r#"{"message":"Service Unavailable.","error":"Service Unavailable."}"#).has("retry-after", "1");
    }
    let log = bundle.stop().await;
    assert_eq!(
        log.lines().filter(|line| line.contains(r#""message":"the request failed""#)).count(),
        calls().len(),
        "{log}"
    );
    for personal in ["4155550123", "Jane", "jane", "secret", "demo-token"] {
        assert!(!log.contains(personal), "{log}");
    }
}

/// DynamoDB's own message may quote what was sent: it is neither shown nor logged.
#[tokio::test]
async fn a_rejected_request_gets_500_and_shows_nothing_internal() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    proxy.inject(|_| Fault::Rejected);
    for (action, body) in calls() {
        bundle.call(action, body).await.is(500, r#"{"message":"Server Error.","error":"Server Error."}"#);
    }
    let log = bundle.stop().await;
    assert!(log.contains("was refused: ValidationException"), "{log}");
    for personal in ["4155550123", "Jane", "jane", "demo-token"] {
        assert!(!log.contains(personal), "{log}");
    }
}

/// The log names it by id only.
#[tokio::test]
async fn an_unreadable_item_is_skipped_by_searches() {
    let bundle = Bundle::start().await;
    let broken = bundle.call("create-contact", json!({ "phone": PHONE, "email": "jane@example.com" })).await.id();
    bundle.call("create-contact", json!({ "phone": "+14155550124", "email": "jane@example.com" })).await;
    let tenant = bundle.tenant("demo-token").await.id().to_string();
    let update = bundle.dynamodb().update_item().table_name("ContactsTable");
    let update = update
        .key("tenant_id", AttributeValue::S(tenant))
        .key("item", AttributeValue::S(format!("contact#{broken}")))
        .update_expression("SET created_at = :broken")
        .expression_attribute_values(":broken", AttributeValue::S("yesterday".into()));
    update.send().await.unwrap();
    for criteria in [json!({}), json!({ "query": "+1415555" }), json!({ "email": "jane@example.com" })] {
        assert_eq!(
            bundle.call("search-contacts", criteria.clone()).await.each("phone"),
            ["+14155550124"],
            "{criteria}"
        );
    }
    assert_eq!(
        bundle.call("get-contact", json!({ "email": "jane@example.com" })).await.json()["phone"],
        "+14155550124"
    );
    let log = bundle.stop().await;
    assert!(log.contains("an item was skipped") && log.contains(&broken), "{log}");
    assert!(!log.contains("4155550123") && !log.contains("jane@"), "{log}");
}

/// The first writer's request is retried after the second writer's answer: it must neither undo that nor answer 409.
#[tokio::test]
async fn a_lost_response_does_not_undo_a_later_write() {
    for (function, input) in [
        ("create-contact", json!({ "phone": PHONE, "name": "First" })),
        ("flowiq-create-contact", json!({ "phone_number": "14155550123", "name": "First" })),
    ] {
        let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
        proxy.inject_once("PutItem", Fault::HeldResponse);
        let event = bundle.envelope(input).await;
        let first = bundle.invoke(function, event);
        let second = async {
            proxy.response_held().await;
            // More than the five writes that a contact always remembers.
            for n in 2..10 {
                let reply = bundle.call("update-contact", json!({ "phone": PHONE, "name": format!("{n}") })).await;
                assert_eq!(reply.status, 200, "{}", reply.body);
            }
        };
        let (first, ()) = tokio::join!(first, second);
        assert!(matches!(first, InvocationOutcome::Answered(_)), "{function}: {first:?}");
        assert_eq!(bundle.call("get-contact", json!({ "phone": PHONE })).await.json()["name"], "9", "{function}");
    }
}

#[tokio::test]
async fn a_throttled_transaction_is_sent_at_most_four_times() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    bundle.call("create-contact", jane()).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    proxy.inject(move |operation| {
        count.fetch_add(usize::from(operation == "TransactWriteItems"), Ordering::SeqCst);
        Fault::ThrottledTransaction
    });
    let begun = Instant::now();
    let reply = bundle.call("add-tag", json!({ "phone": PHONE, "tag": "vip" })).await;
    reply.is(503, r#"{"message":"Service Unavailable.","error":"Service Unavailable."}"#).has("retry-after", "1");
    assert_eq!(sent.load(Ordering::SeqCst), 4);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// A process that was frozen finds its connections dead: nothing answers on them.
#[tokio::test]
async fn connections_that_do_not_answer_are_replaced() {
    for (held, status) in [(2, 200), (usize::MAX, 503)] {
        let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
        bundle.call("create-contact", jane()).await;
        bundle.call("get-contact", json!({ "phone": PHONE })).await;
        let mut requests = 0;
        proxy.inject(move |_| {
            requests += 1;
            if requests <= held { Fault::HeldRequest } else { Fault::None }
        });
        let begun = Instant::now();
        let reply = bundle.call("get-contact", json!({ "phone": PHONE })).await;
        assert_eq!(reply.status, status, "{}", reply.body);
        assert_eq!(
            reply.headers.get("retry-after").map(|seconds| seconds.as_bytes()),
            (status == 503).then_some(&b"1"[..])
        );
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
}

/// The pages that were read before the throttling are kept.
#[tokio::test]
async fn a_search_that_is_throttled_late_continues() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let tenant = bundle.tenant("demo-token").await;
    for n in 0..260 {
        let name = |contact: &mut contacts::model::Contact| {
            contact.name = (n % 100 == 0).then(|| "Jane".parse().unwrap());
        };
        bundle.put(&tenant, &format!("+1415555{n:04}"), name).await;
    }
    let mut queries = 0;
    proxy.inject(move |operation| {
        queries += usize::from(operation == "Query");
        // Six throttled requests: more than the SDK repeats by itself.
        if operation == "Query" && (2..8).contains(&queries) { Fault::Throttled } else { Fault::None }
    });
    let mut found = bundle.call("search-contacts", json!({ "query": "jane" })).await.each("phone");
    // Contacts of the same second are ordered by their random ids.
    found.sort();
    assert_eq!(found, ["+14155550000", "+14155550100", "+14155550200"]);
    assert_eq!(
        proxy.take_operations().iter().filter(|operation| *operation == "Query").count(),
        2,
        "no page is read twice"
    );
}

/// An upsert reads first, eventually consistent: an outdated read must not make it do nothing.
#[tokio::test]
async fn an_outdated_read_does_not_lose_an_upsert() {
    for tags in ["", "vip"] {
        let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
        let create = json!({ "phone": PHONE, "name": "Jane", "tags": tags });
        // The second call reads what the first one has written.
        bundle.call("create-contact", create.clone()).await.has("x-contact-outcome", "created");
        bundle.call("create-contact", create.clone()).await.has("x-contact-outcome", "unchanged");
        bundle.call("update-contact", json!({ "phone": PHONE, "name": "Other" })).await;
        proxy.inject(|_| Fault::StaleRead);
        bundle.call("create-contact", create).await.has("x-contact-outcome", "updated");
        assert_eq!(bundle.call("get-contact", json!({ "phone": PHONE })).await.json()["name"], "Jane");
    }
}

/// 45 memberships to delete, 45 to write and 45 catalogue entries do not fit into one transaction.
#[tokio::test]
async fn replacing_all_tags_takes_three_requests_and_leaves_nothing_behind() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let list = |prefix: &str| (10..55).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
    let body = |prefix: &str| json!({ "phone": PHONE, "tags": list(prefix).join(",") });
    bundle.call("create-contact", body("old")).await;
    bundle.call("update-contact", json!({ "phone": PHONE })).await;
    proxy.clear();
    bundle.call("update-contact", body("new")).await.has("x-contact-outcome", "updated");
    assert_eq!(proxy.take_operations(), ["BatchGetItem", "TransactWriteItems", "TransactWriteItems"]);
    let catalogue = |names: Vec<&str>| names.iter().flat_map(|name| list(name)).collect::<Vec<_>>();
    assert_eq!(bundle.call("list-tags", json!({})).await.each("name"), catalogue(vec!["new", "old"]));

    // Throttled from the start: nothing is written.
    proxy.inject(|_| Fault::ThrottledTransaction);
    assert_eq!(bundle.call("update-contact", body("more")).await.status, 503);
    assert_eq!(bundle.call("list-tags", json!({})).await.each("name"), catalogue(vec!["new", "old"]));
    assert_eq!(bundle.call("get-contact", json!({ "phone": PHONE })).await.json()["tags"], json!(list("new")));

    // Throttled after the contact was written: the repeated call writes the missing entries.
    let mut transactions = 0;
    proxy.inject(move |operation| {
        transactions += usize::from(operation == "TransactWriteItems");
        if transactions > 1 { Fault::ThrottledTransaction } else { Fault::None }
    });
    assert_eq!(bundle.call("update-contact", body("more")).await.status, 503);
    proxy.inject(|_| Fault::None);
    bundle.call("update-contact", body("more")).await.has("x-contact-outcome", "unchanged");
    assert_eq!(bundle.call("list-tags", json!({})).await.each("name"), catalogue(vec!["more", "new", "old"]));
    for tag in ["more10", "more54"] {
        assert_eq!(bundle.call("search-contacts", json!({ "tag": tag })).await.each("phone"), [PHONE]);
    }
    assert_eq!(bundle.call("search-contacts", json!({ "tag": "new10" })).await.body, "[]");
}

/// The call has taken the last slot itself.
#[tokio::test]
async fn a_lost_response_of_the_rate_limit_check_does_not_reject_the_call() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(with_rate_limit(1)).await;
    proxy.inject_once("UpdateItem", Fault::LostResponse);
    assert_eq!(bundle.call("list-tags", json!({})).await.status, 200);
    assert_eq!(bundle.call("list-tags", json!({})).await.status, 429, "the first call was counted");
}

#[tokio::test]
async fn a_single_fault_is_retried_and_not_visible_to_the_client() {
    for (fault, operation) in [
        (Fault::Throttled, "PutItem"),
        (Fault::TransactionConflict, "PutItem"),
        (Fault::LostRequest, "PutItem"),
        (Fault::LostResponse, "PutItem"),
        (Fault::Throttled, "TransactWriteItems"),
        (Fault::TransactionConflict, "TransactWriteItems"),
        (Fault::ThrottledTransaction, "TransactWriteItems"),
        (Fault::LostRequest, "TransactWriteItems"),
        (Fault::LostResponse, "TransactWriteItems"),
        (Fault::UnprocessedKeys, "BatchGetItem"),
    ] {
        let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
        let mut contact = jane();
        if operation != "PutItem" {
            contact["tags"] = json!("vip, new, fr-FR");
        }
        proxy.inject_once(operation, fault);
        let reply = bundle.call("create-contact", contact.clone()).await;
        assert_eq!(reply.status, 201, "{fault:?} {operation}: {}", reply.body);
        reply.has("x-contact-outcome", "created");
        assert_eq!(bundle.call("search-contacts", json!({})).await.each("phone"), [PHONE], "{fault:?} {operation}");

        proxy.inject_once(operation, fault);
        contact["name"] = json!("Janet");
        contact["tags"] = json!(if operation == "PutItem" { "" } else { "vip, other" });
        let reply = bundle.call("update-contact", contact).await;
        assert_eq!((reply.status, &reply.json()["name"]), (200, &json!("Janet")), "{fault:?} {operation}");
        reply.has("x-contact-outcome", "updated");
    }
}

/// The retry finds the contact that the first attempt has written. It must not answer 409.
#[tokio::test]
async fn flowiq_create_recognises_its_own_write_after_a_lost_response() {
    for operation in ["PutItem", "TransactWriteItems"] {
        let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
        proxy.inject_once(operation, Fault::LostResponse);
        let tags = if operation == "PutItem" { "" } else { "vip" };
        let reply = bundle.flowiq_create(json!({ "phone_number": "27123456789", "tags": tags })).await;
        assert_eq!(reply.status, 201, "{operation}: {}", reply.body);
        reply.has("x-contact-outcome", "created");
        proxy.inject(|_| Fault::Throttled);
        let unavailable = r#"{"message":"Service Unavailable.","error":"Service Unavailable."}"#;
        bundle.flowiq_get("phone_number=27123456789").await.is(503, unavailable).has("retry-after", "1");
        bundle
            .flowiq_create(json!({ "phone_number": "27123456780" }))
            .await
            .is(503, unavailable)
            .has("retry-after", "1");
    }
}

/// What an index returns is checked against the contact itself.
#[tokio::test]
async fn stale_indexes_never_return_outdated_contacts() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    bundle.call("create-contact", jane()).await;
    let by_email = json!({ "email": "jane@example.com" });
    let by_number = json!({ "query": "+1415555" });
    assert_eq!(bundle.call("get-contact", by_email.clone()).await.status, 200);
    assert_eq!(bundle.call("search-contacts", by_email.clone()).await.each("name"), ["Jane"]);
    assert_eq!(bundle.call("search-contacts", by_number.clone()).await.each("name"), ["Jane"]);

    let change = json!({ "phone": PHONE, "name": "Janet", "email": "janet@example.com" });
    bundle.call("update-contact", change).await.has("x-contact-outcome", "updated");
    proxy.inject(|operation| if operation == "Query" { Fault::StaleRead } else { Fault::None });
    bundle.call("get-contact", by_email.clone()).await.is(404, r#"{"error":"Contact not found"}"#);
    bundle.call("search-contacts", by_email).await.is(200, "[]");
    assert_eq!(bundle.call("search-contacts", by_number).await.each("name"), ["Janet"]);
}

/// More than the 100 items that DynamoDB returns for one BatchGetItem, and half of each batch is unprocessed.
#[tokio::test]
async fn an_email_of_130_contacts_is_read_in_several_batches() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let tenant = bundle.tenant("demo-token").await;
    for n in 0..130 {
        let share = |contact: &mut contacts::model::Contact| {
            contact.email = "office@example.com".parse().ok();
            contact.created_at =
                format!("2026-01-01T00:{:02}:{:02}+00:00", (200 - n) / 60, (200 - n) % 60).parse().unwrap();
        };
        bundle.put(&tenant, &format!("+1415555{n:04}"), share).await;
    }
    proxy.inject(|_| Fault::UnprocessedKeys);
    let oldest = bundle.call("get-contact", json!({ "email": "OFFICE@example.com" })).await.json();
    assert_eq!(oldest["phone"], "+14155550129");
    assert_eq!(bundle.call("search-contacts", json!({ "email": "office@example.com" })).await.each("id").len(), 50);
}

/// The function answers before Lambda stops the process.
#[tokio::test]
async fn a_call_that_runs_out_of_time_gets_503() {
    let (options, _template) = with_timeout(1);
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(options).await;
    for (action, body) in calls() {
        // Starts a process, which opens its connection before the fault.
        proxy.inject(|_| Fault::None);
        bundle.call(action, json!({ "phone": "x" })).await;
        proxy.inject(|_| Fault::HeldRequest);
        let reply = bundle.call(action, body).await;
        reply.is(503, r#"{"message":"Service Unavailable.","error":"Service Unavailable."}"#);
    }
}
