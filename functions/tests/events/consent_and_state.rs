//! The functions `record-consent` and `set-contact-state`: for each field the event with the latest `occurred_at` wins, in
//! whichever order events arrive.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::support::{Bundle, InvocationOutcome};

const PHONE: &str = "+27123456789";

/// Invokes a function for tenant `demo`. The output, or the error.
async fn send(bundle: &Bundle, function: &str, input: Value) -> Value {
    let outcome = bundle.invoke(function, bundle.envelope(input).await).await;
    let (InvocationOutcome::Answered(answer) | InvocationOutcome::Failed(answer)) = &outcome else {
        panic!("{outcome:?}")
    };
    serde_json::from_slice(answer).unwrap()
}

/// Sends a consent event that occurred at this time of day (`HH:MM`).
async fn record_consent(bundle: &Bundle, consent: &str, time: &str) -> Value {
    let at = format!("2026-05-07T{time}:00Z");
    send(
        bundle,
        "record-consent",
        json!({ "phone": PHONE, "consent": consent, "occurred_at": at, "method": "keyword" }),
    )
    .await
}

/// The times of the opt-in and the opt-out as Qyvo shows them (`HH:MM`), and FlowIQ's `allow_broadcast`.
async fn shown(bundle: &Bundle) -> (Value, Value, Value) {
    let qyvo = bundle.call("get-contact", json!({ "phone": PHONE })).await.json();
    let flowiq = bundle.flowiq_get("phone_number=27123456789").await.json();
    let hour = |time: &Value| time.as_str().map_or(json!(null), |time| json!(time[11..16]));
    (hour(&qyvo["opted_in_at"]), hour(&qyvo["opted_out_at"]), flowiq["contact"]["allow_broadcast"].clone())
}

#[tokio::test]
async fn an_opt_in_older_than_the_opt_out_does_not_undo_it() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": PHONE, "name": "Thandi" })).await;
    assert_eq!(shown(&bundle).await, (json!(null), json!(null), json!(true)));
    record_consent(&bundle, "opt_out", "12:00").await;
    let out = (json!(null), json!("12:00"), json!(false));
    assert_eq!(shown(&bundle).await, out);
    let answer = record_consent(&bundle, "opt_in", "11:00").await;
    assert_eq!(
        (&answer["opted_in_at"], &answer["opted_out_at"]),
        (&json!("2026-05-07T11:00:00+00:00"), &json!("2026-05-07T12:00:00+00:00"))
    );
    let still_out = (json!("11:00"), json!("12:00"), json!(false));
    assert_eq!(shown(&bundle).await, still_out);

    // No other endpoint can undo the opt-out.
    for body in [
        json!({ "phone": PHONE, "name": "Imported", "tags": "import", "metadata": { "opted_in_at": "now" }, "opted_out_at": null }),
        json!({ "phone": PHONE, "opted_in_at": "2026-06-01T00:00:00Z" }),
    ] {
        bundle.call("create-contact", body.clone()).await;
        bundle.call("update-contact", body).await;
        assert_eq!(shown(&bundle).await, still_out);
    }
    record_consent(&bundle, "opt_out", "12:00").await;
    assert_eq!(shown(&bundle).await, still_out);
    record_consent(&bundle, "opt_in", "13:00").await;
    assert_eq!(shown(&bundle).await, (json!("13:00"), json!(null), json!(true)));
    // An opt-out older than the opt-in, delivered late.
    record_consent(&bundle, "opt_out", "12:30").await;
    assert_eq!(shown(&bundle).await, (json!("13:00"), json!(null), json!(true)));
}

#[tokio::test]
async fn an_opt_out_before_an_import_is_kept() {
    let bundle = Bundle::start().await;
    record_consent(&bundle, "opt_out", "12:00").await;
    bundle
        .call("create-contact", json!({ "phone": PHONE, "name": "Thandi" }))
        .await
        .has("x-contact-outcome", "updated");
    assert_eq!(shown(&bundle).await, (json!(null), json!("12:00"), json!(false)));
    let by_id = json!({ "contact_id": "01890a5d-ac96-774b-bcce-b302099a8057", "consent": "opt_out", "occurred_at": "1778141663" });
    assert_eq!(send(&bundle, "record-consent", by_id).await["errorType"], "ContactNotFound");
    let wrong = json!({ "phone": PHONE, "consent": "maybe", "occurred_at": "1778141663" });
    let error = send(&bundle, "record-consent", wrong).await;
    assert_eq!(error["errorType"], "ValidationFailed");
    assert!(error["errorMessage"].as_str().unwrap().contains("The consent must be one of opt_in, opt_out."), "{error}");
}

