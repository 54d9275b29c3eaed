//! `delete-contact`: what is left of a deleted contact, what every other endpoint answers, and what happens when the
//! contact is created again.

use contacts::model::Timestamp;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Bundle, Fault, failed_records, output_of, sqs_record, stored};

const PHONE: &str = "+5511987654321";
const NOT_FOUND: &str = r#"{"error":"Contact not found"}"#;
const DELETED: &str = r#"{"id":"<id>","deleted":true}"#;

/// Creates a contact with memberships under two tags and under the label for numbers.
async fn create(bundle: &Bundle) -> String {
    let body = json!({ "phone": PHONE, "name": "José +1", "email": "Jose@example.com", "tags": "vip, b" });
    bundle.call("create-contact", body).await.id()
}

async fn delete(bundle: &Bundle) {
    bundle.call("delete-contact", json!({ "phone": PHONE })).await.is(200, DELETED);
}

/// Invokes a function for tenant `demo`, which has to succeed.
async fn send(bundle: &Bundle, function: &str, input: Value) -> Value {
    output_of(&bundle.invoke(function, bundle.envelope(input).await).await)
}

/// The time this many seconds from now, as events name it.
fn at(seconds: i64) -> String {
    Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap().to_string()
}

/// The items of tenant `demo` with this prefix.
async fn items(bundle: &Bundle, prefix: &str) -> Vec<stored::Item> {
    let tenant = bundle.tenant("demo-token").await.id().to_string();
    stored::items(bundle.dynamodb(), &tenant, prefix).await
}

fn version(item: &stored::Item) -> u64 {
    item["version"].as_n().unwrap().parse().unwrap()
}

#[tokio::test]
async fn nothing_finds_a_deleted_contact() {
    let bundle = Bundle::start().await;
    let id = create(&bundle).await;
    bundle.call_as("acme-token", "create-contact", json!({ "phone": PHONE, "name": "Theirs" })).await;
    bundle.call("create-contact", json!({ "phone": "+14155550123", "email": "jose@example.com", "tags": "vip" })).await;
    bundle.call("delete-contact", json!({ "phone": "0055 11 8765-4321" })).await.is(200, DELETED);

    for (endpoint, body) in [
        ("get-contact", json!({ "phone": PHONE })),
        ("get-contact", json!({ "contact_id": id })),
        ("update-contact", json!({ "phone": PHONE, "name": "Zé" })),
        ("update-contact", json!({ "contact_id": id, "tags": "vip" })),
        ("add-tag", json!({ "phone": PHONE, "tag": "vip" })),
        ("remove-tag", json!({ "contact_id": id, "tag": "vip" })),
        ("delete-contact", json!({ "phone": PHONE })),
        ("delete-contact", json!({ "contact_id": id })),
    ] {
        bundle.call(endpoint, body).await.is(404, NOT_FOUND);
    }
    assert_eq!(bundle.flowiq_get("phone_number=5511987654321").await.status, 404);
    // The other contact with the address is the one that is found, and the only one.
    let others = bundle.call("get-contact", json!({ "email": "jose@example.com" })).await.json();
    assert_eq!(others["phone"], "+14155550123");
    for body in [json!({}), json!({ "tag": "vip" }), json!({ "email": "jose@example.com" }), json!({ "query": "+1" })] {
        assert_eq!(bundle.call("search-contacts", body.clone()).await.each("phone"), ["+14155550123"], "{body}");
    }
    for body in
        [json!({ "tag": "b" }), json!({ "query": "jose +1" }), json!({ "query": PHONE }), json!({ "query": "98765" })]
    {
        assert_eq!(bundle.call("search-contacts", body.clone()).await.body, "[]", "{body}");
    }
    assert_eq!(bundle.call("list-tags", json!({})).await.each("name"), ["b", "vip"]);
    assert_eq!(bundle.call_as("acme-token", "get-contact", json!({ "phone": PHONE })).await.json()["name"], "Theirs");
    assert!(bundle.stop().await.lines().all(|line| !line.contains("ERROR")), "no read takes a tombstone for a contact");
}

#[tokio::test]
async fn only_the_tombstone_is_left() {
    let bundle = Bundle::start().await;
    let id = create(&bundle).await;
    let now = Timestamp::now();
    delete(&bundle).await;
    assert_eq!(items(&bundle, "tag#").await, [], "memberships");
    let [tombstone] = &items(&bundle, "contact#").await[..] else { panic!("one item is left") };
    let mut attributes: Vec<&str> = tombstone.keys().map(String::as_str).collect();
    attributes.sort_unstable();
    assert_eq!(attributes, ["deleted_at", "item", "tenant_id", "version", "write_ids"]);
    assert_eq!((stored::text(tombstone, "item"), version(tombstone)), (format!("contact#{id}").as_str(), 2));
    let deleted_at: Timestamp = stored::text(tombstone, "deleted_at").parse().unwrap();
    assert!((now..=Timestamp::now()).contains(&deleted_at), "{deleted_at}");
    // Another tenant's token does not delete.
    bundle.call("create-contact", json!({ "phone": PHONE })).await.has("x-contact-outcome", "created");
    bundle.call_as("acme-token", "delete-contact", json!({ "contact_id": id })).await.is(404, NOT_FOUND);
    assert_eq!(bundle.call("get-contact", json!({ "contact_id": id })).await.status, 200);
}

