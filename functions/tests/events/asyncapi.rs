//! The AsyncAPI document against the functions: they accept its examples, and refuse what it does not allow.
//!
//! Every event that any test sends or receives is also checked against the document; `support/asyncapi.rs` does that. The
//! channels are compared with the template by `.ci/template_rules/asyncapi.py`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::asyncapi::{Receives, document, examples, follow, receives, schema, validate};
use crate::support::{Bundle, document as openapi, error_of, failed_records, output_of, sqs_record};

/// The phone number of the examples.
const PHONE: &str = "+5511987654321";

#[test]
fn every_message_has_examples_that_fit_it() {
    for name in document()["components"]["messages"].as_object().unwrap().keys() {
        assert!(examples(name).next().is_some(), "{name} has no example");
        for example in examples(name) {
            if let Err(violations) = validate(name, example) {
                panic!("an example of {name} does not fit it:\n{violations}");
            }
        }
    }
}

/// A bundle with the contact of the examples.
async fn bundle() -> (Bundle, String) {
    let bundle = Bundle::start().await;
    let id = bundle.call("create-contact", json!({ "phone": PHONE, "name": "Jane" })).await.id();
    (bundle, id)
}

/// An example's envelope, with the ids of this bundle, which the document cannot know.
async fn envelope(bundle: &Bundle, id: &str, example: &Value) -> Value {
    let mut input = example["input"].clone();
    if input["contact_id"].is_string() {
        input["contact_id"] = json!(id);
    }
    bundle.envelope(input).await
}

#[tokio::test]
async fn every_example_of_an_event_is_accepted() {
    let (bundle, id) = bundle().await;
    let mut sent = 0;
    for Receives { function, channel, message, .. } in receives() {
        for example in examples(message) {
            match channel {
                "Functions" => {
                    output_of(&bundle.invoke(function, envelope(&bundle, &id, example).await).await);
                }
                "Bus" => {
                    let mut event = example.clone();
                    event["detail"] = envelope(&bundle, &id, &example["detail"]).await;
                    assert_eq!(output_of(&bundle.invoke(function, event).await), json!(null), "{message}");
                }
                _ => {
                    let body = envelope(&bundle, &id, example).await.to_string();
                    let records = json!({ "Records": [sqs_record("1", &body, None)] });
                    assert_eq!(failed_records(&bundle.invoke(function, records).await), [""; 0], "{message}");
                }
            }
            sent += 1;
        }
    }
    for example in document()["components"]["messages"]["contactAction"]["examples"].as_array().unwrap() {
        let function = example["name"].as_str().unwrap();
        output_of(&bundle.invoke(function, envelope(&bundle, &id, &example["payload"]).await).await);
        sent += 1;
    }
    assert!(sent >= 15, "{sent}");
}

/// An example of each message of a direct invocation is changed in one field at a time: what fits the document is
/// accepted, and what does not fit it is refused.
#[tokio::test]
async fn the_document_allows_what_the_functions_accept() {
    let (bundle, id) = bundle().await;
    let mut tried = [0, 0];
    for Receives { function, message, .. } in receives().into_iter().filter(|each| each.channel == "Functions") {
        let input = follow(&schema(message)["properties"]["input"]);
        let mut example = examples(message).next().unwrap()["input"].clone();
        let properties = input["properties"].as_object().unwrap();
        if properties.contains_key("contact_id") {
            // Both keys, so that each can be left out.
            example["contact_id"] = json!(id);
        }
        for (field, property) in properties {
            let mut without = example.clone();
            without.as_object_mut().unwrap().remove(field);
            let with = |value: Value| {
                let mut input = example.clone();
                input[field] = value;
                input
            };
            // A value of another type, a text that no list of values has, and no value.
            for input in [without, with(json!(5)), with(json!("nonsense")), with(json!(null))] {
                let envelope = bundle.envelope(input).await;
                let fits = validate(message, &envelope).is_ok();
                // Phone numbers, ids, times and countries have a form that the document only describes.
                let text = follow(property)["type"] == "string" || follow(property)["type"][0] == "string";
                if fits && envelope["input"][field] == "nonsense" && text && follow(property)["enum"].is_null() {
                    continue;
                }
                let outcome = bundle.invoke(function, envelope.clone()).await;
                if fits {
                    output_of(&outcome);
                } else {
                    assert_eq!(error_of(&outcome).0, "ValidationFailed", "{function} {envelope}");
                }
                tried[usize::from(fits)] += 1;
            }
        }
    }
    assert!(tried.iter().all(|count| *count >= 25), "{tried:?}");
}

/// A change event has the contact as the two dialects show it, and names the fields that can change.
#[test]
fn change_events_have_the_fields_of_contacts() {
    let of_events: BTreeSet<&str> = keys(&document()["components"]["schemas"]["Contact"]);
    let answer = |path: &str, method: &str| {
        let answer = &openapi()["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"];
        openapi().pointer(answer["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap()
    };
    let of_qyvo = keys(answer("/api/v1/actions/get-contact", "post"));
    let state = ["bot_status", "archived", "blocked", "active_status", "has_unread_messages"];
    let summary = ["contact_summary", "contact_summary_updated_at"];
    let expected: BTreeSet<&str> = of_qyvo.into_iter().chain(state).chain(summary).collect();
    assert_eq!(of_events, expected);
    let changed = &document()["components"]["schemas"]["ContactUpdated"]["properties"]["changed"]["items"]["enum"];
    let changed: BTreeSet<&str> = changed.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let fixed = BTreeSet::from(["id", "created_at"]);
    assert_eq!(changed, &expected - &fixed);
}

/// The names of an object's properties.
fn keys(schema: &'static Value) -> BTreeSet<&'static str> {
    schema["properties"].as_object().unwrap().keys().map(String::as_str).collect()
}
