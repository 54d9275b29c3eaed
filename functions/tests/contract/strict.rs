//! `Prefer: handling=strict` (RFC 7240): fields that an endpoint does not know are errors that name the nearest known one.

use serde_json::{Value, json};

use crate::support::{Bundle, Reply, actions, invalid};

const STRICT: &str = "handling=strict";

/// A request as tables write it, with the header `Prefer`.
async fn ask(bundle: &Bundle, request: &str, prefer: &str, body: &Value) -> Reply {
    let (method, path) = request.split_once(' ').unwrap();
    let token = if path.starts_with("/contact") { "Bearer fiq_demo" } else { "Bearer demo-token" };
    let body = if method == "GET" { String::new() } else { body.to_string() };
    bundle.request(method, path, &[("authorization", token), ("prefer", prefer)], body).await
}

#[track_caller]
fn is_applied(reply: &Reply) -> bool {
    reply.headers.get("preference-applied").is_some_and(|value| value == STRICT)
}

/// Every action, with all the fields that it knows and with one that it does not.
#[tokio::test]
async fn unknown_fields_are_invalid() {
    let bundle = Bundle::start().await;
    let key = json!({ "contact_id": "", "phone": "+14155550123" });
    let with = |rest: Value| {
        let mut body = key.clone();
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        body
    };
    let written =
        json!({ "name": "Jane", "email": "jane@example.com", "tags": "vip", "metadata": { "any": { "x": 1 } } });
    let mut creation = with(written.clone());
    creation.as_object_mut().unwrap().remove("contact_id");
    let cases = [
        ("create-contact", creation, "contact_id", "name"),
        ("batch-upsert-contacts", json!({ "contacts": [{ "phone": "+14155550123" }] }), "contact", "contacts"),
        ("get-contact", with(json!({ "email": "jane@example.com" })), "emails", "email"),
        ("update-contact", with(written), "first_name", "name"),
        ("search-contacts", json!({ "query": "jane", "tag": "vip", "email": "" }), "tags", "tag"),
        ("add-tag", with(json!({ "tag": "new" })), "Tag", "tag"),
        ("remove-tag", with(json!({ "tag": "new" })), "contactId", "contact_id"),
        ("list-tags", json!({ "name": "new" }), "Name", "name"),
        ("delete-contact", key.clone(), "telephone", "phone"),
    ];
    let mut called: Vec<&str> = cases.iter().map(|(action, ..)| *action).collect();
    called.sort_unstable();
    let mut all = actions();
    all.sort_unstable();
    assert_eq!(called, all);
    for (action, body, unknown, nearest) in cases {
        let request = format!("POST /api/v1/actions/{action}");
        let mut more = body.clone();
        more[unknown] = json!(null);
        let refused = ask(&bundle, &request, STRICT, &more).await;
        let message = format!("The {unknown} field is unknown; the nearest known name is {nearest}.");
        refused.is(422, &invalid(unknown, &message));
        assert!(is_applied(&refused), "{action}");
        let known = ask(&bundle, &request, STRICT, &body).await;
        assert!(known.status < 300 && is_applied(&known), "{action}: {known:?}");
        if action == "delete-contact" {
            continue;
        }
        for prefer in ["handling=lenient", "return=minimal"] {
            let ignored = ask(&bundle, &request, prefer, &more).await;
            assert!(ignored.status < 300 && !is_applied(&ignored), "{action}: {ignored:?}");
        }
    }
}

#[tokio::test]
async fn flowiq_rejects_unknown_fields_and_parameters_in_its_own_form() {
    let bundle = Bundle::start().await;
    let rejected = |message: &str| format!(r#"{{"success":false,"error":"Validation failed","message":"{message}"}}"#);
    let post = "POST /contact?tenantId=demo&x=1";
    let body = json!({ "phone_number": "27123456789", "name": "", "email": null, "tags": "" });
    let created = ask(&bundle, post, STRICT, &body).await;
    assert!(created.status == 201 && is_applied(&created), "{created:?}");
    let conflict = ask(&bundle, post, STRICT, &body).await;
    assert!(conflict.status == 409 && is_applied(&conflict), "{conflict:?}");
    let unknown = json!({ "phone_number": "27123456780", "phone": "27123456780", "tenantId": "demo" });
    let refused = ask(&bundle, post, STRICT, &unknown).await;
    refused.is(
        400,
        &rejected(
            "The phone field is unknown; the nearest known name is phone_number. The tenantId field is unknown; the nearest known name is email.",
        ),
    );
    assert!(is_applied(&refused));
    let get = "GET /contact?tenantId=demo&phone_number=27123456789&whatsapp_id=";
    let found = ask(&bundle, get, STRICT, &json!({})).await;
    assert!(found.status == 200 && is_applied(&found), "{found:?}");
    let refused = ask(&bundle, &format!("{get}&phoneNumber=1"), STRICT, &json!({})).await;
    refused.is(400, &rejected("The phoneNumber field is unknown; the nearest known name is phone_number."));
}

/// All violations are listed, the unknown fields last; errors that come after the input was checked say that it was
/// checked strictly, those that come before do not.
#[tokio::test]
async fn errors_say_whether_the_preference_was_applied() {
    let bundle = Bundle::start().await;
    let create = "POST /api/v1/actions/create-contact";
    let both = ask(&bundle, create, STRICT, &json!({ "fone": "+14155550123", "name": 5 })).await;
    both.is(
        422,
        r#"{"message":"The given data was invalid.","errors":{"phone":["The phone field is required."],"name":["The name must be a string."],"fone":["The fone field is unknown; the nearest known name is phone."]}}"#,
    );
    assert!(is_applied(&both));
    let nobody = ask(&bundle, "POST /api/v1/actions/get-contact", STRICT, &json!({ "phone": "+14155550123" })).await;
    assert!(nobody.status == 404 && is_applied(&nobody), "{nobody:?}");
    let malformed = ask(&bundle, create, STRICT, &json!([1])).await;
    assert!(malformed.status == 422 && !is_applied(&malformed), "{malformed:?}");
    for (token, status) in [("wrong", 401), ("orphan-token", 422)] {
        let headers = [("authorization", &*format!("Bearer {token}")), ("prefer", STRICT)];
        let reply = bundle.send("create-contact", &headers, "{}").await;
        assert!(reply.status == status && !is_applied(&reply), "{reply:?}");
    }
    let me = ask(&bundle, "GET /api/v1/me?x=1", STRICT, &json!({})).await;
    assert!(me.status == 200 && !is_applied(&me), "me has no input: {me:?}");
}

/// However many unknown fields there are and however long their names, the answer is small.
#[tokio::test]
async fn at_most_twenty_unknown_fields_are_listed() {
    let bundle = Bundle::start().await;
    let mut body = json!({ "phone": "+14155550123", "x".repeat(1_000_000): 1 });
    body.as_object_mut().unwrap().extend((0..30_000).map(|n| (format!("x{n}"), json!(n))));
    let refused = ask(&bundle, "POST /api/v1/actions/create-contact", STRICT, &body).await;
    assert_eq!((refused.status, refused.json()["errors"].as_object().unwrap().len()), (422, 20));
    assert!(refused.body.len() < 5_000);
    assert_eq!(bundle.call("search-contacts", json!({})).await.body, "[]");
}
