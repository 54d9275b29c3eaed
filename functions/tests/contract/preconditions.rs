//! `ETag`, `If-Match` and `If-None-Match` on every endpoint that shows or changes one contact.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Bundle, Fault, Reply, invalid};

const PHONE: &str = "+14155550123";

/// One call of an endpoint about the contact, which exists.
struct Call {
    method: &'static str,
    path: &'static str,
    token: &'static str,
    body: Value,
}

impl Call {
    fn action(path: &'static str, body: Value) -> Self {
        Call { method: "POST", path, token: "demo-token", body }
    }

    async fn with(&self, bundle: &Bundle, headers: &[(&str, &str)]) -> Reply {
        let authorization = format!("Bearer {}", self.token);
        let mut headers = headers.to_vec();
        headers.push(("authorization", &authorization));
        let body = if self.body.is_null() { String::new() } else { self.body.to_string() };
        bundle.request(self.method, self.path, &headers, body).await
    }
}

fn create() -> Call {
    Call::action("/api/v1/actions/create-contact", json!({ "phone": PHONE, "name": "Jane" }))
}

fn update(name: &str) -> Call {
    Call::action("/api/v1/actions/update-contact", json!({ "phone": PHONE, "name": name }))
}

fn get() -> Call {
    Call::action("/api/v1/actions/get-contact", json!({ "phone": PHONE }))
}

fn tag(path: &'static str) -> Call {
    Call::action(path, json!({ "phone": PHONE, "tag": "vip" }))
}

fn delete() -> Call {
    Call::action("/api/v1/actions/delete-contact", json!({ "phone": PHONE }))
}

fn flowiq_get() -> Call {
    let path = "/contact?tenantId=demo&phone_number=14155550123";
    Call { method: "GET", path, token: "fiq_demo", body: Value::Null }
}

fn flowiq_create() -> Call {
    let body = json!({ "phone_number": "14155550123", "name": "Jane" });
    Call { method: "POST", path: "/contact?tenantId=demo", token: "fiq_demo", body }
}

const CHANGED: &str = r#"{"error":"Precondition Failed","message":"The contact is not in a version that If-Match names. Get it again before you change it."}"#;
const EXISTS: &str = r#"{"error":"Precondition Failed","message":"The contact exists, in a version that If-None-Match excludes. Update it instead."}"#;

/// 412 with this body and nothing else.
#[track_caller]
fn failed(reply: &Reply, body: &str) {
    reply.is(412, body);
    assert!(!reply.headers.contains_key("etag") && !reply.headers.contains_key("x-contact-outcome"));
}

#[tokio::test]
async fn every_answer_with_a_contact_has_its_version_as_entity_tag() {
    let bundle = Bundle::start().await;
    let steps = [
        (create(), 201, "created", "\"1\""),
        (create(), 201, "unchanged", "\"1\""),
        (update("Janet"), 200, "updated", "\"2\""),
        (update("Janet"), 200, "unchanged", "\"2\""),
        (tag("/api/v1/actions/add-tag"), 200, "updated", "\"3\""),
        (tag("/api/v1/actions/add-tag"), 200, "unchanged", "\"3\""),
        (tag("/api/v1/actions/remove-tag"), 200, "updated", "\"4\""),
        (tag("/api/v1/actions/remove-tag"), 200, "unchanged", "\"4\""),
    ];
    for (call, status, outcome, version) in steps {
        let reply = call.with(&bundle, &[]).await;
        assert_eq!(reply.status, status, "{}", reply.body);
        reply.has("x-contact-outcome", outcome).has("etag", version);
        get().with(&bundle, &[]).await.has("etag", version);
        flowiq_get().with(&bundle, &[]).await.has("etag", version);
    }
    // A new contact continues the version of the deleted one, so that no entity tag stands for two states.
    let deleted = delete().with(&bundle, &[]).await;
    assert!(deleted.status == 200 && !deleted.headers.contains_key("etag"));
    flowiq_create().with(&bundle, &[]).await.has("etag", "\"6\"");
    for action in ["search-contacts", "list-tags"] {
        assert!(!bundle.call(action, json!({})).await.headers.contains_key("etag"));
    }
}

