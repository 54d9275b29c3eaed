//! Changes that can never be published go to the dead-letter queue at once and hold nothing up; those that cannot be
//! published for now are retried.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::support::{Bundle, EventRefusal, Fault, Options, failed_records, options, output_of};

const PHONE: &str = "+14155550123";

/// Jane, the contact whose changes are not published.
fn jane() -> Value {
    json!({ "phone": PHONE, "name": "Jane", "email": "jane@example.com", "tags": "vip", "metadata": { "note": "secret" } })
}

/// A bundle that retries quickly, with this value of the parameter `EventDetail`.
async fn bundle(event_detail: &str) -> Bundle {
    let mut options = Options { backoff: Duration::from_millis(5), ..options() };
    options.parameters.insert("EventDetail".into(), event_detail.into());
    Bundle::with(options).await
}

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// Edits an attribute of a contact of tenant `demo` behind the table's back.
async fn edit(bundle: &Bundle, id: &str, attribute: &str, value: String) {
    let update = bundle.dynamodb().update_item().table_name("ContactsTable");
    let update = update
        .key("tenant_id", s(bundle.tenant("demo-token").await.id().to_string()))
        .key("item", s(format!("contact#{id}")))
        .update_expression("SET #attribute = :value")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":value", s(value));
    update.send().await.unwrap();
}

/// Writes an item that has only keys and an attribute that is not one of Carnet's.
async fn put(bundle: &Bundle, tenant_id: &str, item: &str) {
    let put = bundle.dynamodb().put_item().table_name("ContactsTable");
    let put = put.item("tenant_id", s(tenant_id)).item("item", s(item)).item("note", s("Jane"));
    put.send().await.unwrap();
}

/// Waits until every change is published, or is a dead letter.
async fn caught_up(bundle: &Bundle) {
    let caught_up = tokio::time::timeout(Duration::from_secs(30), bundle.caught_up()).await;
    caught_up.expect("the change feed is not blocked");
}

/// Creates a contact of tenant `acme` and waits until it is published.
async fn acme_is_published(bundle: &Bundle) {
    let id = bundle.call_as("acme-token", "create-contact", json!({ "phone": PHONE })).await.id();
    caught_up(bundle).await;
    let mut events = events_of(bundle, &id);
    // Published again, with the same id, if it is in one batch with a record that is retried.
    events.dedup_by(|one, other| one["detail"]["event_id"] == other["detail"]["event_id"]);
    let kinds: Vec<&Value> = events.iter().map(|event| &event["detail-type"]).collect();
    assert_eq!(kinds, ["contact.created"]);
}

/// The events of a contact so far.
fn events_of(bundle: &Bundle, id: &str) -> Vec<Value> {
    bundle.events().into_iter().filter(|event| event["detail"]["contact_id"] == id).collect()
}

/// Their detail types.
fn kinds(bundle: &Bundle, id: &str) -> Vec<String> {
    events_of(bundle, id).iter().map(|event| event["detail-type"].as_str().unwrap().to_owned()).collect()
}

/// The details of the dead letters so far, and that each is a whole event.
fn dead_letters(bundle: &Bundle) -> Vec<Value> {
    let letters = bundle.dead_letters();
    let events = bundle.events();
    for letter in &letters {
        assert!(events.contains(letter), "{letter}");
        assert_eq!(
            (&letter["source"], &letter["detail-type"]),
            (&json!("carnet"), &json!("stream-record.unpublished"))
        );
    }
    letters.into_iter().map(|mut letter| letter["detail"].take()).collect()
}

/// Stops the bundle. Returns the lines of the log at level ERROR, after checking that neither the log nor `published`
/// contains personal data.
async fn errors(bundle: Bundle, published: &[Value]) -> Vec<Value> {
    let log = bundle.stop().await;
    for text in [&log, &json!(published).to_string()] {
        for personal in ["4155550123", "Jane", "jane", "vip", "secret", "yesterday"] {
            assert!(!text.contains(personal), "{personal}: {text}");
        }
    }
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["level"] == "ERROR").collect()
}

