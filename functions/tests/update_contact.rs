//! `POST /api/v1/actions/update-contact`

use serde_json::json;

use crate::support::Bundle;

/// The page's own sample.
#[tokio::test]
async fn sample() {
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
async fn only_what_is_given() {
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
async fn the_id_decides_and_the_phone_is_never_written() {
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
async fn neither_and_unknown() {
    let bundle = Bundle::start().await;
    for body in [json!({}), json!({ "name": "Jane", "phone": "", "contact_id": null })] {
        bundle.call("update-contact", body).await.is(422, r#"{"error":"Neither contact_id nor phone provided"}"#);
    }
    for by in [
        json!({ "phone": "+14155550123", "name": "Jane" }),
        json!({ "contact_id": "01890a5d-ac96-774b-bcce-b302099a8057", "tags": "vip" }),
    ] {
        bundle.call("update-contact", by).await.is(404, r#"{"error":"Contact not found"}"#);
    }
    assert_eq!(bundle.call("search-contacts", json!({})).await.body, "[]");
}

#[tokio::test]
async fn what_changes_nothing_is_no_change() {
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
async fn a_merge_past_the_limit_changes_nothing() {
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

/// More brand-new tags than fit into one transaction beside what else changes.
#[tokio::test]
async fn a_full_list_of_tags_is_replaced_by_another() {
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
