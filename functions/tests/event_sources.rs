//! The other doors: direct, queue and bus, of every action function.

use carnet_local::{Options, Outcome};
use serde_json::{Value, json};

use crate::support::{Bundle, Fault, answered, options, template};

const PHONE: &str = "+14155550123";

/// An SQS record, as Lambda hands it over. With a group it is of a FIFO queue.
fn record(id: &str, body: &str, group: Option<&str>) -> Value {
    let mut record = json!({
        "messageId": id, "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...", "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO", "ApproximateFirstReceiveTimestamp": "1545082649185"
        },
        "messageAttributes": {}, "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue", "awsRegion": "us-east-2"
    });
    if let Some(group) = group {
        record["attributes"]["MessageGroupId"] = json!(group);
        record["eventSourceARN"] = json!("arn:aws:sqs:us-east-2:123456789012:my-queue.fifo");
    }
    record
}

fn from_bus(kind: &str, detail: &Value) -> Value {
    json!({
        "version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1602", "detail-type": kind, "source": "crm",
        "account": "123456789012", "time": "2026-11-11T21:29:54Z", "region": "us-east-1", "resources": [], "detail": detail
    })
}

/// The type of an error, and its message, which is JSON.
#[track_caller]
fn failed(outcome: &Outcome) -> (String, Value) {
    let Outcome::Failed(error) = outcome else { panic!("{outcome:?}") };
    let error: Value = serde_json::from_slice(error).unwrap();
    (
        error["errorType"].as_str().unwrap().to_owned(),
        serde_json::from_str(error["errorMessage"].as_str().unwrap()).unwrap(),
    )
}

/// Which records of a batch come again.
#[track_caller]
fn again(outcome: &Outcome) -> Vec<String> {
    let answer = answered(outcome);
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

/// Every action, by every door.
#[tokio::test]
async fn every_action_by_every_door() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": PHONE, "tags": "vip" })).await;
    let (mut posted, at) = (0, "2026-11-11T21:29:54Z");
    for (action, input, key) in [
        ("create-contact", json!({ "phone": PHONE, "name": "Jane" }), "phone"),
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
            json!({ "phone": PHONE, "message_id": "m", "direction": "in", "occurred_at": at }),
            "total_messages",
        ),
        ("record-consent", json!({ "phone": PHONE, "consent": "opt_in", "occurred_at": at }), "opted_in_at"),
        ("set-contact-state", json!({ "phone": PHONE, "archived": true, "occurred_at": at }), "archived"),
    ] {
        // A number is created once.
        let mut next = || {
            let mut input = input.clone();
            if action == "flowiq-create-contact" {
                posted += 1;
                input = json!({ "phone_number": format!("2712345678{posted}") });
            }
            input
        };
        let direct = bundle.invoke(action, bundle.envelope(next()).await).await;
        let output = answered(&direct);
        let found = if key == "0" { &output[0] } else { &output[key] };
        assert!(!found.is_null(), "{action}: {output}");

        for group in [None, Some("group")] {
            let records = json!({ "Records": [record("a", &bundle.envelope(next()).await.to_string(), group)] });
            assert_eq!(again(&bundle.invoke(action, records.clone()).await), Vec::<String>::new(), "{action}");
            // A queue may hand over a message twice, and Pipes hands over the records as they are.
            assert_eq!(
                again(&bundle.invoke(action, records["Records"].clone()).await),
                Vec::<String>::new(),
                "{action}"
            );
        }
        let event = from_bus(action, &bundle.envelope(next()).await);
        for _ in 0..2 {
            assert_eq!(answered(&bundle.invoke(action, event.clone()).await), json!(null), "{action}");
        }
    }
}

