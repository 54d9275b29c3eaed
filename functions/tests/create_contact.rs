//! `POST /api/v1/actions/create-contact`

use serde_json::json;

use crate::support::Bundle;

/// The page's own sample.
#[tokio::test]
async fn sample() {
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
async fn a_phone_is_enough() {
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
async fn a_second_call_changes_what_it_gives_and_keeps_the_rest() {
    let bundle = Bundle::start().await;
    let phone = "+14155550123";
    let first = json!({ "phone": phone, "name": "Jane", "email": "j@example.com", "tags": "a,b", "metadata": { "x": 1, "y": 2 } });
    let created = bundle.call("create-contact", first.clone()).await;
    let known = |name: &str, email: &str, tags: &str| {
        format!(
            r#"{{"id":"<id>","phone":"{phone}","name":{name},"email":{email},"tags":{tags},"created_at":"<time>"}}"#
        )
    };
    bundle
        .call("create-contact", first)
        .await
        .is(201, &known("\"Jane\"", "\"j@example.com\"", r#"["a","b"]"#))
        .has("x-contact-outcome", "unchanged");
    bundle
        .call("create-contact", json!({ "phone": phone, "name": "Janet", "tags": "c" }))
        .await
        .is(201, &known("\"Janet\"", "\"j@example.com\"", r#"["c"]"#))
        .has("x-contact-outcome", "updated");
    // Metadata is replaced as a whole; what is empty is cleared.
    bundle
        .call(
            "create-contact",
            json!({ "phone": phone, "name": "", "email": null, "tags": "", "metadata": { "z": 3 } }),
        )
        .await
        .is(201, &known("null", "null", "[]"));
    let found = bundle.call("get-contact", json!({ "phone": phone })).await.json();
    assert_eq!(found["metadata"], json!({ "z": 3 }));
    assert_eq!(found["id"], created.json()["id"]);
    assert_eq!(found["created_at"], created.json()["created_at"]);
}

/// WhatsApp spells some people's numbers in two ways. The first one given is the one kept.
#[tokio::test]
async fn one_person_is_one_contact_in_every_spelling() {
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
async fn metadata_keeps_its_spelling() {
    let bundle = Bundle::start().await;
    let metadata = r#"{"lifetime_value":8742.00,"big":123456789012345678901234567890,"z":{"b":1e5,"a":[null,"é\n"]}}"#;
    let body = format!(r#"{{"phone": "+14155550123", "metadata": {metadata} }}"#);
    bundle.call_raw("create-contact", body).await.has("x-contact-outcome", "created");
    let found = bundle.call("get-contact", json!({ "phone": "+14155550123" })).await;
    assert!(found.body.contains(&format!(r#""metadata":{metadata},"#)), "{}", found.body);
}
