//! The contract's rules that hold for all of Qyvo's endpoints: the form of answers, how a body is read, the values of
//! fields, unknown paths and methods, request ids.
//!
//! Tokens and tenants are in `authentication.rs`, 429 and its headers in `rate_limit.rs`, 5xx in `dynamodb/faults.rs`,
//! and the limits of each field in `invalid_input.rs`.

use serde_json::json;

use crate::support::{Bundle, actions, invalid};

const NOT_FOUND: &str = r#"{"error":"Contact not found"}"#;
const UNKNOWN_PATH: &str = r#"{"message":"Not Found.","error":"Not Found."}"#;
const UNKNOWN_METHOD: &str = r#"{"message":"Method Not Allowed.","error":"Method Not Allowed."}"#;

/// The body of create-contact for a contact with this phone and name (in JSON) and nothing else.
fn created(phone: &str, name: &str) -> String {
    format!(r#"{{"id":"<id>","phone":"{phone}","name":{name},"email":null,"tags":[],"created_at":"<time>"}}"#)
}

#[tokio::test]
async fn answers_have_the_documented_form() {
    let bundle = Bundle::start().await;
    let not_a_phone = invalid("phone", "The phone must be in international format, starting with +.");
    bundle
        .check_cases(&[
            ("lists: [] when empty", "search-contacts", "{}", 200, "[]"),
            ("lists: [] when empty", "list-tags", "{}", 200, "[]"),
            ("422 comes before 404", "get-contact", r#"{"phone":"14155550123"}"#, 422, &not_a_phone),
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
    elsewhere.is(404, NOT_FOUND);
    // 2026-05-07T08:14:23+00:00
    let time = created.json()["created_at"].as_str().unwrap().to_owned();
    assert!(time.len() == 25 && time.ends_with("+00:00"), "{time}");
}

#[tokio::test]
async fn bodies_are_read_leniently() {
    let bundle = Bundle::start().await;
    let required = &invalid("phone", "The phone field is required.");
    let jane = created("+14155550123", r#""Jane""#);
    let nameless = created("+14155550123", "null");
    bundle
        .check_cases(&[
            ("strings are trimmed", "create-contact", r#"{"phone":" +14155550123\t","name":"  Jane "}"#, 201, &jane),
            ("unknown fields are ignored", "create-contact", r#"{"phone":"+14155550123","x":{"phone":5}}"#, 201, &jane),
            ("null is left out", "create-contact", r#"{"phone":"+14155550123","name":null}"#, 201, &jane),
            (
                "invisible characters are trimmed",
                "create-contact",
                "{\"phone\":\"\u{200e}+14155550123\u{200b}\",\"name\":\" \u{feff}\u{2060}Jane\\u00a0\"}",
                201,
                &jane,
            ),
            (
                "invisible is empty",
                "create-contact",
                "{\"phone\":\"+14155550123\",\"name\":\"\u{200f}\"}",
                201,
                &nameless,
            ),
            (
                "fields of other endpoints are ignored",
                "create-contact",
                r#"{"phone":"+14155550123","contact_id":5,"tag":[1],"id":{}}"#,
                201,
                &nameless,
            ),
            ("\"\" and null are the same", "create-contact", r#"{"phone":""}"#, 422, required),
            ("\"\" and null are the same", "create-contact", r#"{"phone":null}"#, 422, required),
            ("strings are trimmed", "create-contact", r#"{"phone":"  "}"#, 422, required),
            ("a required field is missing", "create-contact", "{}", 422, required),
            ("no body is {}", "create-contact", "", 422, required),
            ("[] is {}", "create-contact", "[]", 422, required),
        ])
        .await;
    let phones = bundle.call("search-contacts", json!({})).await.each("phone");
    assert_eq!(phones, ["+14155550123"], "a rejected call creates no contact");
}

#[tokio::test]
async fn the_content_type_is_ignored() {
    let bundle = Bundle::start().await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"] {
        let headers = [("authorization", "Bearer demo-token"), ("content-type", content_type)];
        let reply = bundle.send("create-contact", &headers, r#"{"phone":"+14155550123","name":"É"}"#).await;
        assert_eq!((reply.status, &reply.json()["name"]), (201, &json!("É")), "{content_type}");
        let reply = bundle.send("get-contact", &headers, r#"{"phone":"+14155550123"}"#).await;
        assert_eq!(reply.status, 200, "{content_type}");
    }
}

#[tokio::test]
async fn values_are_normalised_or_rejected() {
    let bundle = Bundle::start().await;
    let not_a_phone = invalid("phone", "The phone must be in international format, starting with +.");
    let not_its_length = invalid("phone", "The phone must have 7 to 15 digits, without an extension.");
    let cases = [
        ("phone: separators are stripped", r#""+1 (415) 555-0123""#, Ok("+14155550123")),
        ("phone: no-break space, dot and slash too", r#""+1\u00a0415.555/0123""#, Ok("+14155550123")),
        ("phone: 00 is +", r#""001 415 555 0123""#, Ok("+14155550123")),
        ("phone: seven digits", r#""+1234567""#, Ok("+1234567")),
        ("phone: fifteen digits", r#""+123456789012345""#, Ok("+123456789012345")),
        ("phone: (0) after the country code is dropped", r#""+44 (0)20 7946 0018""#, Ok("+442079460018")),
        ("phone: six digits", r#""+123456""#, Err(&not_its_length)),
        ("phone: sixteen digits", r#""+1234567890123456""#, Err(&not_its_length)),
        ("phone: an extension", r#""+1 415 555 0123 ext. 4""#, Err(&not_its_length)),
        ("phone: digits without + are refused", r#""14155550123""#, Err(&not_a_phone)),
        ("phone: a country code does not begin with 0", r#""+0155550123""#, Err(&not_a_phone)),
        ("phone: only ASCII digits count", r#""+١٤١٥٥٥٥٠١٢٣""#, Err(&not_its_length)),
    ];
    for (rule, given, phone) in cases {
        let (status, answer) = match phone {
            Ok(phone) => (201, created(phone, "null")),
            Err(answer) => (422, answer.clone()),
        };
        bundle.check_cases(&[(rule, "create-contact", &format!(r#"{{"phone":{given}}}"#), status, &answer)]).await;
        // Look-ups read a phone in the same way.
        let status = if phone.is_ok() { 200 } else { 422 };
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
        bundle.check_cases(&[(rule, "create-contact", &body, 201, &answer)]).await;
    }
    // Every spelling finds the contact, and answers show the spelling that was given first.
    let first = bundle.call("get-contact", json!({ "phone": "+5511987654321" })).await;
    for spelling in ["+551187654321", "+55 (11) 8765-4321"] {
        assert_eq!(bundle.call("get-contact", json!({ "phone": spelling })).await.body, first.body);
    }
    // Numbers in metadata keep their spelling, and empty metadata is {}.
    for (given, kept) in
        [(r#"{"a":8742.00,"b":1e2}"#, r#""metadata":{"a":8742.00,"b":1e2}"#), (r#""""#, r#""metadata":{}"#)]
    {
        bundle.call_raw("create-contact", format!(r#"{{"phone":"+5511987654321","metadata":{given}}}"#)).await;
        let found = bundle.call("get-contact", json!({ "phone": "+5511987654321" })).await.body;
        assert!(found.contains(kept), "{found}");
    }
}

#[tokio::test]
async fn unknown_paths_get_404_and_unknown_methods_405() {
    let bundle = Bundle::start().await;
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/actions",
        "/api/v1/actions/rename-contact",
        "/api/v1/me/",
        "/contacts",
        "/api/v1/actions/get-contact/",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            // Without a token too.
            bundle.check_cases(&[("unknown path", &format!("{method} {path} -"), "{}", 404, UNKNOWN_PATH)]).await;
        }
    }
    let mut allowed = vec![
        ("/api/v1/me".to_owned(), "GET"),
        ("/contact".to_owned(), "GET, POST"),
        ("/mcp".to_owned(), "POST"),
        ("/api/v1/openapi.yaml".to_owned(), "GET"),
        ("/api/v1/openapi.json".to_owned(), "GET"),
        ("/api/v1/asyncapi.yaml".to_owned(), "GET"),
        ("/api/v1/asyncapi.json".to_owned(), "GET"),
    ];
    allowed.extend(actions().into_iter().map(|action| (format!("/api/v1/actions/{action}"), "POST")));
    for (path, allow) in allowed {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] {
            if allow.contains(method) {
                continue;
            }
            let reply = bundle.ask(&format!("{method} {path} -"), "").await;
            // HTTP allows no body in an answer to HEAD.
            reply.is(405, if method == "HEAD" { "" } else { UNKNOWN_METHOD }).has("allow", allow);
        }
    }
}

/// Request targets that most HTTP clients encode or refuse to send.
#[tokio::test]
async fn odd_request_targets_get_the_same_answers_as_others() {
    let bundle = Bundle::start().await;
    let no_contact = |number: &str| {
        format!(r#"{{"error":"Contact not found","message":"No contact found with phone number {number}"}}"#)
    };
    let digits = "1".repeat(29_000);
    let long = "a".repeat(60_000);
    let query = |number: &str| format!("/contact?tenantId=demo&phone_number={number}");
    let cases = [
        ("/\"".to_owned(), 404, UNKNOWN_PATH.to_owned()),
        ("/%22".to_owned(), 404, UNKNOWN_PATH.to_owned()),
        ("/%ff%00".to_owned(), 404, UNKNOWN_PATH.to_owned()),
        ("/a|b".to_owned(), 404, UNKNOWN_PATH.to_owned()),
        (format!("/{long}"), 404, UNKNOWN_PATH.to_owned()),
        ("//contact".to_owned(), 404, UNKNOWN_PATH.to_owned()),
        ("http://{}/nowhere".to_owned(), 404, UNKNOWN_PATH.to_owned()),
        ("http://{}".to_owned(), 404, UNKNOWN_PATH.to_owned()),
        (format!("http://{{}}{}", query("27123456789")), 404, no_contact("27123456789")),
        (query("%22"), 404, no_contact("")),
        (query("%zz&&=&%ff"), 404, no_contact("")),
        (query(&digits), 404, no_contact(&digits)),
        (query(&format!("27123456789&x={long}")), 404, no_contact("27123456789")),
    ];
    for (target, status, body) in cases {
        let response = bundle.get_raw(&target, "fiq_demo").await;
        let (head, answer) = response.split_once("\r\n\r\n").expect("a head");
        let target = &target[..target.len().min(80)];
        assert_eq!((head.get(9..12), answer), (Some(status.to_string().as_str()), body.as_str()), "{target}");
    }
    assert_eq!((bundle.processes("openapi"), bundle.processes("flowiq-get-contact")), (1, 1), "no process has died");
}

#[tokio::test]
async fn every_answer_and_log_line_has_a_request_id() {
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