/// Types are here to stay, and messages are JSON that says which field is wrong.
#[tokio::test]
async fn failures_can_be_told_apart() {
    let (bundle, tap, _engine) = Bundle::tapped().await;
    let tenant_id = bundle.tenant("demo-token").await.id();
    let nobody = json!({ "message": "contact not found" });
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
            nobody.clone(),
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
        ("get-contact", from_bus("x", &json!({})), "UnknownEvent", unknown("tenant_id is missing")),
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
            json!({ "Records": [record("a", "{}", None)] }),
            "UnknownEvent",
            unknown("the records are not records of a DynamoDB stream"),
        ),
    ] {
        assert_eq!(failed(&bundle.invoke(action, event.clone()).await), (kind.to_owned(), message), "{action} {event}");
    }
    let taken = json!({ "tenant_id": tenant_id, "input": { "phone_number": "27123456789" } });
    answered(&bundle.invoke("flowiq-create-contact", taken.clone()).await);
    assert_eq!(failed(&bundle.invoke("flowiq-create-contact", taken.clone()).await).0, "ContactExists");
    tap.plan(|operation| if operation == "PutItem" { Fault::Throttled } else { Fault::None });
    assert_eq!(failed(&bundle.invoke("flowiq-create-contact", taken.clone()).await).0, "Throttled");
    tap.plan(|operation| if operation == "PutItem" { Fault::Lost } else { Fault::None });
    assert_eq!(
        failed(&bundle.invoke("flowiq-create-contact", taken).await),
        ("InternalError".into(), json!({ "message": "Server Error." }))
    );
}

/// Ten records, of which the third and the seventh are bad.
#[tokio::test]
async fn a_batch_with_two_bad_records() {
    for group in [None, Some("group")] {
        let bundle = Bundle::start().await;
        let mut records = Vec::new();
        for n in 1..=10 {
            let mut body = bundle.envelope(json!({ "phone": format!("+1415555000{}", n % 10) })).await;
            if n == 7 {
                body["tenant_id"] = json!("01890a5d-ac96-774b-bcce-b302099a8057");
            }
            let body = if n == 3 { "{\"tenant_id\":".to_owned() } else { body.to_string() };
            records.push(record(&n.to_string(), &body, group));
        }
        let failed = again(&bundle.invoke("create-contact", json!({ "Records": records })).await);
        let mut made = bundle.call("search-contacts", json!({})).await.each("phone");
        made.sort();
        let of = |numbers: &[u8]| numbers.iter().map(|n| format!("+1415555000{n}")).collect::<Vec<_>>();
        if group.is_none() {
            assert_eq!(failed, ["3", "7"]);
            assert_eq!(made, of(&[0, 1, 2, 4, 5, 6, 8, 9]));
        } else {
            // What follows a failure in its group would overtake it.
            assert_eq!(failed, ["3", "4", "5", "6", "7", "8", "9", "10"]);
            assert_eq!(made, of(&[1, 2]));
        }
    }
}

