//! `batch-upsert-contacts` as an event: what a direct invocation answers, and what is redelivered from queues and the bus.

use serde_json::json;

use crate::support::{Bundle, Fault, error_of, eventbridge_event, failed_records, output_of, sqs_record};

const FUNCTION: &str = "batch-upsert-contacts";

#[tokio::test]
async fn a_direct_invocation_answers_as_http_does() {
    let bundle = Bundle::start().await;
    let input = json!({ "contacts": [{ "phone": "+14155550100" }, { "phone": "1" }] });
    let answer = output_of(&bundle.invoke(FUNCTION, bundle.envelope(input.clone()).await).await);
    assert_eq!((&answer["results"][0]["status"], &answer["results"][1]["status"]), (&json!(201), &json!(422)));
    assert_eq!(answer["results"][0]["outcome"], "created");
    let (error_type, error) =
        error_of(&bundle.invoke(FUNCTION, bundle.envelope(json!({ "contacts": [] })).await).await);
    assert_eq!(error_type, "ValidationFailed");
    assert_eq!(error["errors"]["contacts"][0], "The contacts must be a list of 1 to 100 objects.");
}

/// A record or an event gets no answer: with an invalid contact it fails before anything is written, because its
/// redeliveries would write the other contacts again.
#[tokio::test]
async fn an_event_with_an_invalid_contact_writes_nothing() {
    let bundle = Bundle::start().await;
    let valid =
        bundle.envelope(json!({ "contacts": [{ "phone": "+14155550100" }, { "phone": "+14155550101" }] })).await;
    let invalid = bundle.envelope(json!({ "contacts": [{ "phone": "+14155550102" }, { "phone": "1" }] })).await;
    let records = [("valid", &valid), ("invalid", &invalid)].map(|(id, body)| sqs_record(id, &body.to_string(), None));
    assert_eq!(failed_records(&bundle.invoke(FUNCTION, json!({ "Records": records })).await), ["invalid"]);
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("id").len(), 2);
    assert_eq!(output_of(&bundle.invoke(FUNCTION, eventbridge_event(FUNCTION, &valid)).await), json!(null));
    let (error_type, error) = error_of(&bundle.invoke(FUNCTION, eventbridge_event(FUNCTION, &invalid)).await);
    assert_eq!(error_type, "ValidationFailed");
    assert!(error["errors"]["contacts.1.phone"].is_array(), "{error}");
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("id").len(), 2);
}

#[tokio::test]
async fn a_record_with_a_contact_that_failed_is_redelivered() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let contacts = json!({ "contacts": [{ "phone": "+14155550100" }, { "phone": "+14155550101", "tags": "vip" }] });
    let body = bundle.envelope(contacts).await.to_string();
    let records = json!({ "Records": [sqs_record("1", &body, None)] });
    proxy.inject(|operation| if operation == "TransactWriteItems" { Fault::ThrottledTransaction } else { Fault::None });
    assert_eq!(failed_records(&bundle.invoke(FUNCTION, records.clone()).await), ["1"]);
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("phone"), ["+14155550100"]);
    proxy.inject(|_| Fault::None);
    assert_eq!(failed_records(&bundle.invoke(FUNCTION, records).await), [""; 0]);
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("phone").len(), 2);
    let first = bundle.call("get-contact", json!({ "phone": "+14155550100" })).await;
    assert_eq!(first.status, 200);
}