#[tokio::test]
async fn writes_and_reads_follow_if_match() {
    let bundle = Bundle::start().await;
    create().with(&bundle, &[]).await;
    let calls = || {
        [
            update("Janet"),
            tag("/api/v1/actions/add-tag"),
            tag("/api/v1/actions/remove-tag"),
            create(),
            get(),
            flowiq_get(),
            delete(),
        ]
    };
    for unmet in [r#""2""#, r#"W/"1""#, r#""0", "2""#, r#""""#, r#""01""#] {
        for call in calls() {
            failed(&call.with(&bundle, &[("if-match", unmet)]).await, CHANGED);
        }
    }
    get().with(&bundle, &[]).await.has("etag", "\"1\"");
    // A contact that nothing changes keeps its version.
    for (met, versions) in [(r#""0", "1""#, ["\"2\"", "\"3\""]), ("*", ["\"4\"", "\"5\""])] {
        let name = format!("Name {}", versions[0].replace('"', ""));
        update(&name).with(&bundle, &[("if-match", met)]).await.has("etag", versions[0]);
        let named = if met == "*" { met } else { versions[0] };
        let change = if met == "*" { "/api/v1/actions/remove-tag" } else { "/api/v1/actions/add-tag" };
        tag(change).with(&bundle, &[("if-match", named)]).await.has("etag", versions[1]);
        let named = if met == "*" { met } else { versions[1] };
        tag(change).with(&bundle, &[("if-match", named)]).await.has("x-contact-outcome", "unchanged");
        for read in [get(), flowiq_get()] {
            assert_eq!(read.with(&bundle, &[("if-match", named)]).await.status, 200);
        }
    }
    // Several lines of a header are one list.
    let lines = [("if-match", "\"1\""), ("if-match", "\"5\"")];
    update("Last").with(&bundle, &lines).await.has("etag", "\"6\"");
    assert_eq!(delete().with(&bundle, &[("if-match", "\"6\"")]).await.status, 200);
}

#[tokio::test]
async fn absent_and_deleted_contacts_match_nothing() {
    let bundle = Bundle::start().await;
    for round in 0..2 {
        // Without the condition these would be 404, which counts more.
        for call in [update("x"), tag("/api/v1/actions/add-tag"), tag("/api/v1/actions/remove-tag"), get(), delete()] {
            for value in ["*", "\"1\""] {
                for header in ["if-match", "if-none-match"] {
                    assert_eq!(call.with(&bundle, &[(header, value)]).await.status, 404);
                }
            }
        }
        for value in ["*", "\"1\"", "\"2\""] {
            failed(&create().with(&bundle, &[("if-match", value)]).await, CHANGED);
            failed(&flowiq_create().with(&bundle, &[("if-match", value)]).await, CHANGED);
        }
        let call = if round == 0 { create() } else { flowiq_create() };
        let created = call.with(&bundle, &[("if-none-match", "*")]).await;
        assert_eq!(created.status, 201);
        created.has("x-contact-outcome", "created");
        assert_eq!(delete().with(&bundle, &[]).await.status, 200);
    }
}

#[tokio::test]
async fn an_existing_contact_is_not_created_with_if_none_match() {
    let bundle = Bundle::start().await;
    create().with(&bundle, &[]).await;
    for value in ["*", "\"1\"", "W/\"1\"", "\"9\", \"1\""] {
        failed(&create().with(&bundle, &[("if-none-match", value)]).await, EXISTS);
        failed(&flowiq_create().with(&bundle, &[("if-none-match", value)]).await, EXISTS);
        failed(&update("x").with(&bundle, &[("if-none-match", value)]).await, EXISTS);
    }
    create().with(&bundle, &[("if-none-match", "\"2\"")]).await.has("x-contact-outcome", "unchanged");
    // Without the condition this is 409, which counts more.
    for (header, value) in [("if-none-match", "\"2\""), ("if-match", "\"2\""), ("if-match", "\"1\"")] {
        assert_eq!(flowiq_create().with(&bundle, &[(header, value)]).await.status, 409);
    }
}

#[tokio::test]
async fn a_reader_who_has_the_version_gets_304_without_a_body() {
    let bundle = Bundle::with_rate_limit(120).await;
    create().with(&bundle, &[]).await;
    let by_email = Call::action("/api/v1/actions/get-contact", json!({ "email": "jane@example.com" }));
    bundle.call("update-contact", json!({ "phone": PHONE, "email": "jane@example.com" })).await;
    for call in [get(), by_email, flowiq_get()] {
        for value in ["\"2\"", "W/\"2\"", "*", "\"1\", \"2\""] {
            let reply = call.with(&bundle, &[("if-none-match", value)]).await;
            assert_eq!((reply.status, reply.body.as_str()), (304, ""), "{value}");
            reply.has("etag", "\"2\"").has("x-ratelimit-limit", "120");
            assert!(!reply.headers.contains_key("content-type") && reply.headers.contains_key("x-request-id"));
        }
        for value in ["\"1\"", "\"20\"", "\"\""] {
            let reply = call.with(&bundle, &[("if-none-match", value)]).await;
            assert_eq!(reply.status, 200);
            reply.has("etag", "\"2\"");
        }
        let both = [("if-none-match", "\"2\""), ("if-match", "\"1\"")];
        failed(&call.with(&bundle, &both).await, CHANGED);
    }
}

#[tokio::test]
async fn malformed_conditions_are_refused_and_change_nothing() {
    let bundle = Bundle::start().await;
    create().with(&bundle, &[]).await;
    let calls =
        [create(), update("x"), tag("/api/v1/actions/add-tag"), tag("/api/v1/actions/remove-tag"), get(), delete()];
    for (header, name) in [("if-match", "If-Match"), ("if-none-match", "If-None-Match")] {
        let message = format!("The {name} must be * or a list of entity tags in quotes, such as \"7\".");
        for value in ["1", "\"1", "*, \"1\"", "", "'1'"] {
            for call in &calls {
                let escaped = message.replace('"', "\\\"");
                call.with(&bundle, &[(header, value)]).await.is(422, &invalid(name, &escaped));
            }
            for call in [flowiq_get(), flowiq_create()] {
                let body = json!({ "success": false, "error": "Validation failed", "message": message });
                let reply = call.with(&bundle, &[(header, value)]).await;
                assert_eq!((reply.status, reply.json()), (400, body));
            }
            // Lists have no version. They ignore the headers.
            for action in ["search-contacts", "list-tags"] {
                let headers = [("authorization", "Bearer demo-token"), (header, value)];
                assert_eq!(bundle.send(action, &headers, "{}").await.status, 200);
            }
        }
    }
    // Fields are checked first.
    let body = json!({ "phone": "x" });
    let call = Call::action("/api/v1/actions/create-contact", body);
    let reply = call.with(&bundle, &[("if-match", "x")]).await;
    assert!(reply.status == 422 && reply.json()["errors"]["phone"].is_array(), "{}", reply.body);
    get().with(&bundle, &[]).await.has("etag", "\"1\"");
}

#[tokio::test]
async fn of_forty_simultaneous_updates_of_one_version_one_is_applied() {
    let bundle = Bundle::start().await;
    create().with(&bundle, &[]).await;
    for (round, version) in [(0, "\"1\""), (1, "\"2\"")] {
        let calls: Vec<Call> = (0..40).map(|n| update(&format!("Name {round} {n}"))).collect();
        let condition = [("if-match", version)];
        let replies = join_all(calls.iter().map(|call| call.with(&bundle, &condition))).await;
        let statuses = |status| replies.iter().filter(|reply| reply.status == status).count();
        assert_eq!((statuses(200), statuses(412)), (1, 39), "{replies:?}");
        let applied = replies.iter().position(|reply| reply.status == 200).unwrap();
        let found = get().with(&bundle, &[]).await;
        assert_eq!(found.json()["name"], format!("Name {round} {applied}"));
        found.has("etag", &format!("\"{}\"", round + 2));
    }
}

#[tokio::test]
async fn of_forty_simultaneous_creations_that_must_be_the_first_one_is() {
    let bundle = Bundle::start().await;
    let condition = [("if-none-match", "*")];
    let calls: Vec<Call> = (0..40).map(|n| if n % 2 == 0 { create() } else { flowiq_create() }).collect();
    let replies = join_all(calls.iter().map(|call| call.with(&bundle, &condition))).await;
    let statuses = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((statuses(201), statuses(412)), (1, 39), "{replies:?}");
}

/// The first read of an upsert is eventually consistent. A condition that it does not meet is checked on a consistent one.
#[tokio::test]
async fn an_outdated_read_never_decides_about_a_condition() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    // The read that this create is based on is repeated as it was: there is no contact.
    create().with(&bundle, &[]).await;
    let renamed = |name: &str| Call::action("/api/v1/actions/create-contact", json!({ "phone": PHONE, "name": name }));
    for (condition, expected) in [
        (("if-match", "\"1\""), Ok("\"2\"")),
        (("if-match", "*"), Ok("\"3\"")),
        (("if-match", "\"1\""), Err(CHANGED)),
        (("if-none-match", "*"), Err(EXISTS)),
        (("if-none-match", "\"3\""), Err(EXISTS)),
    ] {
        proxy.inject_once("GetItem", Fault::StaleRead);
        let name = format!("{condition:?}{expected:?}").replace('"', "").chars().take(200).collect::<String>();
        let reply = renamed(&name).with(&bundle, &[condition]).await;
        match expected {
            Ok(version) => drop(reply.has("etag", version).has("x-contact-outcome", "updated")),
            Err(body) => failed(&reply, body),
        }
    }
}

