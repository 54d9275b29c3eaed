//! The contract, section 1: what is common to every endpoint of Qyvo's, and the values.
//!
//! Its rules about 429 and the rate headers are in `quotas`, about 5xx in `faults`, and each limit of
//! each field in `bad_input`.

use serde_json::json;

use crate::support::{ACTIONS, Bundle};

const UNKNOWN: &str = r#"{"message":"Unauthenticated."}"#;
const NO_WORKSPACE: &str = r#"{"error":"No workspace configured for this account."}"#;
const NOBODY: &str = r#"{"error":"Contact not found"}"#;
const MALFORMED: &str = r#"{"message":"Malformed JSON.","error":"Malformed JSON."}"#;
const NO_PHONE: &str =
    r#"{"message":"The given data was invalid.","errors":{"phone":["The phone field is required."]}}"#;
const NO_NUMBER: &str = r#"{"message":"The given data was invalid.","errors":{"phone":["The phone must be in international format, starting with +."]}}"#;
const NO_ID: &str =
    r#"{"message":"The given data was invalid.","errors":{"contact_id":["The contact id must be a valid UUID."]}}"#;
const NO_PATH: &str = r#"{"message":"Not Found.","error":"Not Found."}"#;
const NO_VERB: &str = r#"{"message":"Method Not Allowed.","error":"Method Not Allowed."}"#;