#[tokio::test]
async fn a_contact_that_is_created_again_is_new_and_its_versions_go_on() {
    let bundle = Bundle::start().await;
    let id = create(&bundle).await;
    send(
        &bundle,
        "set-contact-state",
        json!({ "phone": PHONE, "contact_summary": "x", "locale": "pt-BR", "occurred_at": at(-9) }),
    )
    .await;
    for (n, how) in
        ["create-contact", "flowiq-create-contact", "record-message", "record-consent"].into_iter().enumerate()
    {
        delete(&bundle).await;
        let version_deleted = version(&items(&bundle, "contact#").await[0]);
        match how {
            "create-contact" => {
                let again = bundle.call("create-contact", json!({ "phone": PHONE })).await;
                again.has("x-contact-outcome", "created");
            }
            "flowiq-create-contact" => {
                let again = bundle.flowiq_create(json!({ "phone_number": "5511987654321" })).await;
                assert_eq!(again.status, 201, "{again:?}");
            }
            "record-message" => {
                let message = json!({ "phone": PHONE, "message_id": "after", "direction": "in", "occurred_at": at(2) });
                assert_eq!(send(&bundle, how, message).await["total_messages"], 1);
            }
            _ => {
                let consent = json!({ "phone": PHONE, "consent": "opt_in", "occurred_at": at(2) });
                send(&bundle, how, consent).await;
            }
        }
        let contact = bundle.call("get-contact", json!({ "phone": PHONE })).await.json();
        assert_eq!(
            (&contact["id"], &contact["name"], &contact["email"], &contact["locale"], &contact["tags"]),
            (&json!(id), &json!(null), &json!(null), &json!(null), &json!([])),
            "{how}"
        );
        let total = u64::from(how == "record-message");
        assert_eq!((&contact["total_messages"], &contact["opted_out_at"]), (&json!(total), &json!(null)), "{how}");
        assert_eq!(
            bundle.flowiq_get("phone_number=5511987654321").await.json()["contact"]["contact_summary"],
            json!(null)
        );
        let item = &items(&bundle, "contact#").await[0];
        assert_eq!((version(item), n), (version_deleted + 1, n), "{how}");
        assert_eq!(bundle.call("search-contacts", json!({})).await.each("id"), std::slice::from_ref(&id), "{how}");
    }
}

#[tokio::test]
async fn an_opt_out_outlives_the_contact() {
    let bundle = Bundle::start().await;
    create(&bundle).await;
    let consent = async |consent: &str, at: &str| {
        send(&bundle, "record-consent", json!({ "phone": PHONE, "consent": consent, "occurred_at": at })).await;
    };
    let shown = async || {
        let contact = bundle.call("get-contact", json!({ "phone": PHONE })).await.json();
        let flowiq = bundle.flowiq_get("phone_number=5511987654321").await.json();
        assert_eq!(flowiq["contact"]["allow_broadcast"], json!(contact["opted_out_at"].is_null()));
        (contact["opted_in_at"].clone(), contact["opted_out_at"].clone())
    };
    consent("opt_out", "2026-05-07T12:00:00Z").await;
    let out = json!("2026-05-07T12:00:00+00:00");
    // Over two deletions, by each way of creating it.
    delete(&bundle).await;
    bundle
        .call("create-contact", json!({ "phone": PHONE, "name": "Imported" }))
        .await
        .has("x-contact-outcome", "created");
    assert_eq!(shown().await, (json!(null), out.clone()));
    delete(&bundle).await;
    let message = json!({ "phone": PHONE, "message_id": "1", "direction": "in", "occurred_at": at(2) });
    send(&bundle, "record-message", message).await;
    assert_eq!(shown().await, (json!(null), out.clone()));
    delete(&bundle).await;
    bundle.flowiq_create(json!({ "phone_number": "5511987654321" })).await;
    assert_eq!(shown().await, (json!(null), out.clone()));
    assert_eq!(bundle.call("get-contact", json!({ "phone": PHONE })).await.json()["name"], json!(null));

    // Only a later opt-in reopens consent.
    consent("opt_in", "2026-05-07T11:00:00Z").await;
    assert_eq!(shown().await.1, out);
    consent("opt_in", &at(3)).await;
    assert_eq!(shown().await.1, json!(null));
    // The deletion of a contact that has opted in again remembers nothing.
    delete(&bundle).await;
    bundle.call("create-contact", json!({ "phone": PHONE })).await;
    assert_eq!(shown().await, (json!(null), json!(null)));
}

