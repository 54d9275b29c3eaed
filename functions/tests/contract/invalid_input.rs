//! The contract's limits of every field: an invalid value gets a 422 that names the field, and changes nothing.
//! How bodies are read apart from that is in `all_endpoints.rs`; the inputs of `GET` and `POST /contact` are in
//! `flowiq.rs`.

use serde_json::{Value, json};

use crate::support::{Bundle, actions, invalid};

const MALFORMED: &str = r#"{"message":"Malformed JSON.","error":"Malformed JSON."}"#;

/// A bundle with one contact, and everything that the endpoints show of it.
async fn with_jane() -> (Bundle, String) {
    let bundle = Bundle::start().await;
    let jane = json!({ "phone": "+14155550123", "name": "Jane", "email": "jane@example.com", "tags": "vip", "metadata": { "x": 1 } });
    bundle.call("create-contact", jane).await;
    let jane = shown(&bundle).await;
    (bundle, jane)
}

/// Everything that the endpoints show of the contact.
async fn shown(bundle: &Bundle) -> String {
    let list = bundle.call("search-contacts", json!({})).await.body;
    list + &bundle.call("get-contact", json!({ "phone": "+14155550123" })).await.body
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_malformed() {
    let (bundle, jane) = with_jane().await;
    let bodies: [Vec<u8>; 11] = [
        b"{".into(),
        b"{\"phone\":".into(),
        b"nonsense".into(),
        b"[1]".into(),
        b"[1, 2]".into(),
        b"[{}]".into(),
        b"null".into(),
        b"\"+14155550123\"".into(),
        b"{\"phone\": \"+14155550123\", \"name\": \"a\0b\"}".into(),
        b"{\"phone\": \"+14155550123\", \"name\": \"\xff\xfe\"}".into(),
        vec![b'x'; 5_000_000],
    ];
    for action in actions() {
        for body in &bodies {
            bundle.call_raw(action, body.clone()).await.is(422, MALFORMED);
        }
    }
    assert_eq!(shown(&bundle).await, jane);
}

/// Each field that `create-contact` and `update-contact` write, together with a valid phone.
#[tokio::test]
async fn an_invalid_value_is_not_written() {
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
    assert_eq!(shown(&bundle).await, jane);
    let largest = json!({ "phone": "+14155550123", "name": "é".repeat(255), "metadata": { "a": "x".repeat(65_528) } });
    assert_eq!(bundle.call("create-contact", largest).await.status, 201);
}

/// Each field that selects a contact, and each filter of a search.
#[tokio::test]
async fn an_invalid_value_finds_nothing() {
    let (bundle, jane) = with_jane().await;
    let phone = "The phone must be in international format, starting with +.";
    let length = "The phone must have 7 to 15 digits, without an extension.";
    let id = "The contact id must be a valid UUID.";
    for (field, value, text) in [
        ("phone", json!("14155550123"), phone),
        ("phone", json!("+0123456789"), phone),
        ("phone", json!("call me"), phone),
        ("phone", json!("+".repeat(5_000_000)), length),
        ("phone", json!("+1 4155"), length),
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
    assert_eq!(shown(&bundle).await, jane);
}

#[tokio::test]
async fn all_invalid_fields_are_listed() {
    let bundle = Bundle::start().await;
    bundle
        .check_cases(&[(
            "a required field is missing and others are invalid",
            "create-contact",
            r#"{"name":5,"email":"nobody","metadata":"x"}"#,
            422,
            r#"{"message":"The given data was invalid.","errors":{"phone":["The phone field is required."],"name":["The name must be a string."],"email":["The email must be a valid email address."],"metadata":["The metadata must be an object."]}}"#,
        )])
        .await;
    bundle.call("create-contact", json!({ "email": "nobody", "name": 5, "metadata": [1], "tags": {} })).await.is(
        422,
        r#"{"message":"The given data was invalid.","errors":{"phone":["The phone field is required."],"name":["The name must be a string."],"email":["The email must be a valid email address."],"tags":["The tags must be a string."],"metadata":["The metadata must be an object."]}}"#,
    );
    assert_eq!(bundle.call("search-contacts", json!({})).await.body, "[]");
}

/// The fields of `add-tag` and `remove-tag`.
#[tokio::test]
async fn an_invalid_tag_is_neither_added_nor_removed() {
    let (bundle, jane) = with_jane().await;
    let phone = "+14155550123";
    let tag_cases = [
        (json!(null), "The tag field is required."),
        (json!(""), "The tag field is required."),
        (json!("  "), "The tag field is required."),
        (json!("a,b"), "The tag must not contain a comma."),
        (json!(["vip"]), "The tag must be a string."),
        (json!("x".repeat(101)), "The tag must not be greater than 100 characters."),
        (json!("a\u{7}"), "The tag must not contain control characters."),
    ];
    for action in ["add-tag", "remove-tag"] {
        let required = invalid("tag", "The tag field is required.");
        bundle.call(action, json!({ "phone": phone })).await.is(422, &required);
        for (tag, text) in &tag_cases {
            bundle.call(action, json!({ "phone": phone, "tag": tag })).await.is(422, &invalid("tag", text));
        }
        let neither = r#"{"error":"Neither contact_id nor phone provided"}"#;
        bundle.call(action, json!({ "tag": "vip" })).await.is(422, neither);
        let not_an_id = invalid("contact_id", "The contact id must be a valid UUID.");
        for id in ["x", "01J1Y..."] {
            bundle.call(action, json!({ "contact_id": id, "tag": "vip" })).await.is(422, &not_an_id);
        }
    }
    assert_eq!(shown(&bundle).await, jane);
    assert_eq!(bundle.call("list-tags", json!({})).await.each("name"), ["vip"], "a rejected call defines no tag");
}