#[tokio::test]
async fn an_unreadable_item_is_a_dead_letter() {
    let bundle = bundle("contact").await;
    let tenant_id = bundle.tenant("demo-token").await.id();
    let id = bundle.call("create-contact", jane()).await.id();
    caught_up(&bundle).await;
    edit(&bundle, &id, "created_at", "yesterday".into()).await;
    acme_is_published(&bundle).await;
    assert_eq!(kinds(&bundle, &id), ["contact.created", "contact.tagged"]);

    let letters = dead_letters(&bundle);
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    let mut detail = letter.clone();
    let sequence_number = detail["sequence_number"].take();
    assert!(sequence_number.as_str().is_some_and(|number| number.len() == 21), "{letter}");
    assert!(detail["time"].take().as_str().is_some_and(|time| time.ends_with("+00:00")), "{letter}");
    let reason = "the record's new image is not a valid contact";
    let expected = json!({
        "tenant_id": tenant_id, "item": format!("contact#{id}"), "sequence_number": null, "event_name": "MODIFY",
        "time": null, "reason": reason,
    });
    assert_eq!(detail, expected);
    let errors = errors(bundle, &letters).await;
    let [error] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!((&error["record_id"], &error["item"]), (&sequence_number, &expected["item"]));
    assert_eq!((&error["tenant_id"], &error["reason"]), (&expected["tenant_id"], &json!(reason)));
}

#[tokio::test]
async fn keys_that_are_not_ids_are_left_out_of_dead_letters() {
    let bundle = bundle("names").await;
    let tenant_id = bundle.tenant("demo-token").await.id().to_string();
    put(&bundle, &tenant_id, &format!("contact#{PHONE}")).await;
    put(&bundle, "Jane", "contact#d6f0d85e-0a0b-5c1d-9e2f-3a4b5c6d7e8f").await;
    acme_is_published(&bundle).await;
    let letters = dead_letters(&bundle);
    let keys: Vec<[&Value; 2]> = letters.iter().map(|letter| [&letter["tenant_id"], &letter["item"]]).collect();
    let (no_key, item) = (json!(null), json!("contact#d6f0d85e-0a0b-5c1d-9e2f-3a4b5c6d7e8f"));
    assert_eq!(keys, [[&json!(tenant_id), &no_key], [&no_key, &item]]);
    for letter in &letters {
        assert_eq!(letter["reason"], "the record's keys are not those of a contact");
        assert_eq!(letter["event_name"], "INSERT");
    }
    assert_eq!(errors(bundle, &letters).await.len(), 2);
}

