//! The contract's rules about tokens and tenants: 401, the 422 of a user without a tenant, and that no tenant sees
//! another's contacts. Also that logs hold no personal data. FlowIQ's keys are in `flowiq.rs`.

use aws_sdk_dynamodb::types::AttributeValue;
use contacts::access::NewToken;
use contacts::model::Timestamp;
use serde_json::json;

use crate::support::{Bundle, actions, new_token};

const UNAUTHENTICATED: &str = r#"{"message":"Unauthenticated."}"#;
const NO_WORKSPACE: &str = r#"{"error":"No workspace configured for this account."}"#;

#[tokio::test]
async fn calls_without_a_valid_token_get_401() {
    let bundle = Bundle::start().await;
    let an_hour_ago = Timestamp::now().as_second() - 3600;
    let tenant = Some(bundle.create_tenant("late").await);
    for (token, expires_at) in [("expired-token", an_hour_ago), ("lasting-token", an_hour_ago + 7200)] {
        let new = NewToken { expires_at: Some(expires_at), ..new_token(tenant) };
        bundle.access.issue(token, new).await.unwrap();
    }
    for action in actions() {
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
            reply.is(401, UNAUTHENTICATED);
        }
        let wrong = format!("{action} wrong");
        bundle
            .check_cases(&[
                ("the token is missing", &format!("{action} -"), "{}", 401, UNAUTHENTICATED),
                ("the token is wrong", &wrong, "{}", 401, UNAUTHENTICATED),
                ("the token is checked before the body", &wrong, "nonsense", 401, UNAUTHENTICATED),
            ])
            .await;
        // Qyvo's endpoints accept FlowIQ's keys: this call gets as far as its body.
        let malformed = r#"{"message":"Malformed JSON.","error":"Malformed JSON."}"#;
        bundle.ask(&format!("{action} fiq_demo"), "nonsense").await.is(422, malformed);
    }
    for authorization in ["bearer demo-token", "BEARER  demo-token ", "Bearer lasting-token"] {
        let reply = bundle.send("search-contacts", &[("authorization", authorization)], "{}").await;
        reply.is(200, "[]");
    }
}

/// Its tokens stay in the table until an operator deletes them.
#[tokio::test]
async fn a_token_of_a_deleted_tenant_gets_401() {
    let bundle = Bundle::start().await;
    let key = AttributeValue::S(format!("tenant#{}", bundle.tenant("acme-token").await.id()));
    bundle.dynamodb().delete_item().table_name("AccessTable").key("key", key).send().await.unwrap();
    bundle.call_as("acme-token", "list-tags", json!({})).await.is(401, UNAUTHENTICATED);
    bundle.me("acme-token").await.is(401, UNAUTHENTICATED);
    assert_eq!(bundle.me("demo-token").await.status, 200);
}

/// A tenant is one item: no token has a copy of its name or slug.
#[tokio::test]
async fn a_renamed_tenant_has_its_new_name_and_slug_for_all_tokens() {
    let bundle = Bundle::start().await;
    let id = bundle.tenant("demo-token").await.id();
    let update = bundle.dynamodb().update_item().table_name("AccessTable");
    let update = update.key("key", AttributeValue::S(format!("tenant#{id}")));
    let update =
        update.update_expression("SET #name = :name, slug = :slug").expression_attribute_names("#name", "name");
    let update = update.expression_attribute_values(":name", AttributeValue::S("Renamed".into()));
    update.expression_attribute_values(":slug", AttributeValue::S("renamed".into())).send().await.unwrap();
    for token in ["demo-token", "fiq_demo"] {
        assert_eq!(bundle.me(token).await.json()["tenant"]["name"], "Renamed", "{token}");
    }
    let lookup = "GET /contact?tenantId=renamed&phone_number=14155550123 fiq_demo";
    assert_eq!(bundle.ask(lookup, "").await.status, 404);
}

/// Whatever the body is: the tenant is checked before it.
#[tokio::test]
async fn a_user_without_a_tenant_gets_422() {
    let bundle = Bundle::start().await;
    for action in actions() {
        for body in ["{}", "nonsense", r#"{"phone":"x"}"#] {
            let reply = bundle.send(action, &[("authorization", "Bearer orphan-token")], body).await;
            reply.is(422, NO_WORKSPACE);
        }
    }
}

#[tokio::test]
async fn a_tenant_neither_finds_nor_changes_another_tenants_contacts() {
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

/// Each call logs one line of JSON with its request id, and nothing from its token, path or body.
#[tokio::test]
async fn logs_hold_no_personal_data() {
    let bundle = Bundle::start().await;
    let body = json!({ "phone": "+14155550123", "name": "Secretname", "email": "secret@example.com", "tags": "secrettag", "metadata": { "secretkey": "secretvalue" } });
    for action in actions() {
        bundle.call(action, body.clone()).await;
        bundle
            .call_raw(action, "{\"phone\": \"secretphone\", \"email\": \"secretmail\", \"tag\": \"secret,tag\"}")
            .await;
        bundle.send(action, &[("authorization", "Bearer secrettoken")], "secretbody").await;
    }
    bundle.me("secrettoken").await;
    bundle.flowiq_get("phone_number=14155550123").await;
    bundle.flowiq_get("phone_number=secret4155550123&whatsapp_id=4155550123").await;
    for _ in 0..2 {
        bundle.flowiq_create(json!({ "phone_number": "4155550123", "name": "Secretname", "tags": "secrettag" })).await;
    }
    bundle.ask("GET /secret4155550123?secret=secret", "").await;
    let log = bundle.stop().await;
    for personal in ["secret", "Secret", "4155550123", "demo-token"] {
        assert!(!log.contains(personal), "{log}");
    }
    // The local deployment and publish-changes log lines of their own.
    let calls = log.lines().filter(|line| line.starts_with('{') && !line.contains("publish-changes"));
    let answered: Vec<serde_json::Value> = calls.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answered.len(), actions().len() * 3 + 6, "{log}");
    for line in answered {
        assert_eq!(line["message"], "answered");
        assert!(line["span"]["request_id"].as_str().is_some_and(|id| id.len() == 36), "{line}");
    }
}
