//! When DynamoDB throttles, collides, breaks off, lags behind or hangs.

use std::sync::atomic::{AtomicBool, Ordering};

use carnet_local::Options;
use serde_json::{Value, json};

use crate::support::{Bundle, Fault, Tap, options, template};

const PHONE: &str = "+14155550123";

fn jane() -> Value {
    json!({ "phone": PHONE, "name": "Jane", "email": "jane@example.com" })
}

/// Breaks the next request of this operation, and no other.
fn once(tap: &Tap, operation: &'static str, fault: Fault) {
    let over = AtomicBool::new(false);
    tap.plan(move |next| if next == operation && !over.swap(true, Ordering::SeqCst) { fault } else { Fault::None });
}

fn calls() -> [(&'static str, Value); 8] {
    [
        ("create-contact", jane()),
        ("create-contact", json!({ "phone": PHONE, "tags": "secret" })),
        ("get-contact", json!({ "phone": PHONE })),
        ("update-contact", json!({ "phone": PHONE, "name": "Janet" })),
        ("search-contacts", json!({ "query": "jane" })),
        ("add-tag", json!({ "phone": PHONE, "tag": "vip" })),
        ("remove-tag", json!({ "phone": PHONE, "tag": "vip" })),
        ("list-tags", json!({})),
    ]
}

#[tokio::test]
async fn throttling_asks_for_patience() {
    let (bundle, tap, _engine) = Bundle::tapped().await;
    tap.plan(|_| Fault::Throttled);
    for (action, body) in calls() {
        let reply = bundle.call(action, body).await;
        reply.is(503, r#"{"message":"Service Unavailable.","error":"Service Unavailable."}"#).has("retry-after", "1");
    }
    tap.plan(|_| Fault::None);
    assert_eq!(bundle.call("create-contact", jane()).await.status, 201);
}

#[tokio::test]
async fn a_broken_line_is_our_trouble_and_nobody_elses_business() {
    let (bundle, tap, _engine) = Bundle::tapped().await;
    tap.plan(|_| Fault::Lost);
    for (action, body) in calls() {
        bundle.call(action, body).await.is(500, r#"{"message":"Server Error.","error":"Server Error."}"#);
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

/// The client hears of none of this.
#[tokio::test]
async fn what_goes_wrong_once_is_tried_again() {
    for (fault, operation) in [
        (Fault::Throttled, "PutItem"),
        (Fault::Conflict, "PutItem"),
        (Fault::Lost, "PutItem"),
        (Fault::AnswerLost, "PutItem"),
        (Fault::Throttled, "TransactWriteItems"),
        (Fault::Conflict, "TransactWriteItems"),
        (Fault::Busy, "TransactWriteItems"),
        (Fault::Lost, "TransactWriteItems"),
        (Fault::AnswerLost, "TransactWriteItems"),
        (Fault::Half, "BatchGetItem"),
    ] {
        let (bundle, tap, _engine) = Bundle::tapped().await;
        let mut contact = jane();
        if operation != "PutItem" {
            contact["tags"] = json!("vip, new, fr-FR");
        }
        once(&tap, operation, fault);
        let reply = bundle.call("create-contact", contact.clone()).await;
        assert_eq!(reply.status, 201, "{fault:?} {operation}: {}", reply.body);
        reply.has("x-contact-outcome", "created");
        assert_eq!(bundle.call("search-contacts", json!({})).await.each("phone"), [PHONE], "{fault:?} {operation}");

        once(&tap, operation, fault);
        contact["name"] = json!("Janet");
        contact["tags"] = json!(if operation == "PutItem" { "" } else { "vip, other" });
        let reply = bundle.call("update-contact", contact).await;
        assert_eq!((reply.status, &reply.json()["name"]), (200, &json!("Janet")), "{fault:?} {operation}");
        reply.has("x-contact-outcome", "updated");
    }
}

/// A number that is one's own, though the answer to the first attempt was lost, is not somebody's.
#[tokio::test]
async fn flowiq_takes_its_own_contact_for_its_own() {
    for operation in ["PutItem", "TransactWriteItems"] {
        let (bundle, tap, _engine) = Bundle::tapped().await;
        once(&tap, operation, Fault::AnswerLost);
        let tags = if operation == "PutItem" { "" } else { "vip" };
        let reply = bundle.post(json!({ "phone_number": "27123456789", "tags": tags })).await;
        assert_eq!(reply.status, 201, "{operation}: {}", reply.body);
        reply.has("x-contact-outcome", "created");
        tap.plan(|_| Fault::Throttled);
        let busy = r#"{"message":"Service Unavailable.","error":"Service Unavailable."}"#;
        bundle.find("phone_number=27123456789").await.is(503, busy).has("retry-after", "1");
        bundle.post(json!({ "phone_number": "27123456780" })).await.is(503, busy).has("retry-after", "1");
    }
}

/// Indexes lag behind in the cloud. What they say is checked against the contact.
#[tokio::test]
async fn an_index_that_lags_behind() {
    let (bundle, tap, _engine) = Bundle::tapped().await;
    bundle.call("create-contact", jane()).await;
    let by_email = json!({ "email": "jane@example.com" });
    let by_number = json!({ "query": "+1415555" });
    assert_eq!(bundle.call("get-contact", by_email.clone()).await.status, 200);
    assert_eq!(bundle.call("search-contacts", by_email.clone()).await.each("name"), ["Jane"]);
    assert_eq!(bundle.call("search-contacts", by_number.clone()).await.each("name"), ["Jane"]);

    let change = json!({ "phone": PHONE, "name": "Janet", "email": "janet@example.com" });
    bundle.call("update-contact", change).await.has("x-contact-outcome", "updated");
    tap.plan(|operation| if operation == "Query" { Fault::Stale } else { Fault::None });
    bundle.call("get-contact", by_email.clone()).await.is(404, r#"{"error":"Contact not found"}"#);
    bundle.call("search-contacts", by_email).await.is(200, "[]");
    assert_eq!(bundle.call("search-contacts", by_number).await.each("name"), ["Janet"]);
}

/// More contacts than DynamoDB gives in one batch.
#[tokio::test]
async fn an_address_that_very_many_share() {
    let (bundle, tap, _engine) = Bundle::tapped().await;
    let tenant = bundle.tenant("demo-token").await;
    for n in 0..130 {
        let share = |contact: &mut contacts::model::Contact| {
            contact.email = "office@example.com".parse().ok();
            contact.created_at =
                format!("2026-01-01T00:{:02}:{:02}+00:00", (200 - n) / 60, (200 - n) % 60).parse().unwrap();
        };
        bundle.put(&tenant, &format!("+1415555{n:04}"), share).await;
    }
    tap.plan(|_| Fault::Half);
    let oldest = bundle.call("get-contact", json!({ "email": "OFFICE@example.com" })).await.json();
    assert_eq!(oldest["phone"], "+14155550129");
    assert_eq!(bundle.call("search-contacts", json!({ "email": "office@example.com" })).await.each("id").len(), 50);
}

/// A call answers for itself before Lambda ends the process.
#[tokio::test]
async fn no_time_left() {
    let directory = tempfile::tempdir().unwrap();
    let hasty = directory.path().join("template.yaml");
    let text = std::fs::read_to_string(template()).unwrap();
    std::fs::write(&hasty, text.replace("Timeout: 10", "Timeout: 1").replace("Timeout: 29", "Timeout: 1")).unwrap();
    let (bundle, tap, _engine) = Bundle::tapped_with(Options { template: hasty, ..options() }).await;
    for (action, body) in calls() {
        // A process that has opened its connection, and may then wait for an answer.
        tap.plan(|_| Fault::None);
        bundle.call(action, json!({ "phone": "x" })).await;
        tap.plan(|_| Fault::Hangs);
        let reply = bundle.call(action, body).await;
        reply.is(503, r#"{"message":"Service Unavailable.","error":"Service Unavailable."}"#);
    }
}