/// Deliveries of a queue, which may be late by days.
#[tokio::test]
async fn events_from_before_the_deletion_change_nothing() {
    let bundle = Bundle::start().await;
    create(&bundle).await;
    let counted = json!({ "phone": PHONE, "message_id": "counted", "direction": "in", "occurred_at": at(-60) });
    send(&bundle, "record-message", counted.clone()).await;
    delete(&bundle).await;
    let late = [
        ("record-message", counted),
        ("record-message", json!({ "phone": PHONE, "message_id": "late", "direction": "in", "occurred_at": at(-30) })),
        ("record-consent", json!({ "phone": PHONE, "consent": "opt_in", "occurred_at": at(-30) })),
        ("set-contact-state", json!({ "phone": PHONE, "contact_summary": "Asked for José", "occurred_at": at(-30) })),
    ];
    let deliver = async || {
        for (function, input) in &late {
            let envelope = bundle.envelope(input.clone()).await;
            let record = sqs_record("1", &envelope.to_string(), None);
            let outcome = bundle.invoke(function, json!({ "Records": [record] })).await;
            assert_eq!(failed_records(&outcome), [""; 0], "{function} {input}");
        }
    };
    let before = items(&bundle, "").await;
    deliver().await;
    assert_eq!(items(&bundle, "").await, before);
    for (function, input) in &late {
        let outcome = bundle.invoke(function, bundle.envelope(input.clone()).await).await;
        let (error_type, _) = crate::support::error_of(&outcome);
        assert_eq!(error_type, "ContactNotFound", "{function} {input}");
    }
    // Nor do they change the contact that was created since: its state and messages are those of after the deletion.
    bundle.call("create-contact", json!({ "phone": PHONE })).await;
    let created = bundle.call("get-contact", json!({ "phone": PHONE })).await.body;
    deliver().await;
    assert_eq!(bundle.call("get-contact", json!({ "phone": PHONE })).await.body, created);
    assert_eq!(bundle.flowiq_get("phone_number=5511987654321").await.json()["contact"]["contact_summary"], json!(null));
}

/// The person said it before the contact was deleted, and its delivery was slow, or they said it afterwards.
#[tokio::test]
async fn the_opt_out_of_a_deleted_contact_is_remembered_without_creating_the_contact() {
    for (seconds, by_id) in [(-30, false), (-30, true), (60, false), (60, true)] {
        let bundle = Bundle::start().await;
        let id = create(&bundle).await;
        delete(&bundle).await;
        let out = at(seconds);
        let (target, value) = if by_id { ("contact_id", id.as_str()) } else { ("phone", PHONE) };
        let input = json!({ target: value, "consent": "opt_out", "occurred_at": out, "method": "keyword" });
        let deliver = async || {
            let envelope = bundle.envelope(input.clone()).await;
            let record = sqs_record("1", &envelope.to_string(), None);
            let outcome = bundle.invoke("record-consent", json!({ "Records": [record] })).await;
            assert_eq!(failed_records(&outcome), [""; 0]);
        };
        deliver().await;
        deliver().await;
        bundle.call("get-contact", json!({ "phone": PHONE })).await.is(404, NOT_FOUND);
        let tombstone = &items(&bundle, "contact#").await[0];
        assert_eq!((stored::text(tombstone, "opted_out_at"), version(tombstone)), (out.as_str(), 3), "written once");
        bundle.call("create-contact", json!({ "phone": PHONE })).await.has("x-contact-outcome", "created");
        assert_eq!(bundle.call("get-contact", json!({ "phone": PHONE })).await.json()["opted_out_at"], out);
        deliver().await;
        assert_eq!(version(&items(&bundle, "contact#").await[0]), 4, "the contact has it already");
        bundle.caught_up().await;
        let types: Vec<Value> = bundle.events().iter().map(|event| event["detail-type"].clone()).collect();
        let expected = ["created", "tagged", "deleted", "created", "opted_out"].map(|kind| format!("contact.{kind}"));
        assert_eq!(types, expected);
    }
}

