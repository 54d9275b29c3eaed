//! Who may call, and what each sees.

use contacts::model::TenantRecord;
use contacts::model::Timestamp;
use serde_json::json;

use crate::support::{ACTIONS, Bundle, token_record};

#[tokio::test]
async fn without_a_token_that_works() {
    let bundle = Bundle::start().await;
    let an_hour_ago = Timestamp::now().as_second() - 3600;
    let record = || Some(TenantRecord::new("late", "late"));
    bundle.access.issue("expired-token", &token_record(record(), Some(an_hour_ago))).await.unwrap();
    bundle.access.issue("lasting-token", &token_record(record(), Some(an_hour_ago + 7200))).await.unwrap();
    for action in ACTIONS {
        for authorization in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            "demo-token",
            "Basic demo-token",
            "Bearer expired-token",
            "Bearer demo-token2",
        ] {
            let reply = bundle.send(action, &[("authorization", authorization)], "{").await;
            reply.is(401, r#"{"message":"Unauthenticated."}"#);
        }
        bundle.send(action, &[], "{}").await.is(401, r#"{"message":"Unauthenticated."}"#);
    }
    for authorization in ["bearer demo-token", "BEARER  demo-token ", "Bearer lasting-token"] {
        let reply = bundle.send("search-contacts", &[("authorization", authorization)], "{}").await;
        reply.is(200, "[]");
    }
}

/// Before the body is looked at.
#[tokio::test]
async fn without_a_tenant() {
    let bundle = Bundle::start().await;
    for action in ACTIONS {
        for body in ["{}", "nonsense", r#"{"phone":"x"}"#] {
            let reply = bundle.send(action, &[("authorization", "Bearer orphan-token")], body).await;
            reply.is(422, r#"{"error":"No workspace configured for this account."}"#);
        }
    }
}

#[tokio::test]
async fn tenants_never_meet() {
    let bundle = Bundle::start().await;
    let phone = "+14155550123";
    let body = json!({ "phone": phone, "name": "Demo's", "email": "jane@example.com", "tags": "vip" });
    let id = bundle.call("create-contact", body).await.id();
    let whole = bundle.call("get-contact", json!({ "contact_id": id })).await.body;

    let acme = |action: &'static str, body| bundle.call_as("acme-token", action, body);
    for action in ["add-tag", "remove-tag"] {
        for by in ["contact_id", "phone"] {
            let body = json!({ by: if by == "phone" { phone } else { &id }, "tag": "vip" });
            acme(action, body).await.is(404, r#"{"error":"Contact not found"}"#);
        }
    }
    acme("list-tags", json!({})).await.is(200, "[]");
    let theirs = "GET /contact?tenantId=acme&phone_number=14155550123 fiq_acme";
    assert_eq!(bundle.ask(theirs, "").await.status, 404);
    for by in [json!({ "contact_id": id }), json!({ "phone": phone }), json!({ "email": "jane@example.com" })] {
        acme("get-contact", by).await.is(404, r#"{"error":"Contact not found"}"#);
    }
    for by in [json!({ "contact_id": id, "name": "Acme's" }), json!({ "phone": phone, "tags": "x" })] {
        acme("update-contact", by).await.is(404, r#"{"error":"Contact not found"}"#);
    }
    for search in [
        json!({}),
        json!({ "query": "demo" }),
        json!({ "query": phone }),
        json!({ "tag": "vip" }),
        json!({ "email": "jane@example.com" }),
    ] {
        acme("search-contacts", search).await.is(200, "[]");
    }
    let theirs = acme("create-contact", json!({ "phone": phone, "name": "Acme's" })).await;
    theirs.has("x-contact-outcome", "created");
    assert_ne!(theirs.id(), id);
    assert_eq!(bundle.call("get-contact", json!({ "contact_id": id })).await.body, whole);
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("name"), ["Demo's"]);
}

/// One line of JSON a call, with its request id, and nothing of what was said in it.
#[tokio::test]
async fn nothing_personal_is_logged() {
    let bundle = Bundle::start().await;
    let body = json!({ "phone": "+14155550123", "name": "Secretname", "email": "secret@example.com", "tags": "secrettag", "metadata": { "secretkey": "secretvalue" } });
    for action in ACTIONS {
        bundle.call(action, body.clone()).await;
        bundle
            .call_raw(action, "{\"phone\": \"secretphone\", \"email\": \"secretmail\", \"tag\": \"secret,tag\"}")
            .await;
        bundle.send(action, &[("authorization", "Bearer secrettoken")], "secretbody").await;
    }
    bundle.me("secrettoken").await;
    bundle.find("phone_number=14155550123").await;
    bundle.find("phone_number=secret4155550123&whatsapp_id=4155550123").await;
    for _ in 0..2 {
        bundle.post(json!({ "phone_number": "4155550123", "name": "Secretname", "tags": "secrettag" })).await;
    }
    bundle.ask("GET /secret4155550123?secret=secret", "").await;
    let log = bundle.stop().await;
    for personal in ["secret", "Secret", "4155550123", "demo-token"] {
        assert!(!log.contains(personal), "{log}");
    }
    // The local stack has lines of its own, and so has the change feed.
    let of_calls = log.lines().filter(|line| line.starts_with('{') && !line.contains("publish-changes"));
    let answered: Vec<serde_json::Value> = of_calls.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answered.len(), 7 * 3 + 6, "{log}");
    for line in answered {
        assert_eq!(line["message"], "answered");
        assert!(line["span"]["request_id"].as_str().is_some_and(|id| id.len() == 36), "{line}");
    }
}
