//! Bad input: a clear error that names the field, and nothing changed.

use serde_json::{Value, json};

use crate::support::{ACTIONS, Bundle};

const MALFORMED: &str = r#"{"message":"Malformed JSON.","error":"Malformed JSON."}"#;

fn invalid(field: &str, text: &str) -> String {
    format!(r#"{{"message":"The given data was invalid.","errors":{{"{field}":["{text}"]}}}}"#)
}

/// A bundle with one contact, and what it looks like.
async fn with_jane() -> (Bundle, String) {
    let bundle = Bundle::start().await;
    let jane = json!({ "phone": "+14155550123", "name": "Jane", "email": "jane@example.com", "tags": "vip", "metadata": { "x": 1 } });
    bundle.call("create-contact", jane).await;
    let jane = everything(&bundle).await;
    (bundle, jane)
}

async fn everything(bundle: &Bundle) -> String {
    let list = bundle.call("search-contacts", json!({})).await.body;
    list + &bundle.call("get-contact", json!({ "phone": "+14155550123" })).await.body
}

#[tokio::test]
async fn bodies_that_are_no_json_object() {
    let (bundle, jane) = with_jane().await;
    let bodies: [Vec<u8>; 9] = [
        b"{".into(),
        b"nonsense".into(),
        b"[1, 2]".into(),
        b"[{}]".into(),
        b"null".into(),
        b"\"+14155550123\"".into(),
        b"{\"phone\": \"+14155550123\", \"name\": \"a\0b\"}".into(),
        b"{\"phone\": \"+14155550123\", \"name\": \"\xff\xfe\"}".into(),
        vec![b'x'; 5_000_000],
    ];
    for action in ACTIONS {
        for body in &bodies {
            bundle.call_raw(action, body.clone()).await.is(422, MALFORMED);
        }
    }
    assert_eq!(everything(&bundle).await, jane);
}

/// What `create-contact` and `update-contact` refuse of one field, beside a good phone.
#[tokio::test]
async fn fields_that_are_written() {
    let (bundle, jane) = with_jane().await;
    let many_tags = (0..46).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let cases: Vec<(&str, Value, &str)> = vec![
        ("name", json!(5), "The name must be a string."),
        ("name", json!(["Jane"]), "The name must be a string."),
        ("name", json!(true), "The name must be a string."),
        ("name", json!({}), "The name must be a string."),
        ("name", json!("x".repeat(256)), "The name must not be greater than 255 characters."),
        ("name", json!("x".repeat(5_000_000)), "The name must not be greater than 255 characters."),
        ("name", json!("Ja\0ne"), "The name must not contain control characters."),
        ("name", json!("Ja\nne"), "The name must not contain control characters."),
        ("email", json!("nobody"), "The email must be a valid email address."),
        ("email", json!("a@b@example.com"), "The email must be a valid email address."),
        ("email", json!("jane@exa\0mple.com"), "The email must not contain control characters."),
        ("email", json!(1.5), "The email must be a string."),
        (
            "email",
            json!(format!("{}@example.com", "x".repeat(250))),
            "The email must not be greater than 255 characters.",
        ),
        ("tags", json!(["vip"]), "The tags must be a string."),
        ("tags", json!(many_tags), "The tags must not have more than 45 items."),
        ("tags", json!("x".repeat(101)), "The tags must not have items greater than 100 characters."),
        ("tags", json!("a\0b"), "The tags must not contain control characters."),
        ("metadata", json!("x"), "The metadata must be an object."),
        ("metadata", json!([1]), "The metadata must be an object."),
        ("metadata", json!(5), "The metadata must be an object."),
        ("metadata", json!({ "a": "x".repeat(65_529) }), "The metadata must not be greater than 65536 bytes."),
        ("metadata", json!({ "a": "x".repeat(5_000_000) }), "The metadata must not be greater than 65536 bytes."),
    ];
    for action in ["create-contact", "update-contact"] {
        for (field, value, text) in &cases {
            let body = json!({ "phone": "+14155550123", *field: value });
            bundle.call(action, body).await.is(422, &invalid(field, text));
        }
    }
    assert_eq!(everything(&bundle).await, jane);
    let largest = json!({ "phone": "+14155550123", "name": "é".repeat(255), "metadata": { "a": "x".repeat(65_528) } });
    assert_eq!(bundle.call("create-contact", largest).await.status, 201);
}

/// What every endpoint that looks a contact up refuses.
#[tokio::test]
async fn fields_that_are_looked_up() {
    let (bundle, jane) = with_jane().await;
    let phone = "The phone must be in international format, starting with +.";
    let id = "The contact id must be a valid UUID.";
    for (field, value, text) in [
        ("phone", json!("14155550123"), phone),
        ("phone", json!("+0123456789"), phone),
        ("phone", json!("call me"), phone),
        ("phone", json!("+".repeat(5_000_000)), phone),
        ("phone", json!(14155550123_u64), "The phone must be a string."),
        ("phone", json!(["+14155550123"]), "The phone must be a string."),
        ("phone", json!("+1415555\u{0}0123"), "The phone must not contain control characters."),
    ] {
        for action in ["create-contact", "get-contact", "update-contact"] {
            bundle.call(action, json!({ field: value })).await.is(422, &invalid(field, text));
        }
    }
    for (field, value, text) in [
        ("contact_id", json!("01J1Y..."), id),
        ("contact_id", json!("8c1d5f5e3b0a5c8e9d5a0a1b2c3d4e5f"), id),
        ("contact_id", json!(5), "The contact id must be a string."),
    ] {
        for action in ["get-contact", "update-contact"] {
            bundle.call(action, json!({ field: value })).await.is(422, &invalid(field, text));
        }
    }
    for (field, value, text) in [
        ("email", json!("nobody"), "The email must be a valid email address."),
        ("email", json!({}), "The email must be a string."),
    ] {
        for action in ["get-contact", "search-contacts"] {
            bundle.call(action, json!({ field: value })).await.is(422, &invalid(field, text));
        }
    }
    for (field, value, text) in [
        ("query", json!(5), "The query must be a string."),
        ("query", json!("a\0"), "The query must not contain control characters."),
        ("tag", json!(["vip"]), "The tag must be a string."),
        ("tag", json!("a\0"), "The tag must not contain control characters."),
    ] {
        bundle.call("search-contacts", json!({ field: value })).await.is(422, &invalid(field, text));
    }
    assert_eq!(everything(&bundle).await, jane);
}

#[tokio::test]
async fn everything_wrong_is_said_at_once() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "email": "nobody", "name": 5, "metadata": [1], "tags": {} })).await.is(
        422,
        r#"{"message":"The given data was invalid.","errors":{"phone":["The phone field is required."],"name":["The name must be a string."],"email":["The email must be a valid email address."],"tags":["The tags must be a string."],"metadata":["The metadata must be an object."]}}"#,
    );
    for body in ["", "{}", "[]", r#"{"phone":null}"#, r#"{"phone":"  "}"#] {
        let reply = bundle.call_raw("create-contact", body).await;
        reply.is(422, &invalid("phone", "The phone field is required."));
    }
    assert_eq!(bundle.call("search-contacts", json!({})).await.body, "[]");
}

/// What is not asked for is not looked at, and the content type is not either.
#[tokio::test]
async fn what_is_not_refused() {
    let bundle = Bundle::start().await;
    bundle
        .call("create-contact", json!({ "phone": "+14155550101", "contact_id": 5, "tag": [1], "id": {} }))
        .await
        .is(201, r#"{"id":"<id>","phone":"+14155550101","name":null,"email":null,"tags":[],"created_at":"<time>"}"#);
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"] {
        let headers = [("authorization", "Bearer demo-token"), ("content-type", content_type)];
        let reply = bundle.send("create-contact", &headers, r#"{"phone":"+14155550101","name":"É"}"#).await;
        assert_eq!((reply.status, &reply.json()["name"]), (201, &json!("É")), "{content_type}");
    }
}