#[tokio::test]
async fn a_deletion_is_one_event_without_personal_data() {
    for detail in ["names", "contact"] {
        let mut options = crate::support::options();
        options.parameters.insert("EventDetail".into(), detail.into());
        let bundle = Bundle::with(options).await;
        let id = create(&bundle).await;
        bundle.caught_up().await;
        let before = bundle.events().len();
        delete(&bundle).await;
        bundle.caught_up().await;
        let events = bundle.events();
        let [event] = &events[before..] else { panic!("{:?}", &events[before..]) };
        let mut detail = event["detail"].clone();
        let time = detail["time"].take();
        assert!(time.as_str().is_some_and(|time| time.parse::<Timestamp>().is_ok()), "{time}");
        assert!(uuid_like(&detail["event_id"].take()));
        let tenant = bundle.tenant("demo-token").await.id();
        assert_eq!(event["detail-type"], "contact.deleted");
        let expected = json!({ "tenant_id": tenant, "contact_id": id, "version": 2, "time": null, "event_id": null });
        assert_eq!(detail, expected);
        // A tombstone that is removed by hand publishes nothing, and makes no dead letter.
        let tombstone = &items(&bundle, "contact#").await[0];
        let key = ["tenant_id", "item"].map(|name| (name.to_owned(), tombstone[name].clone()));
        let removal = bundle.dynamodb().delete_item().table_name("ContactsTable").set_key(Some(key.into()));
        removal.send().await.unwrap();
        bundle.caught_up().await;
        assert_eq!((bundle.events().len(), bundle.dead_letters().len()), (before + 1, 0));
    }
}

fn uuid_like(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 36)
}

/// By SQS and EventBridge, a deletion that is delivered again is done.
#[tokio::test]
async fn a_redelivered_deletion_succeeds() {
    let bundle = Bundle::start().await;
    let id = create(&bundle).await;
    let envelope = bundle.envelope(json!({ "contact_id": id })).await;
    assert_eq!(
        output_of(&bundle.invoke("delete-contact", envelope.clone()).await),
        json!({ "id": id, "deleted": true })
    );
    let record = sqs_record("1", &envelope.to_string(), None);
    assert_eq!(failed_records(&bundle.invoke("delete-contact", json!({ "Records": [record] })).await), [""; 0]);
    let event = crate::support::eventbridge_event("delete-contact", &envelope);
    assert_eq!(output_of(&bundle.invoke("delete-contact", event).await), json!(null));
    let (error_type, _) = crate::support::error_of(&bundle.invoke("delete-contact", envelope).await);
    assert_eq!(error_type, "ContactNotFound");
}

/// The response is lost, or DynamoDB reports a failure, after the deletion was applied.
#[tokio::test]
async fn a_deletion_whose_response_is_lost_is_recognised() {
    for tags in ["", "vip"] {
        for fault in [Fault::LostResponse, Fault::CutResponse, Fault::InternalErrorAfterwards] {
            let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
            bundle.call("create-contact", json!({ "phone": PHONE, "tags": tags })).await;
            proxy.inject_once(if tags.is_empty() { "PutItem" } else { "TransactWriteItems" }, fault);
            delete(&bundle).await;
            assert_eq!(version(&items(&bundle, "contact#").await[0]), 2, "{fault:?}: deleted once");
        }
    }
}

/// Create, change, tag and delete at the same time: the versions of all writes are one sequence, so no write was lost, and
/// what is left agrees with itself.
#[tokio::test]
async fn simultaneous_deletions_and_writes_agree() {
    let bundle = Bundle::start().await;
    for round in 0..3 {
        create(&bundle).await;
        let calls = (0..40).map(|n| match n % 4 {
            0 => bundle.call("delete-contact", json!({ "phone": PHONE })),
            1 => bundle.call("create-contact", json!({ "phone": PHONE, "tags": format!("t{n}") })),
            2 => bundle.call("update-contact", json!({ "phone": PHONE, "metadata": { format!("k{n}"): n } })),
            _ => bundle.call("add-tag", json!({ "phone": PHONE, "tag": "a" })),
        });
        let calls: Vec<_> = calls.collect();
        let replies = join_all(calls).await;
        for (n, reply) in replies.iter().enumerate() {
            let allowed: &[u16] = if n % 4 == 1 { &[201] } else { &[200, 404] };
            assert!(allowed.contains(&reply.status), "{round} {n}: {reply:?}");
        }
        let (contacts, tags, definitions) =
            (items(&bundle, "contact#").await, items(&bundle, "tag#").await, items(&bundle, "tagdef#").await);
        assert_eq!(stored::contradictions(&contacts, &tags, &definitions), [], "{round}");
        bundle.caught_up().await;
        let count = |kind: &str| bundle.events().iter().filter(|event| event["detail-type"] == kind).count();
        let exists = usize::from(bundle.call("get-contact", json!({ "phone": PHONE })).await.status == 200);
        assert_eq!(count("contact.created"), count("contact.deleted") + exists, "{round}");
        let events = bundle.events();
        let versions: Vec<u64> = events.iter().map(|event| event["detail"]["version"].as_u64().unwrap()).collect();
        assert!(versions.is_sorted(), "{round}: {versions:?}");
        if exists == 1 {
            delete(&bundle).await;
        }
    }
}
