//! The event sources direct, SQS and EventBridge, for every function: envelopes, batches, FIFO groups, error types.

use serde_json::json;

use crate::support::{
    Bundle, Fault, InvocationOutcome, actions, error_of, eventbridge_event, failed_records, operations, output_of,
    sqs_record, with_timeout,
};

const PHONE: &str = "+14155550123";

#[tokio::test]
async fn every_action_works_from_every_event_source() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": PHONE, "tags": "vip" })).await;
    let (mut created, occurred_at) = (0, "2026-11-11T21:29:54Z");
    let mut cases = vec![
        ("create-contact", json!({ "phone": PHONE, "name": "Jane" }), "phone"),
        ("batch-upsert-contacts", json!({ "contacts": [{ "phone": PHONE, "name": "Jane" }] }), "results"),
        ("get-contact", json!({ "phone": PHONE }), "phone"),
        ("update-contact", json!({ "phone": PHONE, "metadata": { "a": 1 } }), "phone"),
        ("search-contacts", json!({ "query": "jane" }), "0"),
        ("add-tag", json!({ "phone": PHONE, "tag": "new" }), "tag_added"),
        ("remove-tag", json!({ "phone": PHONE, "tag": "new" }), "tag_removed"),
        ("list-tags", json!({}), "0"),
        ("flowiq-get-contact", json!({ "phone_number": "14155550123" }), "contact"),
        ("flowiq-create-contact", json!({}), "contact"),
        (
            "record-message",
            json!({ "phone": PHONE, "message_id": "m", "direction": "in", "occurred_at": occurred_at }),
            "total_messages",
        ),
        ("record-consent", json!({ "phone": PHONE, "consent": "opt_in", "occurred_at": occurred_at }), "opted_in_at"),
        ("set-contact-state", json!({ "phone": PHONE, "archived": true, "occurred_at": occurred_at }), "archived"),
        ("import-contacts", json!({ "rows": [{ "cells": { "Phone": PHONE, "Name": "Ana" } }] }), "created"),
    ];
    // Every other action of the OpenAPI document, with a documented request body, if possible one that names a phone.
    // The output has to have an `id`; an action without one needs a case of its own above.
    for operation in operations() {
        let function = operation.value["x-function"].as_str().unwrap();
        if actions().contains(&function) && !cases.iter().any(|(action, ..)| *action == function) {
            let examples = operation.examples();
            let by_phone = examples.iter().find(|(_, example)| example["phone"].is_string()).or(examples.first());
            let (_, input) = by_phone.unwrap_or_else(|| panic!("{function} has no example of a request body"));
            cases.push((function, (*input).clone(), "id"));
        }
    }
    for (action, input, key) in cases {
        // flowiq-create-contact creates each number only once.
        let mut next = || {
            let mut input = input.clone();
            if action == "flowiq-create-contact" {
                created += 1;
                input = json!({ "phone_number": format!("2712345678{created}") });
            }
            input
        };
        let direct = bundle.invoke(action, bundle.envelope(next()).await).await;
        let output = output_of(&direct);
        let found = if key == "0" { &output[0] } else { &output[key] };
        assert!(!found.is_null(), "{action}: {output}");

        for group in [None, Some("group")] {
            let records = json!({ "Records": [sqs_record("a", &bundle.envelope(next()).await.to_string(), group)] });
            assert_eq!(failed_records(&bundle.invoke(action, records.clone()).await), Vec::<String>::new(), "{action}");
            // SQS can deliver a message twice. EventBridge Pipes sends the records as a bare array.
            assert_eq!(
                failed_records(&bundle.invoke(action, records["Records"].clone()).await),
                Vec::<String>::new(),
                "{action}"
            );
        }
        let event = eventbridge_event(action, &bundle.envelope(next()).await);
        for _ in 0..2 {
            assert_eq!(output_of(&bundle.invoke(action, event.clone()).await), json!(null), "{action}");
        }
    }
}

