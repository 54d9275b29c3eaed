//! `POST /api/v1/actions/update-contact`: its documented sample, partial updates, merges of metadata. Its 404 and 422
//! are in `contract/qyvo.rs`.

use serde_json::json;

use crate::support::Bundle;

#[tokio::test]
async fn the_documented_sample_works() {
    let bundle = Bundle::start().await;
    let created = json!({
        "phone": "+14155550123", "name": "Romain", "email": "romain@example.com", "tags": "vip",
        "metadata": { "lifetime_value": 8742.5, "shopify_id": "12345" }
    });
    bundle.call("create-contact", created).await;
    let body = r#"{
    "phone": "+14155550123",
    "metadata": { "lifetime_value": 9120.00 }
  }"#;
    bundle
        .call_raw("update-contact", body)
        .await
        .is(
            200,
            r#"{"id":"<id>","phone":"+14155550123","name":"Romain","email":"romain@example.com","tags":["vip"],"updated_at":"<time>"}"#,
        )
        .has("x-contact-outcome", "updated");
    let found = bundle.call("get-contact", json!({ "phone": "+14155550123" })).await;
    assert!(found.body.contains(r#""metadata":{"lifetime_value":9120.00,"shopify_id":"12345"}"#), "{}", found.body);
}

#[tokio::test]
async fn omitted_fields_keep_their_values() {
    let bundle = Bundle::start().await;
    let created = json!({ "phone": "+14155550123", "name": "Jane", "email": "j@example.com", "tags": "a, b", "metadata": { "x": { "y": 1 } } });
    let id = bundle.call("create-contact", created).await.id();
    for (change, name, email, tags) in [
        (json!({ "name": "Janet" }), "\"Janet\"", "\"j@example.com\"", r#"["a","b"]"#),
        (json!({ "tags": "b, c" }), "\"Janet\"", "\"j@example.com\"", r#"["b","c"]"#),
        (json!({ "email": "" }), "\"Janet\"", "null", r#"["b","c"]"#),
        (json!({ "tags": "", "name": null }), "null", "null", "[]"),
        (json!({ "metadata": { "x": { "z": 2 }, "n": null } }), "null", "null", "[]"),
    ] {
        let mut body = change.clone();
        body["contact_id"] = json!(id);
        let expected = format!(
            r#"{{"id":"<id>","phone":"+14155550123","name":{name},"email":{email},"tags":{tags},"updated_at":"<time>"}}"#
        );
        bundle.call("update-contact", body).await.is(200, &expected).has("x-contact-outcome", "updated");
    }
    let found = bundle.call("get-contact", json!({ "contact_id": id })).await.json();
    assert_eq!(found["metadata"], json!({ "x": { "z": 2 }, "n": null }));
}

#[tokio::test]
async fn contact_id_takes_precedence_and_the_phone_is_never_changed() {
    let bundle = Bundle::start().await;
    let one = bundle.call("create-contact", json!({ "phone": "+14155550101" })).await.id();
    bundle.call("create-contact", json!({ "phone": "+14155550102" })).await;
    let both = json!({ "contact_id": one, "phone": "+14155550102", "name": "One" });
    bundle
        .call("update-contact", both)
        .await
        .is(200, r#"{"id":"<id>","phone":"+14155550101","name":"One","email":null,"tags":[],"updated_at":"<time>"}"#);
    let other = bundle.call("get-contact", json!({ "phone": "+14155550102" })).await.json();
    assert!(other["name"].is_null());
}

#[tokio::test]
async fn an_update_without_effect_leaves_updated_at_unchanged() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let long_ago = |contact: &mut contacts::model::Contact| {
        contact.name = "Jane".parse().ok();
        contact.tags = "a".parse().unwrap();
        contact.metadata = contacts::model::Metadata::parse(r#"{"x":1.0}"#).unwrap();
        contact.updated_at = "2026-01-01T00:00:00+00:00".parse().unwrap();
    };
    bundle.put(&tenant, "+14155550123", long_ago).await;
    for change in [
        json!({}),
        json!({ "name": "Jane", "tags": "a, a" }),
        json!({ "metadata": {} }),
        json!({ "metadata": null }),
        json!({ "metadata": "" }),
        json!({ "metadata": { "x": 1.0 } }),
        json!({ "email": "" }),
        json!({ "locale": "fr", "created_at": "2020-01-01T00:00:00+00:00", "total_messages": 9 }),
    ] {
        let mut body = change.clone();
        body["phone"] = json!("+14155550123");
        let reply = bundle.call("update-contact", body).await;
        reply.has("x-contact-outcome", "unchanged");
        assert_eq!(reply.json()["updated_at"], "2026-01-01T00:00:00+00:00", "{change}");
    }
}

#[tokio::test]
async fn a_merge_beyond_64_kib_is_rejected() {
    let bundle = Bundle::start().await;
    let filled = |key: &str, bytes: usize| json!({ key: "x".repeat(bytes - 8) });
    let body = json!({ "phone": "+14155550123", "metadata": filled("a", 60_000) });
    assert_eq!(bundle.call("create-contact", body).await.status, 201);
    let before = bundle.call("get-contact", json!({ "phone": "+14155550123" })).await.body;
    let more = json!({ "phone": "+14155550123", "name": "Jane", "metadata": filled("b", 6_000) });
    bundle.call("update-contact", more).await.is(
        422,
        r#"{"message":"The given data was invalid.","errors":{"metadata":["The metadata must not be greater than 65536 bytes."]}}"#,
    );
    assert_eq!(bundle.call("get-contact", json!({ "phone": "+14155550123" })).await.body, before);
    let fits = json!({ "phone": "+14155550123", "metadata": filled("a", 65_536) });
    assert_eq!(bundle.call("update-contact", fits).await.status, 200);
}

/// Defining all new tags needs more writes than one transaction can hold.
#[tokio::test]
async fn forty_five_tags_are_replaced_by_forty_five_new_ones() {
    let bundle = Bundle::start().await;
    let list = |prefix: &str| (0..45).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
    let body = json!({ "phone": "+14155550123", "tags": list("old").join(",") });
    assert_eq!(bundle.call("create-contact", body).await.status, 201);
    let body = json!({ "phone": "+14155550123", "tags": list("new").join(","), "email": "a+1@example.com" });
    let reply = bundle.call("update-contact", body).await;
    assert_eq!((reply.status, &reply.json()["tags"]), (200, &json!(list("new"))));
    assert_eq!(bundle.call("search-contacts", json!({ "tag": "old7" })).await.body, "[]");
    assert_eq!(bundle.call("search-contacts", json!({ "tag": "new44" })).await.each("id").len(), 1);
}