/// Nested so deeply that the metadata can be parsed by itself, and not as a part of an event.
#[tokio::test]
async fn an_event_that_the_bus_cannot_parse_is_published_without_the_contact() {
    let bundle = bundle("contact").await;
    let deep = format!("{}{}", "[".repeat(126), "]".repeat(126));
    let body = format!(r#"{{"phone":"{PHONE}","name":"Jane","metadata":{{"a":{deep}}}}}"#);
    let id = bundle.call_raw("create-contact", body).await.id();
    acme_is_published(&bundle).await;
    assert_eq!(kinds(&bundle, &id), ["contact.created"]);
    assert_eq!(events_of(&bundle, &id)[0]["detail"]["contact"], json!(null));
    assert_eq!(dead_letters(&bundle), [json!(null); 0]);
    let log = bundle.stop().await;
    let line = log.lines().find(|line| line.contains("an event was refused")).expect("a warning");
    assert!(line.contains("MalformedDetail") && line.contains(&id), "{line}");
    assert!(!log.contains("4155550123") && !log.contains("Jane"), "{log}");
}

/// Larger than an entry of PutEvents may be. Only an item that was edited can be so large.
#[tokio::test]
async fn an_event_that_is_too_large_is_published_without_the_contact() {
    let bundle = bundle("contact").await;
    let id = bundle.call("create-contact", jane()).await.id();
    edit(&bundle, &id, "metadata", format!(r#"{{"note":"{}"}}"#, "secret".repeat(50_000))).await;
    acme_is_published(&bundle).await;
    assert_eq!(kinds(&bundle, &id), ["contact.created", "contact.tagged", "contact.updated"]);
    let events = events_of(&bundle, &id);
    assert_eq!(events[0]["detail"]["contact"]["name"], "Jane");
    assert_eq!(
        (&events[2]["detail"]["changed"], &events[2]["detail"]["contact"]),
        (&json!(["metadata"]), &json!(null))
    );
    // Metadata that is not JSON cannot be part of an event either.
    edit(&bundle, &id, "metadata", r#"{"note":"secret""#.into()).await;
    caught_up(&bundle).await;
    assert_eq!(kinds(&bundle, &id)[3..], ["contact.updated"]);
    assert_eq!(events_of(&bundle, &id)[3]["detail"]["contact"], json!(null));
    assert_eq!(dead_letters(&bundle), [json!(null); 0]);
    let log = bundle.stop().await;
    assert!(log.contains("the event is larger than 256 KB") && log.contains(&id), "{log}");
    assert!(!log.contains("4155550123") && !log.contains("secret"), "{log}");
}

#[tokio::test]
async fn an_event_that_the_bus_refuses_for_good_is_a_dead_letter() {
    // With personal data, an event is sent once more without it.
    for (event_detail, times) in [("contact", 2), ("names", 1)] {
        for refusal in [EventRefusal::Entry("MalformedDetail"), EventRefusal::Request("ValidationException")] {
            let bundle = bundle(event_detail).await;
            let sent: Arc<Mutex<Vec<Value>>> = Arc::default();
            let log = Arc::clone(&sent);
            let tenant_id = bundle.tenant("demo-token").await.id().to_string();
            let of_demo = format!(r#""tenant_id":"{tenant_id}""#);
            bundle.refuse_events(move |entry| {
                let detail = entry["Detail"].as_str().unwrap();
                let refuse = entry["DetailType"] != "stream-record.unpublished" && detail.contains(&of_demo);
                if refuse {
                    log.lock().unwrap().push(serde_json::from_str(detail).unwrap());
                }
                refuse.then_some(refusal)
            });
            let id = bundle.call("create-contact", jane()).await.id();
            acme_is_published(&bundle).await;
            assert_eq!(kinds(&bundle, &id), [""; 0]);

            let sent = std::mem::take(&mut *sent.lock().unwrap());
            let letters = dead_letters(&bundle);
            let refused: Vec<&Value> = letters.iter().map(|letter| &letter["detail_type"]).collect();
            assert_eq!(refused, ["contact.created", "contact.tagged"]);
            for letter in &letters {
                assert_eq!(letter["item"], format!("contact#{id}"));
                assert_eq!(letter["reason"], "EventBridge refused the event");
                let code = match refusal {
                    EventRefusal::Entry(code) | EventRefusal::Request(code) => code,
                };
                assert_eq!(letter["error_code"], code);
                let forms: Vec<&Value> = sent.iter().filter(|event| event["event_id"] == letter["event_id"]).collect();
                let personal = |event: &Value| event["contact"].is_object() || event["tags"].is_array();
                let without = forms.iter().filter(|event| !personal(event)).count();
                assert!(without > 0 && (forms.len() > without) == (times == 2), "{forms:?}");
                if refusal == EventRefusal::Entry("MalformedDetail") {
                    assert_eq!(forms.len(), times, "no attempt is wasted");
                }
            }
            let errors = errors(bundle, &letters).await;
            assert_eq!(errors.len(), 2, "{errors:?}");
            assert!(errors.iter().all(|error| error["item"] == format!("contact#{id}")), "{errors:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_while_the_bus_is_unavailable() {
    // Each for longer than the attempts of one invocation: 4 of each entry, of which each is up to 4 of the SDK.
    let unavailable = [
        (EventRefusal::Entry("ThrottlingException"), 10),
        (EventRefusal::Entry("InternalFailure"), 10),
        (EventRefusal::Request("InternalException"), 17),
        (EventRefusal::Request("ThrottlingException"), 17),
    ];
    for (refusal, times) in unavailable {
        let bundle = bundle("contact").await;
        let id = bundle.call("create-contact", jane()).await.id();
        caught_up(&bundle).await;
        let left = AtomicUsize::new(times);
        bundle.refuse_events(move |_| {
            let refused = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            refused.ok().map(|_| refusal)
        });
        edit(&bundle, &id, "created_at", "yesterday".into()).await;
        acme_is_published(&bundle).await;
        let letters = dead_letters(&bundle);
        let [letter] = &letters[..] else { panic!("{refusal:?}: {letters:?}") };
        assert_eq!(letter["item"], format!("contact#{id}"));
        let errors = errors(bundle, &letters).await;
        assert!(errors.len() > 1, "{refusal:?}: the record was redelivered: {errors:?}");
    }
}

/// A record is done only when its dead letter is on the bus.
#[tokio::test]
async fn a_record_whose_dead_letter_is_refused_is_retried() {
    let bundle = bundle("names").await;
    let left = AtomicUsize::new(5);
    bundle.refuse_events(move |entry| {
        let is_letter = entry["DetailType"] == "stream-record.unpublished";
        let refuse = |left: usize| left.checked_sub(usize::from(is_letter));
        let refused = is_letter && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuse).is_ok();
        refused.then_some(EventRefusal::Entry("AccessDeniedException"))
    });
    put(&bundle, "Jane", "contact#1").await;
    acme_is_published(&bundle).await;
    let letters = dead_letters(&bundle);
    assert_eq!(letters.len(), 1, "{letters:?}");
    let errors = errors(bundle, &letters).await;
    let retried = errors.iter().filter(|error| error["message"] == "a dead letter was refused; its record is retried");
    assert_eq!(retried.count(), 5);
}

#[tokio::test]
async fn an_unreadable_tenant_holds_up_no_other_tenant() {
    let bundle = bundle("names").await;
    let tenant_id = bundle.tenant("demo-token").await.id().to_string();
    // create-contact has the tenant in its cache from here on.
    bundle.call("create-contact", json!({ "phone": "x" })).await;
    let update = bundle.dynamodb().update_item().table_name("AccessTable").key("key", s(format!("tenant#{tenant_id}")));
    let update = update.update_expression("SET slug = :broken").expression_attribute_values(":broken", s("Not a slug"));
    update.send().await.unwrap();
    // Only tags need the tenant.
    let untagged = bundle.call("create-contact", json!({ "phone": "+14155550124" })).await.id();
    let tagged = bundle.call("create-contact", jane()).await.id();
    acme_is_published(&bundle).await;
    assert_eq!((kinds(&bundle, &untagged), kinds(&bundle, &tagged)), (vec!["contact.created".to_owned()], Vec::new()));
    let letters = dead_letters(&bundle);
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter["item"], format!("contact#{tagged}"));
    assert_eq!(letter["reason"], "the tenant's item in the access table cannot be read");
    assert_eq!(errors(bundle, &letters).await.len(), 1);
}

#[tokio::test]
async fn a_record_whose_tenant_cannot_be_looked_up_for_now_is_retried() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let id = bundle.call("create-contact", jane()).await.id();
    let tenant_id = bundle.tenant("demo-token").await.id().to_string();
    let key = |name: &str, value: String| (name.to_owned(), s(value));
    let get = bundle.dynamodb().get_item().table_name("ContactsTable");
    let get = get.set_key(Some([key("tenant_id", tenant_id.clone()), key("item", format!("contact#{id}"))].into()));
    let item = get.send().await.unwrap().item.unwrap();
    let image: Value =
        item.iter().map(|(name, value)| (name.clone(), super::change_feed::dynamodb_json(value))).collect();
    let record = json!({
        "eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
        "dynamodb": {
            "Keys": { "tenant_id": { "S": tenant_id }, "item": { "S": format!("contact#{id}") } },
            "NewImage": image, "SequenceNumber": "1", "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    });
    let records = json!({ "Records": [record] });
    // Starts the process, which opens its connection before the fault.
    output_of(&bundle.invoke("publish-changes", json!({ "Records": [] })).await);
    for fault in [Fault::Throttled, Fault::LostRequest, Fault::Rejected] {
        proxy.inject(move |_| fault);
        assert_eq!(failed_records(&bundle.invoke("publish-changes", records.clone()).await), ["1"], "{fault:?}");
    }
    assert_eq!((bundle.events().len(), bundle.dead_letters().len()), (0, 0));
    proxy.inject(|_| Fault::None);
    assert_eq!(failed_records(&bundle.invoke("publish-changes", records).await), [""; 0]);
    assert_eq!(kinds(&bundle, &id), ["contact.created", "contact.tagged"]);
}

/// The filter of the event source mapping looks at the keys only.
#[tokio::test]
async fn only_items_of_contacts_invoke_the_change_feed() {
    let bundle = bundle("names").await;
    let tenant_id = bundle.tenant("demo-token").await.id().to_string();
    for item in ["tag#vip#d6f0d85e-0a0b-5c1d-9e2f-3a4b5c6d7e8f", "tagdef#vip", "event#message#contact#1", "contact"] {
        put(&bundle, &tenant_id, item).await;
    }
    caught_up(&bundle).await;
    assert_eq!(bundle.processes("publish-changes"), 0);
    put(&bundle, &tenant_id, "contact#d6f0d85e-0a0b-5c1d-9e2f-3a4b5c6d7e8f").await;
    caught_up(&bundle).await;
    assert_eq!((bundle.processes("publish-changes"), dead_letters(&bundle).len()), (1, 1));
}
