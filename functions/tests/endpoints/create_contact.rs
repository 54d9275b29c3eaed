//! `POST /api/v1/actions/create-contact`: its documented sample, upserts, spellings of one phone number, metadata.

use serde_json::json;

use crate::support::Bundle;

#[tokio::test]
async fn the_documented_sample_works() {
    let bundle = Bundle::start().await;
    let body = r#"{
    "phone": "+14155550123",
    "name": "Romain",
    "email": "romain@example.com",
    "tags": "vip, fr-FR",
    "metadata": { "shopify_id": "12345", "lifetime_value": 8742.00 }
  }"#;
    bundle
        .call_raw("create-contact", body)
        .await
        .is(
            201,
            r#"{"id":"<id>","phone":"+14155550123","name":"Romain","email":"romain@example.com","tags":["vip","fr-FR"],"created_at":"<time>"}"#,
        )
        .has("content-type", "application/json")
        .has("x-contact-outcome", "created");
    bundle.call("get-contact", json!({ "phone": "+14155550123" })).await.is(
        200,
        r#"{"id":"<id>","phone":"+14155550123","name":"Romain","email":"romain@example.com","source":"api","locale":null,"metadata":{"shopify_id":"12345","lifetime_value":8742.00},"tags":["vip","fr-FR"],"opted_in_at":null,"opted_out_at":null,"last_message_at":null,"total_messages":0,"created_at":"<time>"}"#,
    );
}

#[tokio::test]
async fn only_the_phone_is_required() {
    let bundle = Bundle::start().await;
    bundle
        .call("create-contact", json!({ "phone": "00 1 (415) 555-0123" }))
        .await
        .is(201, r#"{"id":"<id>","phone":"+14155550123","name":null,"email":null,"tags":[],"created_at":"<time>"}"#);
    bundle.call("get-contact", json!({ "phone": "+14155550123" })).await.is(
        200,
        r#"{"id":"<id>","phone":"+14155550123","name":null,"email":null,"source":"api","locale":null,"metadata":{},"tags":[],"opted_in_at":null,"opted_out_at":null,"last_message_at":null,"total_messages":0,"created_at":"<time>"}"#,
    );
}

#[tokio::test]
async fn an_upsert_replaces_given_fields_and_keeps_the_others() {
    let bundle = Bundle::start().await;
    let phone = "+14155550123";
    let first = json!({ "phone": phone, "name": "Jane", "email": "j@example.com", "tags": "a,b", "metadata": { "x": 1, "y": 2 } });
    let created = bundle.call("create-contact", first.clone()).await;
    let answer = |name: &str, email: &str, tags: &str| {
        format!(
            r#"{{"id":"<id>","phone":"{phone}","name":{name},"email":{email},"tags":{tags},"created_at":"<time>"}}"#
        )
    };
    bundle
        .call("create-contact", first)
        .await
        .is(201, &answer("\"Jane\"", "\"j@example.com\"", r#"["a","b"]"#))
        .has("x-contact-outcome", "unchanged");
    bundle
        .call("create-contact", json!({ "phone": phone, "name": "Janet", "tags": "c" }))
        .await
        .is(201, &answer("\"Janet\"", "\"j@example.com\"", r#"["c"]"#))
        .has("x-contact-outcome", "updated");
    // Metadata is replaced as a whole; empty fields are cleared.
    bundle
        .call("create-contact", json!({ "phone": phone, "name": "", "email": "", "tags": "", "metadata": { "z": 3 } }))
        .await
        .is(201, &answer("null", "null", "[]"));
    let found = bundle.call("get-contact", json!({ "phone": phone })).await.json();
    assert_eq!(found["metadata"], json!({ "z": 3 }));
    assert_eq!(found["id"], created.json()["id"]);
    assert_eq!(found["created_at"], created.json()["created_at"]);
}

/// WhatsApp spells some numbers in two ways. The contact keeps the spelling that was given first.
#[tokio::test]
async fn every_spelling_of_a_number_is_the_same_contact() {
    let bundle = Bundle::start().await;
    for (first, second) in [
        ("+55 11 98765-4321", "+551187654321"),
        ("+5215512345678", "+525512345678"),
        ("+5491123456789", "+541123456789"),
    ] {
        let one = bundle.call("create-contact", json!({ "phone": first, "name": "One" })).await;
        let other = bundle.call("create-contact", json!({ "phone": second, "name": "Other" })).await;
        other.has("x-contact-outcome", "updated");
        assert_eq!((one.id(), &one.json()["phone"]), (other.id(), &other.json()["phone"]));
        let found = bundle.call("get-contact", json!({ "phone": second })).await;
        assert_eq!((found.id(), found.json()["name"].as_str()), (one.id(), Some("Other")));
    }
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("id").len(), 3);

    for (one, other) in [("+551133334444", "+5511933334444"), ("+14155550123", "+114155550123")] {
        let one = bundle.call("create-contact", json!({ "phone": one })).await.id();
        assert_ne!(one, bundle.call("create-contact", json!({ "phone": other })).await.id());
    }
}

#[tokio::test]
async fn metadata_keeps_the_spelling_of_numbers_and_keys() {
    let bundle = Bundle::start().await;
    let metadata = r#"{"lifetime_value":8742.00,"big":123456789012345678901234567890,"z":{"b":1e5,"a":[null,"é\n"]}}"#;
    let body = format!(r#"{{"phone": "+14155550123", "metadata": {metadata} }}"#);
    bundle.call_raw("create-contact", body).await.has("x-contact-outcome", "created");
    let found = bundle.call("get-contact", json!({ "phone": "+14155550123" })).await;
    assert!(found.body.contains(&format!(r#""metadata":{metadata},"#)), "{}", found.body);
}
