//! The change feed, and events by the old number or id.

use contacts::model::Contact;
use contacts::store::Error;
use serde_json::{Value, json};

use super::{FIRST, SECOND, THIRD, assert_consistent, at, by_id, change, create, number, send, tenant};
use crate::support::{Bundle, options, output_of, sqs_record};

/// What the change feed publishes since the last call: the type without `contact.`, the ids and the changed fields.
async fn published(bundle: &Bundle, since: &mut usize) -> Vec<String> {
    bundle.caught_up().await;
    let events = bundle.events();
    let describe = |event: &Value| {
        let detail = &event["detail"];
        let changed: Vec<&str> =
            detail["changed"].as_array().into_iter().flatten().map(|field| field.as_str().unwrap()).collect();
        let kind = event["detail-type"].as_str().unwrap().trim_start_matches("contact.");
        let id = |name: &str| detail[name].as_str().unwrap_or("-").to_owned();
        format!("{kind} {} {} {} {}", id("contact_id"), id("previous_id"), detail["version"], changed.join(","))
    };
    let described = events[*since..].iter().map(describe).collect();
    *since = events.len();
    described
}

#[tokio::test]
async fn a_change_of_number_publishes_one_update_with_both_ids() {
    let mut settings = options();
    settings.parameters.insert("EventDetail".into(), "contact".into());
    let bundle = Bundle::with(settings).await;
    let tenant = tenant(&bundle).await;
    let old = create(&bundle, json!({ "phone": FIRST, "name": "Jane", "tags": "vip, b" })).await;
    let mut since = 0;
    assert_eq!(published(&bundle, &mut since).await.len(), 2);
    let rename = |contact: Contact| Ok::<_, Error>(Contact { name: Some("Janet".parse().unwrap()), ..contact });
    let new = bundle.table.change_phone(&tenant, old, &number(SECOND), rename).await.unwrap().0.id;
    assert_eq!(published(&bundle, &mut since).await, [format!("updated {new} {old} 2 phone,name")]);
    let event = bundle.events().pop().unwrap();
    assert_eq!(
        (&event["detail"]["contact"]["phone"], &event["detail"]["contact"]["tags"]),
        (&json!(SECOND), &json!(["vip", "b"]))
    );
    // Later changes have the new id only, and the marks of the move are gone.
    bundle.call("update-contact", json!({ "contact_id": old, "name": "Jane" })).await;
    assert_eq!(published(&bundle, &mut since).await, [format!("updated {new} - 3 name")]);
    bundle.call("create-contact", json!({ "phone": FIRST })).await;
    assert_eq!(published(&bundle, &mut since).await, [format!("created {old} - 3 ")]);
    bundle.call("delete-contact", json!({ "contact_id": new })).await;
    assert_eq!(published(&bundle, &mut since).await, [format!("deleted {new} - 4 ")]);

    // A number that opted out before its contact was deleted is still opted out.
    let third = create(&bundle, json!({ "phone": THIRD })).await;
    for _ in 0..3 {
        bundle.call("update-contact", json!({ "phone": THIRD, "name": format!("{}", fastrand::u32(..)) })).await;
    }
    send(&bundle, "record-consent", json!({ "phone": THIRD, "consent": "opt_out", "occurred_at": at(-50) })).await;
    bundle.call("delete-contact", json!({ "phone": THIRD })).await;
    published(&bundle, &mut since).await;
    let (moved, _) = change(&bundle, old, THIRD).await.unwrap();
    assert_eq!((moved.version, moved.opted_out_at.is_some(), moved.id), (7, true, third));
    let expected = [format!("updated {third} {old} 7 phone"), format!("opted_out {third} - 7 ")];
    assert_eq!(published(&bundle, &mut since).await, expected);
    assert_eq!(bundle.dead_letters(), [json!(null); 0]);
    assert_consistent(&bundle).await;
}