/// Clients depend on the error types. A message is JSON and lists the invalid fields.
#[tokio::test]
async fn failures_have_stable_error_types() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let tenant_id = bundle.tenant("demo-token").await.id();
    let not_found = json!({ "message": "contact not found" });
    let fields = json!({
        "message": "The given data was invalid.",
        "errors": { "phone": ["The phone field is required."], "email": ["The email must be a valid email address."] }
    });
    let unknown = |text: &str| json!({ "message": format!("unknown event: {text}") });
    for (action, event, kind, message) in [
        (
            "get-contact",
            json!({ "tenant_id": tenant_id, "input": { "phone": PHONE } }),
            "ContactNotFound",
            not_found.clone(),
        ),
        (
            "flowiq-get-contact",
            json!({ "tenant_id": tenant_id, "input": { "phone_number": "27123456789" } }),
            "ContactNotFound",
            json!({ "message": "contact not found" }),
        ),
        (
            "create-contact",
            json!({ "tenant_id": tenant_id, "input": { "email": "nobody" } }),
            "ValidationFailed",
            fields,
        ),
        (
            "get-contact",
            json!({ "tenant_id": tenant_id, "input": {} }),
            "ValidationFailed",
            json!({ "message": "None of contact_id, phone, email provided" }),
        ),
        (
            "get-contact",
            json!({ "tenant_id": tenant_id, "input": 5 }),
            "ValidationFailed",
            json!({ "message": "The input must be an object." }),
        ),
        (
            "get-contact",
            json!({ "tenant_id": "01890a5d-ac96-774b-bcce-b302099a8057", "input": {} }),
            "UnknownTenant",
            json!({ "message": "unknown tenant" }),
        ),
        (
            "get-contact",
            json!({ "tenant_id": "demo", "input": {} }),
            "UnknownTenant",
            json!({ "message": "unknown tenant" }),
        ),
        (
            "get-contact",
            json!({ "tenant_id": 5, "input": {} }),
            "UnknownTenant",
            json!({ "message": "unknown tenant" }),
        ),
        ("get-contact", json!({ "tenant_id": tenant_id }), "UnknownEvent", unknown("input is missing")),
        ("get-contact", json!({ "input": {} }), "UnknownEvent", unknown("tenant_id is missing")),
        ("get-contact", json!({}), "UnknownEvent", unknown("tenant_id is missing")),
        ("get-contact", json!([]), "UnknownEvent", unknown("the records are not SQS records")),
        ("get-contact", json!("text"), "UnknownEvent", unknown("not a JSON object")),
        ("get-contact", json!(null), "UnknownEvent", unknown("not a JSON object")),
        (
            "get-contact",
            json!({ "Records": [{ "s3": {} }] }),
            "UnknownEvent",
            unknown("the records are not SQS records"),
        ),
        ("get-contact", json!({ "Records": 5 }), "UnknownEvent", unknown("the records are not SQS records")),
        ("get-contact", eventbridge_event("x", &json!({})), "UnknownEvent", unknown("tenant_id is missing")),
        (
            "me",
            json!({ "tenant_id": tenant_id, "input": {} }),
            "UnknownEvent",
            unknown("this function takes HTTP requests only"),
        ),
        ("openapi", json!({}), "UnknownEvent", unknown("this function takes HTTP requests only")),
        ("publish-changes", json!({}), "UnknownEvent", unknown("the records are not records of a DynamoDB stream")),
        (
            "publish-changes",
            json!({ "Records": [sqs_record("a", "{}", None)] }),
            "UnknownEvent",
            unknown("the records are not records of a DynamoDB stream"),
        ),
    ] {
        assert_eq!(
            error_of(&bundle.invoke(action, event.clone()).await),
            (kind.to_owned(), message),
            "{action} {event}"
        );
    }
    let existing = json!({ "tenant_id": tenant_id, "input": { "phone_number": "27123456789" } });
    output_of(&bundle.invoke("flowiq-create-contact", existing.clone()).await);
    assert_eq!(error_of(&bundle.invoke("flowiq-create-contact", existing.clone()).await).0, "ContactExists");
    proxy.inject(|operation| if operation == "GetItem" { Fault::Throttled } else { Fault::None });
    assert_eq!(error_of(&bundle.invoke("flowiq-create-contact", existing.clone()).await).0, "Throttled");
    proxy.inject(|operation| if operation == "GetItem" { Fault::LostRequest } else { Fault::None });
    assert_eq!(
        error_of(&bundle.invoke("flowiq-create-contact", existing).await),
        ("Unavailable".into(), json!({ "message": "Service Unavailable." }))
    );
}

