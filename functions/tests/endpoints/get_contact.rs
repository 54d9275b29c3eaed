//! `POST /api/v1/actions/get-contact`: its documented sample, and look-ups by email. Its 404 and 422 are in
//! `contract/qyvo.rs`.

use serde_json::json;

use crate::support::Bundle;

/// A contact from a shop that has sent messages, found by phone, id and email.
#[tokio::test]
async fn the_documented_sample_works() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let change = |contact: &mut contacts::model::Contact| {
        contact.name = "Romain".parse().ok();
        contact.email = "romain@example.com".parse().ok();
        contact.source = contacts::model::Source::Shopify;
        contact.locale = "fr".parse().ok();
        contact.metadata = contacts::model::Metadata::parse(r#"{ "shopify_id": "12345" }"#).unwrap();
        contact.tags = "vip, fr-FR".parse().unwrap();
        contact.opted_in_at = "2026-04-15T10:32:00+00:00".parse().ok();
        contact.last_message_at = "2026-05-07T08:14:23+00:00".parse().ok();
        contact.total_messages = 27;
        contact.created_at = "2026-04-15T10:32:00+00:00".parse().unwrap();
    };
    let id = bundle.put(&tenant, "+14155550123", change).await.id;
    let whole = format!(
        r#"{{"id":"{id}","phone":"+14155550123","name":"Romain","email":"romain@example.com","source":"shopify","locale":"fr","metadata":{{"shopify_id":"12345"}},"tags":["vip","fr-FR"],"opted_in_at":"2026-04-15T10:32:00+00:00","opted_out_at":null,"last_message_at":"2026-05-07T08:14:23+00:00","total_messages":27,"created_at":"2026-04-15T10:32:00+00:00"}}"#
    );
    for by in [
        json!({ "phone": "+14155550123" }),
        json!({ "phone": " 001 (415) 555-0123 ", "email": "", "contact_id": null }),
        json!({ "contact_id": id }),
        json!({ "contact_id": id.to_string().to_uppercase() }),
        json!({ "email": "Romain@EXAMPLE.com" }),
    ] {
        let found = bundle.call("get-contact", by.clone()).await;
        assert_eq!((found.status, &found.body), (200, &whole), "{by}");
        assert!(found.headers.get("x-contact-outcome").is_none());
    }
}

#[tokio::test]
async fn an_email_of_several_contacts_finds_the_oldest() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let mut oldest = Vec::new();
    for (phone, since) in [
        ("+14155550101", "2026-03-01T00:00:00+00:00"),
        ("+14155550102", "2026-01-01T00:00:00+00:00"),
        ("+14155550103", "2026-01-01T00:00:00+00:00"),
        ("+14155550104", "2026-02-01T00:00:00+00:00"),
    ] {
        let shared = |contact: &mut contacts::model::Contact| {
            contact.email = "Office@example.com".parse().ok();
            contact.created_at = since.parse().unwrap();
        };
        let contact = bundle.put(&tenant, phone, shared).await;
        if since.starts_with("2026-01") {
            oldest.push(contact.id.to_string());
        }
    }
    let found = bundle.call("get-contact", json!({ "email": "office@example.com" })).await.id();
    assert_eq!(Some(found), oldest.into_iter().min());
}

#[tokio::test]
async fn a_changed_or_cleared_email_finds_nothing() {
    let bundle = Bundle::start().await;
    let body = json!({ "phone": "+14155550123", "email": "old@example.com" });
    bundle.call("create-contact", body).await;
    bundle.call("update-contact", json!({ "phone": "+14155550123", "email": "new@example.com" })).await;
    assert_eq!(bundle.call("get-contact", json!({ "email": "old@example.com" })).await.status, 404);
    assert_eq!(bundle.call("get-contact", json!({ "email": "new@example.com" })).await.status, 200);
    bundle.call("update-contact", json!({ "phone": "+14155550123", "email": "" })).await;
    assert_eq!(bundle.call("get-contact", json!({ "email": "new@example.com" })).await.status, 404);
}