#[tokio::test]
async fn events_are_about_who_had_the_number_when_they_occurred() {
    let bundle = Bundle::start().await;
    let old = create(&bundle, json!({ "phone": FIRST })).await;
    let new = change(&bundle, old, SECOND).await.unwrap().0.id;
    let message = |reference: (&str, Value), id: &str, seconds: i64| {
        let mut input = json!({ "message_id": id, "direction": "in", "occurred_at": at(seconds) });
        input[reference.0] = reference.1;
        input
    };
    let phone = || ("phone", json!(FIRST));
    let by_old_id = || ("contact_id", json!(old));
    // From before the change, and by id whenever.
    for (input, count) in [(message(phone(), "1", -60), 1), (message(by_old_id(), "2", 100), 2)] {
        let answer = send(&bundle, "record-message", input).await;
        assert_eq!((&answer["id"], &answer["total_messages"]), (&json!(new), &json!(count)), "{answer}");
    }
    let state = json!({ "phone": FIRST, "bot_status": "paused", "occurred_at": at(-60) });
    assert_eq!(send(&bundle, "set-contact-state", state).await["id"], json!(new));
    let consent = json!({ "phone": FIRST, "consent": "opt_out", "occurred_at": at(-60) });
    assert_eq!(send(&bundle, "record-consent", consent).await["id"], json!(new));
    assert_eq!(bundle.call("get-contact", json!({ "phone": FIRST })).await.status, 404);

    // A batch with messages from before and after: each finds its contact, and a redelivery counts nothing.
    let inputs = [
        message(phone(), "3", -50),
        message(phone(), "4", 100),
        message(by_old_id(), "5", -40),
        message(phone(), "6", 110),
        message(phone(), "7", -30),
    ];
    let mut records = Vec::new();
    for (n, input) in inputs.into_iter().enumerate() {
        records.push(sqs_record(&n.to_string(), &bundle.envelope(input).await.to_string(), None));
    }
    for _ in 0..2 {
        let outcome = bundle.invoke("record-message", json!({ "Records": records })).await;
        assert_eq!(output_of(&outcome), json!({ "batchItemFailures": [] }));
        // The second message has created a contact with the number, and later ones from before the change are not its own.
        assert_eq!(
            (&by_id(&bundle, new).await["total_messages"], &by_id(&bundle, old).await["total_messages"]),
            (&json!(3), &json!(2))
        );
    }
    assert_consistent(&bundle).await;
}

#[tokio::test]
async fn an_opt_out_of_the_old_number_is_remembered_with_it() {
    let bundle = Bundle::start().await;
    let first = create(&bundle, json!({ "phone": FIRST })).await;
    let second = change(&bundle, first, SECOND).await.unwrap().0.id;
    let consent = json!({ "phone": FIRST, "consent": "opt_out", "occurred_at": at(100) });
    let record = sqs_record("1", &bundle.envelope(consent).await.to_string(), None);
    let outcome = bundle.invoke("record-consent", json!({ "Records": [record] })).await;
    assert_eq!(output_of(&outcome), json!({ "batchItemFailures": [] }));
    // It is about the contact with the number, which does not exist.
    assert_eq!(by_id(&bundle, second).await["opted_out_at"], json!(null));
    assert_eq!(bundle.call("get-contact", json!({ "phone": FIRST })).await.status, 404);
    assert_consistent(&bundle).await;
    let (contact, _) = change(&bundle, second, FIRST).await.unwrap();
    assert!(contact.opted_out_at.is_some() && contact.predecessor_deleted_at.is_none(), "{contact:?}");
    // Of an opt-in that is later than the opt-out that a former number remembers, nothing is lost.
    send(&bundle, "record-consent", json!({ "contact_id": second, "consent": "opt_in", "occurred_at": at(200) })).await;
    for phone in [SECOND, FIRST] {
        let (contact, _) = change(&bundle, first, phone).await.unwrap();
        assert_eq!((contact.opted_out_at, contact.opted_in_at.is_some()), (None, true), "{phone}");
    }
}
