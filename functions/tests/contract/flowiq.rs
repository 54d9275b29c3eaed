//! The contract of FlowIQ's endpoints, `GET` and `POST /contact`, with all their errors. Each case finds what the cases
//! before it have written.

use contacts::access::NewToken;
use contacts::model::{BotStatus, Contact};
use serde_json::json;

use crate::support::{Bundle, new_token};

const GET: &str = "GET /contact?tenantId=demo&phone_number=27123456789";
const POST: &str = "POST /contact?tenantId=demo";

/// The documented sample of `POST /contact`.
const JOHN: &str =
    r#"{"name":"John Doe","phone_number":"+27123456789","email":"john@example.com","tags":"customer,premium"}"#;
const CREATED: &str = r#"{"success":true,"message":"Contact created successfully","contact":{"id":"<id>","full_name":"John Doe","whatsapp_id":"27123456789","phone_number":"+27123456789","email":"john@example.com","tags":["customer","premium"],"organization_id":"<id>","created_at":"<time>"}}"#;
const FOUND: &str = r#"{"success":true,"contact":{"id":"<id>","full_name":"John Doe","whatsapp_id":"27123456789","phone_number":"+27123456789","email":"john@example.com","tags":["customer","premium"],"organization_id":"<id>","bot_status":"active","allow_broadcast":true,"archived":false,"blocked":false,"active_status":false,"has_unread_messages":false,"source":{"type":"api","location":{},"created_at":"<time>"},"contact_summary":null,"contact_summary_updated_at":null,"created_at":"<time>","updated_at":"<time>"}}"#;
const EXISTS: &str =
    r#"{"error":"Contact already exists","message":"A contact with phone number 27123456789 already exists"}"#;