/// What create-contact answers about a contact of which only this is known.
fn created(phone: &str, name: &str) -> String {
    format!(r#"{{"id":"<id>","phone":"{phone}","name":{name},"email":null,"tags":[],"created_at":"<time>"}}"#)
}

#[tokio::test]
async fn who_calls() {
    let bundle = Bundle::start().await;
    for action in ACTIONS {
        let ask = |token| format!("{action} {token}");
        bundle
            .holds(&[
                ("401, token missing", &ask("-"), "{}", 401, UNKNOWN),
                ("401, token wrong", &ask("wrong"), "{}", 401, UNKNOWN),
                ("401 before 422", &ask("wrong"), "nonsense", 401, UNKNOWN),
                ("no tenant", &ask("orphan-token"), "{}", 422, NO_WORKSPACE),
                ("no tenant, before the body is looked at", &ask("orphan-token"), "nonsense", 422, NO_WORKSPACE),
                ("a token may be of either dialect's spelling", &ask("fiq_demo"), "nonsense", 422, MALFORMED),
            ])
            .await;
    }
    bundle
        .holds(&[
            ("401 of /me", "GET /api/v1/me -", "", 401, UNKNOWN),
            ("401 of /me", "GET /api/v1/me wrong", "", 401, UNKNOWN),
            (
                "/me answers without a tenant",
                "GET /api/v1/me orphan-token",
                "",
                200,
                r#"{"id":1,"email":"user@example.com","name":null,"tenant":null}"#,
            ),
        ])
        .await;
}

#[tokio::test]
async fn what_is_answered() {
    let bundle = Bundle::start().await;
    bundle
        .holds(&[
            ("lists: [] when empty", "search-contacts", "{}", 200, "[]"),
            ("lists: [] when empty", "list-tags", "{}", 200, "[]"),
            ("422 comes before 404", "get-contact", r#"{"phone":"14155550123"}"#, 422, NO_NUMBER),
            ("404", "get-contact", r#"{"phone":"+14155550123"}"#, 404, NOBODY),
            ("404", "update-contact", r#"{"phone":"+14155550123"}"#, 404, NOBODY),
            ("422 validation", "create-contact", "{}", 422, NO_PHONE),
            (
                "422, every failing field listed",
                "create-contact",
                r#"{"name":5,"email":"nobody","metadata":"x"}"#,
                422,
                r#"{"message":"The given data was invalid.","errors":{"phone":["The phone field is required."],"name":["The name must be a string."],"email":["The email must be a valid email address."],"metadata":["The metadata must be an object."]}}"#,
            ),
            (
                "422 business rule",
                "get-contact",
                "{}",
                422,
                r#"{"error":"None of contact_id, phone, email provided"}"#,
            ),
        ])
        .await;
    let created = bundle.call("create-contact", json!({ "phone": "+14155550123" })).await;
    let id = created.id();
    assert_eq!(id, id.to_lowercase());
    let found = format!(
        r#"[{{"id":"{id}","phone":"+14155550123","name":null,"email":null,"source":"api","tags":[],"last_message_at":null,"created_at":{}}}]"#,
        created.json()["created_at"]
    );
    assert_eq!(bundle.call("search-contacts", json!({})).await.body, found, "lists are bare arrays");
    let upper = json!({ "contact_id": id.to_uppercase() });
    assert_eq!(bundle.call("get-contact", upper).await.id(), id, "ids: any case in, lower case out");
    let elsewhere = bundle.call_as("acme-token", "get-contact", json!({ "contact_id": id })).await;
    elsewhere.is(404, NOBODY);
    // 2026-05-07T08:14:23+00:00
    let time = created.json()["created_at"].as_str().unwrap().to_owned();
    assert!(time.len() == 25 && time.ends_with("+00:00"), "{time}");
}

#[tokio::test]
async fn how_a_body_is_read() {
    let bundle = Bundle::start().await;
    let jane = created("+14155550123", r#""Jane""#);
    let nameless = created("+14155550123", "null");
    bundle
        .holds(&[
            ("strings are trimmed", "create-contact", r#"{"phone":" +14155550123\t","name":"  Jane "}"#, 201, &jane),
            ("unknown fields are ignored", "create-contact", r#"{"phone":"+14155550123","x":{"phone":5}}"#, 201, &jane),
            ("\"\" and null are the same", "create-contact", r#"{"phone":"+14155550123","name":null}"#, 201, &nameless),
            ("\"\" and null are the same", "create-contact", r#"{"phone":""}"#, 422, NO_PHONE),
            (
                "wrong JSON type, no coercion",
                "get-contact",
                r#"{"phone":14155550123}"#,
                422,
                r#"{"message":"The given data was invalid.","errors":{"phone":["The phone must be a string."]}}"#,
            ),
            (
                "wrong JSON type, no coercion",
                "create-contact",
                r#"{"phone":"+14155550123","metadata":[1]}"#,
                422,
                r#"{"message":"The given data was invalid.","errors":{"metadata":["The metadata must be an object."]}}"#,
            ),
            ("no body is {}", "create-contact", "", 422, NO_PHONE),
            ("[] is {}", "create-contact", "[]", 422, NO_PHONE),
            ("malformed JSON", "create-contact", "{\"phone\":", 422, MALFORMED),
            ("JSON that is no object", "create-contact", r#""+14155550123""#, 422, MALFORMED),
            ("JSON that is no object", "create-contact", "[1]", 422, MALFORMED),
            (
                "control characters",
                "create-contact",
                r#"{"phone":"+14155550123","name":"a\u0000b"}"#,
                422,
                r#"{"message":"The given data was invalid.","errors":{"name":["The name must not contain control characters."]}}"#,
            ),
            ("malformed UUID", "get-contact", r#"{"contact_id":"01J1Y..."}"#, 422, NO_ID),
            ("malformed UUID", "add-tag", r#"{"contact_id":"01J1Y...","tag":"vip"}"#, 422, NO_ID),
        ])
        .await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let headers = [("authorization", "Bearer demo-token"), ("content-type", content_type)];
        let reply = bundle.send("get-contact", &headers, r#"{"phone":"+14155550123"}"#).await;
        assert_eq!(reply.status, 200, "the content type is not required: {content_type}");
    }
}

#[tokio::test]
async fn values() {
    let bundle = Bundle::start().await;
    let cases = [
        ("phone: separators are stripped", r#""+1 (415) 555-0123""#, Some("+14155550123")),
        ("phone: no-break space, dot and slash too", r#""+1\u00a0415.555/0123""#, Some("+14155550123")),
        ("phone: 00 is +", r#""001 415 555 0123""#, Some("+14155550123")),
        ("phone: seven digits", r#""+1234567""#, Some("+1234567")),
        ("phone: fifteen digits", r#""+123456789012345""#, Some("+123456789012345")),
        ("phone: six digits", r#""+123456""#, None),
        ("phone: sixteen digits", r#""+1234567890123456""#, None),
        ("phone: digits without + are refused", r#""14155550123""#, None),
        ("phone: no country begins with 0", r#""+0155550123""#, None),
        ("phone: other digits are none", r#""+١٤١٥٥٥٥٠١٢٣""#, None),
    ];
    for (rule, given, phone) in cases {
        let (status, answer) = phone.map_or((422, NO_NUMBER.to_owned()), |phone| (201, created(phone, "null")));
        bundle.holds(&[(rule, "create-contact", &format!(r#"{{"phone":{given}}}"#), status, &answer)]).await;
        // Look-ups read a phone alike.
        let status = if phone.is_some() { 200 } else { 422 };
        let found = bundle.ask("get-contact", &format!(r#"{{"phone":{given}}}"#)).await;
        assert_eq!(found.status, status, "{rule}");
    }
    let tagged = |tags: &str, shown: &str| {
        let body = json!({ "phone": "+5511987654321", "tags": tags }).to_string();
        let answer = format!(
            r#"{{"id":"<id>","phone":"+5511987654321","name":null,"email":null,"tags":{shown},"created_at":"<time>"}}"#
        );
        (body, answer)
    };
    for (rule, tags, shown) in [
        ("tags: split, trimmed, empties and repeats dropped", " vip,, fr-FR ,vip,", r#"["vip","fr-FR"]"#),
        ("tags: case-sensitive", "VIP,vip", r#"["VIP","vip"]"#),
        ("tags: nothing but empties", " , ,", "[]"),
    ] {
        let (body, answer) = tagged(tags, shown);
        bundle.holds(&[(rule, "create-contact", &body, 201, &answer)]).await;
    }
    // Phone identity: the spelling first given is the one shown.
    let first = bundle.call("get-contact", json!({ "phone": "+5511987654321" })).await;
    for spelling in ["+551187654321", "+55 (11) 8765-4321"] {
        assert_eq!(bundle.call("get-contact", json!({ "phone": spelling })).await.body, first.body);
    }
    // Metadata keeps the spelling of numbers, and is {} when empty.
    for (given, kept) in
        [(r#"{"a":8742.00,"b":1e2}"#, r#""metadata":{"a":8742.00,"b":1e2}"#), ("{}", r#""metadata":{}"#)]
    {
        bundle.call_raw("create-contact", format!(r#"{{"phone":"+5511987654321","metadata":{given}}}"#)).await;
        let found = bundle.call("get-contact", json!({ "phone": "+5511987654321" })).await.body;
        assert!(found.contains(kept), "{found}");
    }
}

#[tokio::test]
async fn other_paths_and_verbs() {
    let bundle = Bundle::start().await;
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/actions",
        "/api/v1/actions/delete-contact",
        "/api/v1/me/",
        "/contacts",
        "/api/v1/actions/get-contact/",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            // No token is needed to hear that there is nothing.
            bundle.holds(&[("unknown path", &format!("{method} {path} -"), "{}", 404, NO_PATH)]).await;
        }
    }
    for (path, allow) in ACTIONS.map(|action| (format!("/api/v1/actions/{action}"), "POST")).into_iter().chain(
        [
            ("/api/v1/me", "GET"),
            ("/contact", "GET, POST"),
            ("/api/v1/openapi.yaml", "GET"),
            ("/api/v1/openapi.json", "GET"),
        ]
        .map(|(path, allow)| (path.to_owned(), allow)),
    ) {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] {
            if allow.contains(method) {
                continue;
            }
            let reply = bundle.ask(&format!("{method} {path} -"), "").await;
            // What is answered to HEAD has no body, by HTTP's own rule.
            reply.is(405, if method == "HEAD" { "" } else { NO_VERB }).has("allow", allow);
        }
    }
}

#[tokio::test]
async fn every_answer_has_an_id() {
    let bundle = Bundle::start().await;
    let ask = async |method: &str, path: &str, id: Option<&str>| {
        let mut headers = vec![("authorization", "Bearer demo-token")];
        headers.extend(id.map(|id| ("x-request-id", id)));
        let reply = bundle.request(method, path, &headers, "{}").await;
        reply.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    let requests = [
        ("POST", "/api/v1/actions/search-contacts"),
        ("POST", "/api/v1/actions/get-contact"),
        ("GET", "/api/v1/me"),
        ("GET", "/contact?tenantId=demo"),
        ("GET", "/api/v1/openapi.json"),
        ("GET", "/nowhere"),
        ("DELETE", "/contact"),
    ];
    for (method, path) in requests {
        for own in ["a", "order-17.retry_2", "01890A5D-ac96-774b-bcce-b302099a8057", &"x".repeat(128)] {
            assert_eq!(ask(method, path, Some(own)).await, own);
        }
        let mut given = vec![ask(method, path, None).await];
        for odd in ["", " ", "a b", "jane@example.com", "\"quoted\"", "é", "+14155550123", &"x".repeat(129)] {
            given.push(ask(method, path, Some(odd)).await);
        }
        for id in &given {
            assert!(id.len() == 36 && uuid::Uuid::try_parse(id).is_ok(), "{method} {path}: {id}");
        }
        let different: std::collections::HashSet<_> = given.iter().collect();
        assert_eq!(different.len(), given.len());
    }
    let log = bundle.stop().await;
    let ids: Vec<String> = log
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["span"]["request_id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), requests.len() * 13);
    assert_eq!(ids.iter().filter(|id| *id == "order-17.retry_2").count(), requests.len());
}