/// Records that are no calls come back by themselves; what is no record at all fails the event.
#[tokio::test]
async fn records_that_are_no_calls() {
    let bundle = Bundle::start().await;
    let good = record("good", &bundle.envelope(json!({ "phone": PHONE })).await.to_string(), None);
    let mut empty = record("empty", "", None);
    empty.as_object_mut().unwrap().remove("body");
    let records =
        json!([record("a", "", None), empty, record("b", "[]", None), record("c", r#"{"Records":[]}"#, None), good]);
    assert_eq!(again(&bundle.invoke("create-contact", records).await), ["a", "empty", "b", "c"]);
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("phone"), [PHONE]);
    for event in [
        json!([good, { "body": "{}" }]),
        json!([good, 5]),
        json!({ "Records": [] }),
        json!([{ "tenant_id": "x", "input": {} }]),
    ] {
        assert_eq!(failed(&bundle.invoke("create-contact", event.clone()).await).0, "UnknownEvent", "{event}");
    }
}

/// What was done before holds up nobody behind it.
#[tokio::test]
async fn a_group_that_comes_twice() {
    let bundle = Bundle::start().await;
    let mut records = Vec::new();
    for n in 0..10 {
        let body = bundle.envelope(json!({ "phone_number": format!("2712345678{n}") })).await;
        records.push(record(&n.to_string(), &body.to_string(), Some("group")));
    }
    let nine = json!({ "Records": records[..9] });
    assert_eq!(again(&bundle.invoke("flowiq-create-contact", nine).await), Vec::<String>::new());
    assert_eq!(again(&bundle.invoke("flowiq-create-contact", json!(records)).await), Vec::<String>::new());
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("id").len(), 10);
}

/// What is asked for directly is what HTTP shows, to the letter.
#[tokio::test]
async fn metadata_keeps_its_spelling_here_too() {
    let bundle = Bundle::start().await;
    let metadata = r#"{"z":8742.00,"a":123456789012345678901234567890,"b":1e2}"#;
    let created = bundle.call_raw("create-contact", format!(r#"{{"phone":"{PHONE}","metadata":{metadata}}}"#)).await;
    assert_eq!(created.status, 201);
    let outcome = bundle.invoke("get-contact", bundle.envelope(json!({ "phone": PHONE })).await).await;
    let Outcome::Answered(answer) = &outcome else { panic!("{outcome:?}") };
    let shown = bundle.call("get-contact", json!({ "phone": PHONE })).await.body;
    assert!(shown.contains(metadata), "{shown}");
    assert_eq!(std::str::from_utf8(answer).unwrap(), shown);
}

/// What is done when the time runs out is done, and only the rest comes again.
#[tokio::test]
async fn a_batch_that_runs_out_of_time() {
    let directory = tempfile::tempdir().unwrap();
    let hasty = directory.path().join("template.yaml");
    let text = std::fs::read_to_string(template()).unwrap();
    std::fs::write(&hasty, text.replace("Timeout: 10", "Timeout: 2")).unwrap();
    let (bundle, tap, _engine) = Bundle::tapped_with(Options { template: hasty, ..options() }).await;
    let mut records = Vec::new();
    for n in 1..=8 {
        let body = bundle.envelope(json!({ "phone": format!("+1415555000{n}") })).await;
        records.push(record(&n.to_string(), &body.to_string(), None));
    }
    let mut left = 3;
    tap.plan(move |operation| {
        left -= i32::from(operation == "PutItem");
        if operation == "PutItem" && left < 0 { Fault::Hangs } else { Fault::None }
    });
    assert_eq!(again(&bundle.invoke("create-contact", json!(records)).await), ["4", "5", "6", "7", "8"]);
}

/// A failure holds up its own group alone, also where the trouble is the table's.
#[tokio::test]
async fn groups_do_not_wait_for_each_other() {
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
        records.push(record(id, &envelope.to_string(), Some(group)));
    }
    for token in ["demo-token", "acme-token"] {
        bundle.call_as(token, "create-contact", json!({ "phone": PHONE })).await;
    }
    bundle.call("create-contact", json!({ "phone": "+14155550999" })).await;
    assert_eq!(again(&bundle.invoke("update-contact", json!({ "Records": records })).await), ["3", "5"]);
    let jane = bundle.call("get-contact", json!({ "phone": PHONE })).await.json();
    assert_eq!(
        (&jane["name"], &jane["email"], &jane["metadata"]),
        (&json!("First"), &json!("jane@example.com"), &json!({}))
    );
    let theirs = bundle.call_as("acme-token", "get-contact", json!({ "phone": PHONE })).await.json();
    assert_eq!(theirs["metadata"], json!({ "c": 1 }));
}

/// No event is known to be another tenant's, and what is said in one is not logged.
#[tokio::test]
async fn events_keep_to_their_tenant_and_to_themselves() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": PHONE, "name": "Jane" })).await;
    let acme = bundle.tenant("acme-token").await.id();
    let asked = json!({ "tenant_id": acme, "input": { "phone": PHONE } });
    assert_eq!(failed(&bundle.invoke("get-contact", asked).await).0, "ContactNotFound");
    for body in ["secretbody", r#"{"tenant_id":"secret","input":{}}"#, r#"{"input":{"phone":"secret4155550123"}}"#] {
        let records = json!({ "Records": [record("a", body, None)] });
        assert_eq!(again(&bundle.invoke("create-contact", records).await), ["a"]);
    }
    let input = json!({ "phone": "secret", "name": "Secret", "email": "secret@example.com", "message_id": "4155550123", "occurred_at": "secret" });
    for action in ["create-contact", "record-message", "record-consent", "set-contact-state", "flowiq-create-contact"] {
        failed(&bundle.invoke(action, bundle.envelope(input.clone()).await).await);
        failed(&bundle.invoke(action, from_bus("x", &bundle.envelope(input.clone()).await)).await);
    }
    let log = bundle.stop().await;
    for personal in ["secret", "Secret", "4155550123"] {
        assert!(!log.contains(personal), "{log}");
    }
    assert!(log.contains(r#""message":"a record failed""#) && log.contains(r#""error_type":"UnknownEvent""#), "{log}");
}