#[tokio::test]
async fn each_field_of_the_state_keeps_its_latest_value() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": PHONE })).await;
    let set = async |time: &str, mut input: Value| {
        input["phone"] = json!(PHONE);
        input["occurred_at"] = json!(format!("2026-05-07T{time}:00Z"));
        let answer = send(&bundle, "set-contact-state", input).await;
        assert_eq!(answer["phone"], PHONE, "{answer}");
        bundle.flowiq_get("phone_number=27123456789").await.json()["contact"].clone()
    };
    let all = json!({
        "bot_status": "paused", "archived": true, "blocked": true, "active_status": true, "has_unread_messages": true,
        "contact_summary": "Asked about delivery.\nWants it on Friday.", "locale": "pt-BR"
    });
    let flags = |contact: &Value| {
        ["archived", "blocked", "active_status", "has_unread_messages"].map(|flag| contact[flag] == true)
    };
    let contact = set("12:00", all).await;
    assert_eq!((&contact["bot_status"], flags(&contact)), (&json!("paused"), [true; 4]));
    assert_eq!(contact["contact_summary"], "Asked about delivery.\nWants it on Friday.");
    assert_eq!(contact["contact_summary_updated_at"], "2026-05-07T12:00:00Z");
    assert_eq!(bundle.call("get-contact", json!({ "phone": PHONE })).await.json()["locale"], "pt-BR");

    // An event without effect leaves updated_at unchanged, but its time is recorded.
    let tenant = bundle.tenant("demo-token").await.id();
    let id = contact["id"].as_str().unwrap();
    let s = |text: String| AttributeValue::S(text);
    let long_ago = bundle.dynamodb().update_item().table_name("ContactsTable");
    let long_ago = long_ago.key("tenant_id", s(tenant.to_string())).key("item", s(format!("contact#{id}")));
    let long_ago = long_ago.update_expression("SET updated_at = :then");
    long_ago.expression_attribute_values(":then", s("2026-01-01T00:00:00+00:00".into())).send().await.unwrap();
    let again = set("12:01", json!({ "archived": true, "blocked": true })).await;
    assert_eq!(again["updated_at"], "2026-01-01T00:00:00Z");
    let late = set("12:00", json!({ "archived": false })).await;
    assert_eq!((flags(&late), &late["updated_at"]), ([true; 4], &json!("2026-01-01T00:00:00Z")));

    // Omitted fields keep their values; of each field the latest event wins, in whichever order events arrive.
    let contact = set("13:00", json!({ "archived": false })).await;
    assert_eq!(flags(&contact), [false, true, true, true]);
    let contact = set("12:30", json!({ "archived": true, "blocked": false, "contact_summary": "Later" })).await;
    assert_eq!((flags(&contact), &contact["contact_summary"]), ([false, false, true, true], &json!("Later")));
    let contact = set("12:15", json!({ "contact_summary": "", "locale": "" })).await;
    assert_eq!(contact["contact_summary"], "Later");
    assert_eq!(bundle.call("get-contact", json!({ "phone": PHONE })).await.json()["locale"], json!(null));

    for (input, error, text) in [
        (json!({ "phone": PHONE, "archived": "yes" }), "ValidationFailed", "The archived must be true or false."),
        (
            json!({ "phone": PHONE, "bot_status": "asleep" }),
            "ValidationFailed",
            "The bot status must be one of active, paused.",
        ),
        (
            json!({ "phone": PHONE, "locale": "português" }),
            "ValidationFailed",
            "The locale must be a language, such as fr or pt-BR.",
        ),
        (json!({ "archived": true }), "ValidationFailed", "Neither contact_id nor phone provided"),
        (json!({ "phone": PHONE, "archive": true }), "ValidationFailed", "Nothing to set provided"),
        (
            json!({ "phone": PHONE, "archived": true, "occurred_at": "" }),
            "ValidationFailed",
            "The occurred at field is required.",
        ),
        (json!({ "phone": "+14155550999", "archived": true }), "ContactNotFound", "contact not found"),
    ] {
        let mut input = input;
        if input["occurred_at"].is_null() {
            input["occurred_at"] = json!("1778141663");
        }
        let answer = send(&bundle, "set-contact-state", input).await;
        assert_eq!(answer["errorType"], error);
        assert!(answer["errorMessage"].as_str().unwrap().contains(text), "{answer}");
    }
}