/// The body of a 400 or 401.
fn rejected(error: &str, message: &str) -> String {
    format!(r#"{{"success":false,"error":"{error}","message":"{message}"}}"#)
}

/// The body of a 404.
fn not_found(digits: &str) -> String {
    format!(r#"{{"error":"Contact not found","message":"No contact found with phone number {digits}"}}"#)
}

#[tokio::test]
async fn the_key_and_the_tenant_are_checked_first() {
    let bundle = Bundle::start().await;
    bundle.issue("fiq_nowhere", None).await;
    let demo = bundle.tenant("demo-token").await.id();
    let late = NewToken { expires_at: Some(1_000_000_000), ..new_token(Some(demo)) };
    bundle.access.issue("fiq_late", late).await.unwrap();
    let no_header = rejected("Authorization required", "Please provide Authorization bearer token");
    let invalid = rejected("Invalid API key", "The API key is invalid or expired");
    let mismatch = rejected("Authentication mismatch", "Bearer token does not match the provided tenantId");
    let no_tenant = rejected("Tenant ID is required", "Please provide tenantId query parameter");
    for (method, body) in [("GET", ""), ("POST", r#"{"phone_number":"27123456789"}"#)] {
        let ask = |query: &str, token: &str| format!("{method} /contact{query} {token}");
        let demo = "?tenantId=demo&phone_number=27123456789";
        bundle
            .check_cases(&[
                ("no header", &ask(demo, "-"), body, 401, &no_header),
                ("unknown key", &ask(demo, "fiq_wrong"), body, 401, &invalid),
                ("a valid token without the prefix fiq_", &ask(demo, "demo-token"), body, 401, &invalid),
                ("expired", &ask(demo, "fiq_late"), body, 401, &invalid),
                ("the key is checked before the tenant", &ask("", "-"), body, 401, &no_header),
                ("the key is checked before the tenant", &ask("", "fiq_wrong"), body, 401, &invalid),
                ("another organisation's key", &ask(demo, "fiq_acme"), body, 401, &mismatch),
                ("the key of a user without an organisation", &ask(demo, "fiq_nowhere"), body, 401, &mismatch),
                ("an unknown organisation", &ask("?tenantId=nobody", "fiq_demo"), body, 401, &mismatch),
                ("slugs are case-sensitive", &ask("?tenantId=DEMO", "fiq_demo"), body, 401, &mismatch),
            ])
            .await;
    }
    for query in ["?phone_number=27123456789", "?tenantId=&phone_number=27123456789", "?tenantId=%E2%80%8B"] {
        let ask = format!("GET /contact{query}");
        bundle.check_cases(&[("a GET without tenantId", &ask, "", 400, &no_tenant)]).await;
    }
    let nowhere = "POST /contact fiq_nowhere";
    bundle.check_cases(&[("a key without an organisation", nowhere, JOHN, 401, &mismatch)]).await;
    for authorization in ["", "fiq_demo", "Basic fiq_demo", "Bearer", "Bearer "] {
        let headers = [("authorization", authorization)];
        let reply = bundle.request("GET", "/contact?tenantId=demo&phone_number=27123456789", &headers, "").await;
        reply.is(401, &no_header);
    }
    assert_eq!(bundle.call("search-contacts", json!({})).await.body, "[]");
}

#[tokio::test]
async fn get_contact() {
    let bundle = Bundle::start().await;
    bundle.check_cases(&[("created", POST, JOHN, 201, CREATED)]).await;
    for numbers in [
        "phone_number=27123456789",
        "phone_number=+27123456789",
        "phone_number=%2B27123456789",
        "phone_number=%2B27%20(12)%20345-6789",
        "phone_number=0027123456789",
        "whatsapp_id=27123456789",
        "whatsapp_id=%2B27123456789",
        "whatsapp_id=27123456789&phone_number=27999999999",
        "whatsapp_id=&phone_number=27123456789",
        "phone_number=27123456789&unknown=x",
        "phone_number=whatsapp:%2B27123456789",
        "phone_number=27123456789@s.whatsapp.net",
        "whatsapp_id=%2B27%20(0)12%20345%206789",
        "phone_number=%0027123456789",
    ] {
        bundle.check_cases(&[("found", &format!("GET /contact?tenantId=demo&{numbers}"), "", 200, FOUND)]).await;
    }
    let neither = rejected("Phone number is required", "Please provide phone_number or whatsapp_id");
    bundle
        .check_cases(&[
            ("neither number", "GET /contact?tenantId=demo", "", 400, &neither),
            ("neither number", "GET /contact?tenantId=demo&phone_number=&whatsapp_id=", "", 400, &neither),
            (
                "the body of a GET is ignored",
                "GET /contact?tenantId=demo",
                r#"{"phone_number":"27123456789"}"#,
                400,
                &neither,
            ),
        ])
        .await;
    for (numbers, digits) in [
        ("phone_number=27999999999", "27999999999"),
        ("phone_number=%2B27%20999", "27999"),
        ("phone_number=27123456789&whatsapp_id=1", "1"),
        ("phone_number=0123456789", "0123456789"),
        ("phone_number=call-me-4", "4"),
        ("phone_number=271234567890123456789", "271234567890123456789"),
        ("phone_number=nobody", ""),
    ] {
        let ask = format!("GET /contact?tenantId=demo&{numbers}");
        bundle.check_cases(&[("not found", &ask, "", 404, &not_found(digits))]).await;
    }
    // A contact of another organisation is not found either.
    bundle
        .check_cases(&[(
            "not found",
            "GET /contact?tenantId=acme&phone_number=27123456789 fiq_acme",
            "",
            404,
            &not_found("27123456789"),
        )])
        .await;
}

#[tokio::test]
async fn create_contact() {
    let bundle = Bundle::start().await;
    let created = bundle.ask(POST, JOHN).await;
    created.is(201, CREATED).has("x-contact-outcome", "created");
    let before = bundle.ask(GET, "").await.body;
    for body in [
        JOHN,
        r#"{"name":"Other","phone_number":"27123456789","tags":"other"}"#,
        r#"{"phone_number":"+27 12 345 6789","name":""}"#,
    ] {
        bundle.check_cases(&[("the number exists already", POST, body, 409, EXISTS)]).await;
    }
    assert_eq!(bundle.ask(GET, "").await.body, before, "nothing changed");

    let required = rejected("Phone number is required", "The phone number field is required.");
    let digits = "The phone number must be 10 to 15 digits, beginning with a country code.";
    let number = rejected("Invalid phone number", digits);
    let both = rejected("Invalid phone number", &format!("{digits} The email must be a valid email address."));
    let text = rejected("Invalid phone number", "The phone number must be a string.");
    let email = rejected("Validation failed", "The email must be a valid email address.");
    let malformed = rejected("Malformed JSON", "The body must be a JSON object");
    bundle
        .check_cases(&[
            ("phone_number is required", POST, "{}", 400, &required),
            ("phone_number is required", POST, "", 400, &required),
            ("phone_number is required", POST, r#"{"phone_number":""}"#, 400, &required),
            ("at least ten digits", POST, r#"{"phone_number":"271234567"}"#, 400, &number),
            ("with country code", POST, r#"{"phone_number":"0123456789"}"#, 400, &number),
            ("digits", POST, r#"{"phone_number":"call me"}"#, 400, &number),
            ("digits", POST, r#"{"phone_number":"1234567890123456"}"#, 400, &number),
            ("a string", POST, r#"{"phone_number":27123456789}"#, 400, &text),
            ("an address", POST, r#"{"phone_number":"27123456780","email":"nobody"}"#, 400, &email),
            ("all errors are listed", POST, r#"{"phone_number":"1","email":"nobody"}"#, 400, &both),
            ("a JSON object", POST, "nonsense", 400, &malformed),
        ])
        .await;
    for (given, shown) in [
        ("whatsapp:+27 12 345 6780", "+27123456780"),
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("call 1-415-555-0125 now", "+14155550125"),
        ("1234567890", "+1234567890"),
        ("+14155550123", "+14155550123"),
        ("1 (415) 555-0124", "+14155550124"),
        ("00491701234567", "+491701234567"),
    ] {
        let reply = bundle.flowiq_create(json!({ "phone_number": given })).await;
        assert_eq!((reply.status, &reply.json()["contact"]["phone_number"]), (201, &json!(shown)), "{given}");
        assert_eq!(reply.json()["contact"]["full_name"], json!(null));
    }
    for path in ["/contact", "/contact?tenantId=", "/contact?other=acme"] {
        let body = format!(r#"{{"phone_number":"2712345678{}"}}"#, path.len());
        let reply = bundle.ask(&format!("POST {path}"), &body).await;
        let tenant = bundle.tenant("fiq_demo").await.id();
        assert_eq!(
            (reply.status, &reply.json()["contact"]["organization_id"]),
            (201, &json!(tenant)),
            "without tenantId the key decides: {path}"
        );
    }
}

#[tokio::test]
async fn both_spellings_of_a_brazilian_number_are_one_contact() {
    let bundle = Bundle::start().await;
    bundle.flowiq_create(json!({ "phone_number": "5511987654321", "name": "João" })).await;
    let again = bundle.flowiq_create(json!({ "phone_number": "551187654321", "name": "Other" })).await;
    again.is(
        409,
        r#"{"error":"Contact already exists","message":"A contact with phone number 551187654321 already exists"}"#,
    );
    let found = bundle.flowiq_get("whatsapp_id=551187654321").await.json();
    assert_eq!(
        (&found["contact"]["full_name"], &found["contact"]["whatsapp_id"]),
        (&json!("João"), &json!("5511987654321"))
    );
}

#[tokio::test]
async fn both_dialects_share_the_same_contacts() {
    let bundle = Bundle::start().await;
    let qyvos = json!({ "phone": "+27123456789", "name": "John Doe", "email": "john@example.com", "tags": "customer, premium" });
    let id = bundle.call("create-contact", qyvos).await.id();
    for numbers in [
        "phone_number=27123456789",
        "phone_number=+27123456789",
        "phone_number=%2B27123456789",
        "whatsapp_id=27123456789",
    ] {
        let found = bundle.flowiq_get(numbers).await;
        found.is(200, FOUND);
        assert_eq!(found.json()["contact"]["id"], json!(id), "{numbers}");
    }
    bundle.check_cases(&[("created through Qyvo's endpoint", POST, JOHN, 409, EXISTS)]).await;

    let theirs =
        bundle.flowiq_create(json!({ "phone_number": "27999999999", "name": "Thandi", "tags": "new" })).await.json();
    let found = bundle.call("get-contact", json!({ "phone": "+27999999999" })).await;
    assert_eq!(
        (found.id(), &found.json()["source"]),
        (theirs["contact"]["id"].as_str().unwrap().to_owned(), &json!("api"))
    );
    assert_eq!(bundle.call("search-contacts", json!({ "tag": "new" })).await.each("name"), ["Thandi"]);
    assert_eq!(bundle.call("list-tags", json!({ "name": "new" })).await.each("name"), ["new"]);
    let tenant = bundle.ask("GET /api/v1/me demo-token", "").await.json()["tenant"]["id"].clone();
    assert_eq!(theirs["contact"]["organization_id"], tenant);
}

#[tokio::test]
async fn stored_flags_and_the_summary_are_shown() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let paused = |contact: &mut Contact| {
        contact.state.bot_status = BotStatus::Paused;
        contact.state.archived = true;
        contact.state.blocked = true;
        contact.state.active_status = true;
        contact.state.has_unread_messages = true;
        contact.state.summary = "Asked about delivery".parse().ok();
        contact.state.summary_updated_at = "2025-12-11T10:30:00+00:00".parse().ok();
        contact.opted_out_at = "2026-01-01T00:00:00Z".parse().ok();
        contact.source = contacts::model::Source::Widget;
        contact.created_at = "2025-12-11T10:30:00+00:00".parse().unwrap();
    };
    bundle.put(&tenant, "+27123456789", paused).await;
    let found = bundle.flowiq_get("phone_number=27123456789").await.json()["contact"].clone();
    assert_eq!(found["bot_status"], "paused");
    assert_eq!(found["allow_broadcast"], false);
    for flag in ["archived", "blocked", "active_status", "has_unread_messages"] {
        assert_eq!(found[flag], true, "{flag}");
    }
    assert_eq!(found["contact_summary"], "Asked about delivery");
    assert_eq!(found["contact_summary_updated_at"], "2025-12-11T10:30:00Z");
    assert_eq!(found["source"], json!({ "type": "widget", "location": {}, "created_at": "2025-12-11T10:30:00Z" }));
    // Consent events are in `events/consent_and_state.rs`.
    bundle.put(&tenant, "+27123456789", |contact| contact.opted_out_at = None).await;
    assert_eq!(bundle.flowiq_get("phone_number=27123456789").await.json()["contact"]["allow_broadcast"], true);
}

#[tokio::test]
async fn other_methods_get_405() {
    let bundle = Bundle::start().await;
    let answer = r#"{"message":"Method Not Allowed.","error":"Method Not Allowed."}"#;
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS"] {
        let reply = bundle.ask(&format!("{method} /contact?tenantId=demo"), JOHN).await;
        reply.is(405, answer).has("allow", "GET, POST");
    }
}