/// The writer's own version is not one that another writer has made.
#[tokio::test]
async fn a_write_whose_response_was_lost_meets_its_own_condition() {
    for fault in [Fault::LostResponse, Fault::InternalErrorAfterwards, Fault::CutResponse] {
        let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
        let once = |operation| proxy.inject_once(operation, fault);
        once("PutItem");
        let created = create().with(&bundle, &[("if-none-match", "*")]).await;
        assert_eq!(created.status, 201, "{fault:?}: {}", created.body);
        created.has("etag", "\"1\"").has("x-contact-outcome", "created");
        once("PutItem");
        update("Janet").with(&bundle, &[("if-match", "\"1\"")]).await.has("etag", "\"2\"");
        once("TransactWriteItems");
        tag("/api/v1/actions/add-tag").with(&bundle, &[("if-match", "\"2\"")]).await.has("etag", "\"3\"");
        once("TransactWriteItems");
        assert_eq!(delete().with(&bundle, &[("if-match", "\"3\"")]).await.status, 200, "{fault:?}");
        once("PutItem");
        flowiq_create().with(&bundle, &[("if-none-match", "*")]).await.has("etag", "\"5\"");
    }
}

#[tokio::test]
async fn conditions_cost_no_request() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    for call in [create(), update("x"), get(), flowiq_get(), delete(), flowiq_create()] {
        call.with(&bundle, &[]).await;
    }
    for (call, condition, status, operations) in [
        (create(), ("if-none-match", "*"), 412, &["GetItem", "GetItem"][..]),
        (create(), ("if-match", "*"), 201, &["GetItem", "GetItem"]),
        (update("Janet"), ("if-match", "\"6\""), 412, &["GetItem"]),
        (get(), ("if-none-match", "*"), 304, &["GetItem"]),
        (get(), ("if-match", "\"6\""), 412, &["GetItem"]),
        (flowiq_get(), ("if-none-match", "*"), 304, &["GetItem"]),
        (flowiq_create(), ("if-none-match", "*"), 412, &["GetItem", "GetItem"]),
        (update("Janet"), ("if-match", "*"), 200, &["GetItem", "PutItem"]),
        (delete(), ("if-match", "\"99\""), 412, &["GetItem"]),
        (delete(), ("if-match", "*"), 200, &["GetItem", "PutItem"]),
        (create(), ("if-none-match", "*"), 201, &["GetItem", "PutItem"]),
    ] {
        proxy.clear();
        let reply = call.with(&bundle, &[condition]).await;
        assert_eq!(reply.status, status, "{} {condition:?}: {}", call.path, reply.body);
        assert_eq!(proxy.take_operations(), operations, "{} {condition:?}", call.path);
    }
}
