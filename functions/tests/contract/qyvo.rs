//! The contract of each of Qyvo's endpoints, in the order of their documentation: answers, 404, and the 422 of their
//! business rules. Each case finds what the cases before it have written. Invalid fields are in `invalid_input.rs`.

use serde_json::json;

use crate::support::Bundle;

const NOT_FOUND: &str = r#"{"error":"Contact not found"}"#;
/// An id that no contact has.
const UNKNOWN_ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[tokio::test]
async fn create_contact() {
    let bundle = Bundle::start().await;
    let jane = r#"{"id":"<id>","phone":"+14155550123","name":"Jane","email":"jane@example.com","tags":["vip","fr-FR"],"created_at":"<time>"}"#;
    let kept = r#"{"id":"<id>","phone":"+14155550123","name":"Janet","email":"jane@example.com","tags":["new"],"created_at":"<time>"}"#;
    let cleared = r#"{"id":"<id>","phone":"+14155550123","name":null,"email":null,"tags":[],"created_at":"<time>"}"#;
    let given = r#"{"phone":"+14155550123","name":"Jane","email":"jane@example.com","tags":"vip, fr-FR","metadata":{"a":1,"b":2}}"#;
    bundle
        .check_cases(&[
            ("inserted: 201", "create-contact", given, 201, jane),
            ("updated: 201 too", "create-contact", given, 201, jane),
            (
                "a field given replaces, one left out is kept",
                "create-contact",
                r#"{"phone":"+14155550123","name":"Janet","tags":"new","metadata":{"c":3}}"#,
                201,
                kept,
            ),
            (
                "\"\" clears",
                "create-contact",
                r#"{"phone":"+14155550123","name":"","email":"","tags":""}"#,
                201,
                cleared,
            ),
            (
                "metadata is replaced as a whole; source is api; there is no consent and no message",
                "get-contact",
                r#"{"phone":"+14155550123"}"#,
                200,
                r#"{"id":"<id>","phone":"+14155550123","name":null,"email":null,"source":"api","locale":null,"metadata":{"c":3},"tags":[],"opted_in_at":null,"opted_out_at":null,"last_message_at":null,"total_messages":0,"created_at":"<time>"}"#,
            ),
        ])
        .await;
    // Clients such as n8n's node send what they do not know as null or {}, and must not erase it.
    let known = r#"{"phone":"+14155550124","name":"Jane","email":"jane@example.com","tags":"vip","metadata":{"a":1}}"#;
    bundle.ask("create-contact", known).await;
    let before = bundle.call("get-contact", json!({ "phone": "+14155550124" })).await;
    for fields in [
        r#""name":null,"email":null,"tags":null,"metadata":null"#,
        r#""metadata":{}"#,
        r#""metadata":[]"#,
        r#""name":"Jane","metadata": { } "#,
    ] {
        let reply = bundle.ask("create-contact", &format!(r#"{{"phone":"+14155550124",{fields}}}"#)).await;
        reply.has("x-contact-outcome", "unchanged");
        assert_eq!(bundle.call("get-contact", json!({ "phone": "+14155550124" })).await.body, before.body, "{fields}");
    }
    bundle.call("create-contact", json!({ "phone": "+14155550124", "metadata": "" })).await;
    let cleared = bundle.call("get-contact", json!({ "phone": "+14155550124" })).await.json();
    assert_eq!((&cleared["metadata"], &cleared["name"]), (&json!({}), &json!("Jane")));
    for (body, outcome) in [
        (json!({ "phone": "+14155550999", "name": "New" }), "created"),
        (json!({ "phone": "+14155550999", "name": "Newer" }), "updated"),
        (json!({ "phone": "+14155550999", "name": "Newer" }), "unchanged"),
    ] {
        bundle.call("create-contact", body).await.has("x-contact-outcome", outcome);
    }
}

/// create-contact never changes id, created_at, source, consent, message counters and state.
#[tokio::test]
async fn create_contact_keeps_the_history_of_an_existing_contact() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let old = |contact: &mut contacts::model::Contact| {
        contact.source = contacts::model::Source::CsvImport;
        contact.locale = "fr".parse().ok();
        contact.opted_in_at = "2026-01-01T00:00:00Z".parse().ok();
        contact.opted_out_at = "2026-02-01T00:00:00Z".parse().ok();
        contact.last_message_at = "2026-03-01T00:00:00Z".parse().ok();
        contact.total_messages = 7;
        contact.created_at = "2025-12-01T00:00:00Z".parse().unwrap();
        contact.state.archived = true;
    };
    let before = bundle.put(&tenant, "+14155550123", old).await;
    bundle.call("create-contact", json!({ "phone": "+14155550123", "name": "Jane" })).await;
    let after = bundle.table.get(&tenant, before.id).await.unwrap().unwrap();
    let named = contacts::model::Contact {
        name: "Jane".parse().ok(),
        updated_at: after.updated_at,
        version: before.version + 1,
        ..before
    };
    assert_eq!(after, named);
}

#[tokio::test]
async fn get_contact() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": "+14155550123", "email": "jane@example.com" })).await;
    let jane = r#"{"id":"<id>","phone":"+14155550123","name":null,"email":"jane@example.com","source":"api","locale":null,"metadata":{},"tags":[],"opted_in_at":null,"opted_out_at":null,"last_message_at":null,"total_messages":0,"created_at":"<time>"}"#;
    let none = r#"{"error":"None of contact_id, phone, email provided"}"#;
    let different = r#"{"error":"contact_id, phone and email name different contacts","message":"contact_id, phone and email name different contacts"}"#;
    bundle.call("create-contact", json!({ "phone": "+5511987654321" })).await;
    let id = bundle.call("get-contact", json!({ "email": "jane@example.com" })).await.id();
    let by_id = |rest: &str| format!(r#"{{"contact_id":"{id}",{rest}}}"#);
    let unknown_id = format!(r#"{{"contact_id":"{UNKNOWN_ID}","phone":"+14155550123","email":"jane@example.com"}}"#);
    bundle
        .check_cases(&[
            ("by phone", "get-contact", r#"{"phone":"+14155550123"}"#, 200, jane),
            ("by email, in any case", "get-contact", r#"{"email":"JANE@example.com"}"#, 200, jane),
            ("none", "get-contact", "{}", 422, none),
            ("none", "get-contact", "", 422, none),
            ("none", "get-contact", "[]", 422, none),
            ("none", "get-contact", r#"{"name":"Jane"}"#, 422, none),
            ("none: \"\" and null count as omitted", "get-contact", r#"{"phone":"","email":null}"#, 422, none),
            (
                "several of one contact",
                "get-contact",
                r#"{"phone":"+1 (415) 555-0123","email":"Jane@Example.com"}"#,
                200,
                jane,
            ),
            ("several of one contact", "get-contact", &by_id(r#""phone":"+14155550123","email":"""#), 200, jane),
            ("several of one contact", "get-contact", &by_id(r#""email":"jane@example.com""#), 200, jane),
            (
                "several of one contact",
                "get-contact",
                &by_id(r#""phone":"001 415 555 0123","email":"jane@example.com""#),
                200,
                jane,
            ),
            ("another contact's phone", "get-contact", &by_id(r#""phone":"+5511987654321""#), 422, different),
            ("nobody's phone", "get-contact", &by_id(r#""phone":"+14155550999""#), 422, different),
            ("nobody's address", "get-contact", &by_id(r#""email":"nobody@example.com""#), 422, different),
            (
                "one of three is another contact's",
                "get-contact",
                &by_id(r#""phone":"+5511987654321","email":"jane@example.com""#),
                422,
                different,
            ),
            (
                "the contact has no address",
                "get-contact",
                r#"{"phone":"+551187654321","email":"jane@example.com"}"#,
                422,
                different,
            ),
            ("the first decides whether there is one", "get-contact", &unknown_id, 404, NOT_FOUND),
            (
                "the first decides whether there is one",
                "get-contact",
                r#"{"phone":"+14155550999","email":"jane@example.com"}"#,
                404,
                NOT_FOUND,
            ),
            ("unknown", "get-contact", r#"{"phone":"+14155550999"}"#, 404, NOT_FOUND),
            ("unknown", "get-contact", r#"{"email":"nobody@example.com"}"#, 404, NOT_FOUND),
            ("unknown", "get-contact", &format!(r#"{{"contact_id":"{UNKNOWN_ID}"}}"#), 404, NOT_FOUND),
        ])
        .await;
}

#[tokio::test]
async fn update_contact() {
    let bundle = Bundle::start().await;
    let jane = json!({ "phone": "+14155550123", "name": "Jane", "email": "jane@example.com", "tags": "vip", "metadata": { "a": 1, "b": { "x": 1 } } });
    let id = bundle.call("create-contact", jane).await.id();
    let answer = |name: &str, email: &str, tags: &str| {
        format!(
            r#"{{"id":"<id>","phone":"+14155550123","name":{name},"email":{email},"tags":{tags},"updated_at":"<time>"}}"#
        )
    };
    let unchanged = answer(r#""Jane""#, r#""jane@example.com""#, r#"["vip"]"#);
    let by_id = |rest: &str| format!(r#"{{"contact_id":"{id}"{rest}}}"#);
    let neither = r#"{"error":"Neither contact_id nor phone provided"}"#;
    bundle
        .check_cases(&[
            ("no field is given", "update-contact", &by_id(""), 200, &unchanged),
            ("contact_id decides", "update-contact", &by_id(r#","phone":"+14155550999""#), 200, &unchanged),
            (
                "metadata: shallow merge, null is stored",
                "update-contact",
                r#"{"phone":"+14155550123","metadata":{"b":{"y":2},"c":null}}"#,
                200,
                &unchanged,
            ),
            (
                "metadata: {} changes nothing",
                "update-contact",
                r#"{"phone":"+14155550123","metadata":{}}"#,
                200,
                &unchanged,
            ),
            (
                "metadata: null changes nothing",
                "update-contact",
                r#"{"phone":"+14155550123","metadata":null}"#,
                200,
                &unchanged,
            ),
            (
                "omitted fields keep their values; tags are replaced",
                "update-contact",
                &by_id(r#","name":"","tags":"a,b""#),
                200,
                &answer("null", r#""jane@example.com""#, r#"["a","b"]"#),
            ),
            ("\"\" clears", "update-contact", &by_id(r#","email":"","tags":"""#), 200, &answer("null", "null", "[]")),
            ("neither key", "update-contact", r#"{"name":"Jane"}"#, 422, neither),
            ("neither key", "update-contact", "{}", 422, neither),
            ("neither key", "update-contact", r#"{"name":"Jane","phone":"","contact_id":null}"#, 422, neither),
            ("unknown", "update-contact", r#"{"phone":"+14155550999","name":"Jane"}"#, 404, NOT_FOUND),
            ("unknown, no field is given", "update-contact", r#"{"phone":"+14155550999"}"#, 404, NOT_FOUND),
            ("unknown", "update-contact", &format!(r#"{{"contact_id":"{UNKNOWN_ID}","tags":"vip"}}"#), 404, NOT_FOUND),
        ])
        .await;
    let phones = bundle.call("search-contacts", json!({})).await.each("phone");
    assert_eq!(phones, ["+14155550123"], "update-contact creates no contact");
    let found = bundle.call("get-contact", json!({ "contact_id": id })).await.body;
    assert!(found.contains(r#""metadata":{"a":1,"b":{"y":2},"c":null}"#), "{found}");
}

#[tokio::test]
async fn search_contacts() {
    let bundle = Bundle::start().await;
    for (phone, name, email, tags) in [
        ("+14155550101", "José Álvarez", "jose@example.com", "vip"),
        ("+14155550102", "100% Jane_Smith", "jane@example.com", "vip, fr-FR"),
        ("+5511987654321", "Bob", "", ""),
    ] {
        bundle.call("create-contact", json!({ "phone": phone, "name": name, "email": email, "tags": tags })).await;
    }
    let found = async |body: serde_json::Value| {
        let mut found = bundle.call("search-contacts", body).await.each("phone");
        found.sort();
        found
    };
    let (jose, jane, bob) = ("+14155550101", "+14155550102", "+5511987654321");
    for (rule, body, expected) in [
        ("no filter", json!({}), vec![jose, jane, bob]),
        ("\"\" does not filter", json!({ "query": "", "tag": "", "email": "" }), vec![jose, jane, bob]),
        ("part of a name, in any case", json!({ "query": "jane_sm" }), vec![jane]),
        ("part of a phone", json!({ "query": "555010" }), vec![jose, jane]),
        ("part of an address", json!({ "query": "@EXAMPLE" }), vec![jose, jane]),
        ("% is literal", json!({ "query": "%" }), vec![jane]),
        ("_ is literal", json!({ "query": "_" }), vec![jane]),
        ("\\ is literal", json!({ "query": "\\" }), vec![]),
        ("accents fold", json!({ "query": "jose alv" }), vec![jose]),
        ("numbers match without separators", json!({ "query": "+1 (415) 555-01" }), vec![jose, jane]),
        ("one character is enough", json!({ "query": "b" }), vec![bob]),
        ("tag: exact", json!({ "tag": "vip" }), vec![jose, jane]),
        ("tag: exact", json!({ "tag": "VIP" }), vec![]),
        ("tag: unknown", json!({ "tag": "nobody has it" }), vec![]),
        ("email: exact, in any case", json!({ "email": "Jose@Example.com" }), vec![jose]),
        ("combined with AND", json!({ "query": "example", "tag": "fr-FR" }), vec![jane]),
        ("combined with AND", json!({ "query": "bob", "tag": "vip" }), vec![]),
        ("combined with AND", json!({ "tag": "fr-FR", "email": "jose@example.com" }), vec![]),
    ] {
        assert_eq!(found(body.clone()).await, expected, "{rule}: {body}");
    }
    let no_address =
        r#"{"message":"The given data was invalid.","errors":{"email":["The email must be a valid email address."]}}"#;
    bundle.check_cases(&[("email: not an address", "search-contacts", r#"{"email":"jose"}"#, 422, no_address)]).await;
}

/// Concurrency, limits and cost of tags are in `endpoints/tags.rs`.
#[tokio::test]
async fn add_tag_remove_tag_list_tags() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": "+14155550123", "tags": "vip" })).await;
    let tag = r#"{"phone":"+14155550123","tag":"new"}"#;
    let added = r#"{"id":"<id>","phone":"+14155550123","tag_added":"new","tags":["vip","new"]}"#;
    let removed = r#"{"id":"<id>","phone":"+14155550123","tag_removed":"new","tags":["vip"]}"#;
    let unknown_id = &format!(r#"{{"contact_id":"{UNKNOWN_ID}","tag":"vip"}}"#);
    let both = &format!(r#"{{"contact_id":"{UNKNOWN_ID}","phone":"+14155550123","tag":"vip"}}"#);
    let listed =
        r#"[{"id":"<id>","name":"new","created_at":"<time>"},{"id":"<id>","name":"vip","created_at":"<time>"}]"#;
    bundle
        .check_cases(&[
            ("added", "add-tag", tag, 200, added),
            ("adding an attached tag", "add-tag", tag, 200, added),
            ("removed", "remove-tag", tag, 200, removed),
            ("removing an absent tag", "remove-tag", tag, 200, removed),
            ("unknown", "add-tag", r#"{"phone":"+14155550999","tag":"new"}"#, 404, NOT_FOUND),
            ("unknown", "remove-tag", r#"{"phone":"+14155550999","tag":"new"}"#, 404, NOT_FOUND),
            ("unknown", "add-tag", unknown_id, 404, NOT_FOUND),
            ("unknown", "remove-tag", unknown_id, 404, NOT_FOUND),
            ("contact_id decides", "add-tag", both, 404, NOT_FOUND),
            ("contact_id decides", "remove-tag", both, 404, NOT_FOUND),
            ("a removed tag stays in the list, which is sorted by name", "list-tags", "{}", 200, listed),
            (
                "part of the name",
                "list-tags",
                r#"{"name":"VI"}"#,
                200,
                r#"[{"id":"<id>","name":"vip","created_at":"<time>"}]"#,
            ),
        ])
        .await;
    let found = bundle.call("get-contact", json!({ "phone": "+14155550123" })).await.json();
    assert_eq!(found["tags"], json!(["vip"]), "calls that get 404 change no contact");
}

/// What is left afterwards, and what happens when the contact is created again, is in `endpoints/delete_contact.rs`.
#[tokio::test]
async fn delete_contact() {
    let bundle = Bundle::start().await;
    for phone in ["+14155550123", "+14155550124"] {
        bundle.call("create-contact", json!({ "phone": phone, "tags": "vip" })).await;
    }
    let id = bundle.call("get-contact", json!({ "phone": "+14155550124" })).await.id();
    let deleted = r#"{"id":"<id>","deleted":true}"#;
    let (by_id, both) = (
        &format!(r#"{{"contact_id":"{}","phone":""}}"#, id.to_uppercase()),
        &format!(r#"{{"contact_id":"{UNKNOWN_ID}","phone":"+14155550123"}}"#),
    );
    let neither = r#"{"error":"Neither contact_id nor phone provided"}"#;
    let invalid = r#"{"message":"The given data was invalid.","errors":{"contact_id":["The contact id must be a valid UUID."],"phone":["The phone must be in international format, starting with +."]}}"#;
    bundle
        .check_cases(&[
            ("contact_id decides", "delete-contact", both, 404, NOT_FOUND),
            ("by phone", "delete-contact", r#"{"phone":"001 (415) 555-0123"}"#, 200, deleted),
            ("deleted before", "delete-contact", r#"{"phone":"+14155550123"}"#, 404, NOT_FOUND),
            ("another tenant's", "delete-contact acme-token", by_id, 404, NOT_FOUND),
            ("by id", "delete-contact", by_id, 200, deleted),
            ("unknown", "delete-contact", r#"{"phone":"+14155550999"}"#, 404, NOT_FOUND),
            ("neither", "delete-contact", r#"{"email":"jane@example.com"}"#, 422, neither),
            ("invalid", "delete-contact", r#"{"contact_id":"1","phone":"12"}"#, 422, invalid),
        ])
        .await;
}

#[tokio::test]
async fn me() {
    let bundle = Bundle::start().await;
    let known = r#"{"id":1,"email":"user@example.com","name":null,"tenant":{"id":"<id>","name":"demo"}}"#;
    let orphan = r#"{"id":1,"email":"user@example.com","name":null,"tenant":null}"#;
    bundle
        .check_cases(&[
            ("the token's user and tenant", "GET /api/v1/me demo-token", "", 200, known),
            ("without a tenant", "GET /api/v1/me orphan-token", "", 200, orphan),
            ("no token", "GET /api/v1/me -", "", 401, r#"{"message":"Unauthenticated."}"#),
            ("wrong token", "GET /api/v1/me wrong", "", 401, r#"{"message":"Unauthenticated."}"#),
        ])
        .await;
    let tenant = bundle.tenant("demo-token").await;
    let me = bundle.ask("GET /api/v1/me demo-token", "").await.json();
    assert_eq!(me["tenant"]["id"], json!(tenant.id()));
}