/// The third and the seventh of ten records fail, first in a standard queue and then in a FIFO queue.
#[tokio::test]
async fn only_failed_records_of_a_batch_are_redelivered() {
    for group in [None, Some("group")] {
        let bundle = Bundle::start().await;
        let mut records = Vec::new();
        for n in 1..=10 {
            let mut body = bundle.envelope(json!({ "phone": format!("+1415555000{}", n % 10) })).await;
            if n == 7 {
                body["tenant_id"] = json!("01890a5d-ac96-774b-bcce-b302099a8057");
            }
            let body = if n == 3 { "{\"tenant_id\":".to_owned() } else { body.to_string() };
            records.push(sqs_record(&n.to_string(), &body, group));
        }
        let failed = failed_records(&bundle.invoke("create-contact", json!({ "Records": records })).await);
        let mut phones = bundle.call("search-contacts", json!({})).await.each("phone");
        phones.sort();
        let of = |numbers: &[u8]| numbers.iter().map(|n| format!("+1415555000{n}")).collect::<Vec<_>>();
        if group.is_none() {
            assert_eq!(failed, ["3", "7"]);
            assert_eq!(phones, of(&[0, 1, 2, 4, 5, 6, 8, 9]));
        } else {
            // In a FIFO group, the later records are redelivered too, in order.
            assert_eq!(failed, ["3", "4", "5", "6", "7", "8", "9", "10"]);
            assert_eq!(phones, of(&[1, 2]));
        }
    }
}

/// An entry of the batch that is not an SQS record at all fails the whole event.
#[tokio::test]
async fn a_record_without_an_envelope_fails_alone() {
    let bundle = Bundle::start().await;
    let good = sqs_record("good", &bundle.envelope(json!({ "phone": PHONE })).await.to_string(), None);
    let mut empty = sqs_record("empty", "", None);
    empty.as_object_mut().unwrap().remove("body");
    let records = json!([
        sqs_record("a", "", None),
        empty,
        sqs_record("b", "[]", None),
        sqs_record("c", r#"{"Records":[]}"#, None),
        good
    ]);
    assert_eq!(failed_records(&bundle.invoke("create-contact", records).await), ["a", "empty", "b", "c"]);
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("phone"), [PHONE]);
    for event in [
        json!([good, { "body": "{}" }]),
        json!([good, 5]),
        json!({ "Records": [] }),
        json!([{ "tenant_id": "x", "input": {} }]),
    ] {
        assert_eq!(error_of(&bundle.invoke("create-contact", event.clone()).await).0, "UnknownEvent", "{event}");
    }
}

/// The first nine have been applied before. They succeed again, and so does the tenth.
#[tokio::test]
async fn a_redelivered_fifo_group_does_not_block_new_records() {
    let bundle = Bundle::start().await;
    let mut records = Vec::new();
    for n in 0..10 {
        let body = bundle.envelope(json!({ "phone_number": format!("2712345678{n}") })).await;
        records.push(sqs_record(&n.to_string(), &body.to_string(), Some("group")));
    }
    let nine = json!({ "Records": records[..9] });
    assert_eq!(failed_records(&bundle.invoke("flowiq-create-contact", nine).await), Vec::<String>::new());
    assert_eq!(failed_records(&bundle.invoke("flowiq-create-contact", json!(records)).await), Vec::<String>::new());
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("id").len(), 10);
}

#[tokio::test]
async fn a_direct_invocation_returns_the_same_bytes_as_http() {
    let bundle = Bundle::start().await;
    let metadata = r#"{"z":8742.00,"a":123456789012345678901234567890,"b":1e2}"#;
    let created = bundle.call_raw("create-contact", format!(r#"{{"phone":"{PHONE}","metadata":{metadata}}}"#)).await;
    assert_eq!(created.status, 201);
    let outcome = bundle.invoke("get-contact", bundle.envelope(json!({ "phone": PHONE })).await).await;
    let InvocationOutcome::Answered(answer) = &outcome else { panic!("{outcome:?}") };
    let shown = bundle.call("get-contact", json!({ "phone": PHONE })).await.body;
    assert!(shown.contains(metadata), "{shown}");
    assert_eq!(std::str::from_utf8(answer).unwrap(), shown);
}

/// The first three records are applied before the time runs out.
#[tokio::test]
async fn only_the_unfinished_records_of_a_timed_out_batch_are_redelivered() {
    let (options, _template) = with_timeout(2);
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(options).await;
    let mut records = Vec::new();
    for n in 1..=8 {
        let body = bundle.envelope(json!({ "phone": format!("+1415555000{n}") })).await;
        records.push(sqs_record(&n.to_string(), &body.to_string(), None));
    }
    let mut left = 3;
    proxy.inject(move |operation| {
        left -= i32::from(operation == "PutItem");
        if operation == "PutItem" && left < 0 { Fault::HeldRequest } else { Fault::None }
    });
    assert_eq!(failed_records(&bundle.invoke("create-contact", json!(records)).await), ["4", "5", "6", "7", "8"]);
}

#[tokio::test]
async fn a_failure_blocks_only_its_own_fifo_group() {
    let bundle = Bundle::start().await;
    let acme = bundle.tenant("acme-token").await.id();
    let mut records = Vec::new();
    for (id, group, input) in [
        ("1", "a", json!({ "phone": PHONE, "name": "First" })),
        ("2", "b", json!({ "phone": "+14155550999" })),
        ("3", "a", json!({ "phone": "+14155550000", "name": "Nobody" })),
        ("4", "b", json!({ "phone": PHONE, "email": "jane@example.com" })),
        ("5", "a", json!({ "phone": PHONE, "name": "Overtaken" })),
        ("6", "c", json!({ "phone": PHONE, "metadata": { "c": 1 } })),
    ] {
        let mut envelope = bundle.envelope(input).await;
        if id == "6" {
            envelope["tenant_id"] = json!(acme);
        }
        records.push(sqs_record(id, &envelope.to_string(), Some(group)));
    }
    for token in ["demo-token", "acme-token"] {
        bundle.call_as(token, "create-contact", json!({ "phone": PHONE })).await;
    }
    bundle.call("create-contact", json!({ "phone": "+14155550999" })).await;
    assert_eq!(failed_records(&bundle.invoke("update-contact", json!({ "Records": records })).await), ["3", "5"]);
    let jane = bundle.call("get-contact", json!({ "phone": PHONE })).await.json();
    assert_eq!(
        (&jane["name"], &jane["email"], &jane["metadata"]),
        (&json!("First"), &json!("jane@example.com"), &json!({}))
    );
    let theirs = bundle.call_as("acme-token", "get-contact", json!({ "phone": PHONE })).await.json();
    assert_eq!(theirs["metadata"], json!({ "c": 1 }));
}

#[tokio::test]
async fn events_are_limited_to_their_tenant_and_log_no_personal_data() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": PHONE, "name": "Jane" })).await;
    let acme = bundle.tenant("acme-token").await.id();
    let asked = json!({ "tenant_id": acme, "input": { "phone": PHONE } });
    assert_eq!(error_of(&bundle.invoke("get-contact", asked).await).0, "ContactNotFound");
    for body in ["secretbody", r#"{"tenant_id":"secret","input":{}}"#, r#"{"input":{"phone":"secret4155550123"}}"#] {
        let records = json!({ "Records": [sqs_record("a", body, None)] });
        assert_eq!(failed_records(&bundle.invoke("create-contact", records).await), ["a"]);
    }
    let input = json!({ "phone": "secret", "name": "Secret", "email": "secret@example.com", "message_id": "4155550123", "occurred_at": "secret" });
    for action in ["create-contact", "record-message", "record-consent", "set-contact-state", "flowiq-create-contact"] {
        error_of(&bundle.invoke(action, bundle.envelope(input.clone()).await).await);
        error_of(&bundle.invoke(action, eventbridge_event("x", &bundle.envelope(input.clone()).await)).await);
    }
    let log = bundle.stop().await;
    for personal in ["secret", "Secret", "4155550123"] {
        assert!(!log.contains(personal), "{log}");
    }
    assert!(log.contains(r#""message":"a record failed""#) && log.contains(r#""error_type":"UnknownEvent""#), "{log}");
}
