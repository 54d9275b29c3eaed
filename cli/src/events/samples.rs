//! The sample events, in the shapes that the AWS services send.

use carnet_local::aws::{ACCOUNT, region};
use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::kinds::{SampleAction, SampleKind};

/// An event of a kind that asks for an action.
pub(super) fn event(kind: SampleKind, action: SampleAction, tenant: Uuid) -> Value {
    let name = action.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let envelope = || json!({ "tenant_id": tenant, "input": action.input() });
    match kind {
        SampleKind::Direct => envelope(),
        SampleKind::Sqs => json!({ "Records": [message(&envelope(), &name, None), message(&envelope(), &name, None)] }),
        SampleKind::SqsFifo => {
            json!({ "Records": [message(&envelope(), &name, Some(1)), message(&envelope(), &name, Some(2))] })
        }
        SampleKind::Pipes => json!([message(&envelope(), &name, None), message(&envelope(), &name, None)]),
        SampleKind::Eventbridge => json!({
            "version": "0", "id": Uuid::new_v4(), "detail-type": name, "source": "example", "account": ACCOUNT,
            "time": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "region": region(), "resources": [],
            "detail": envelope(),
        }),
        SampleKind::Http => http(&name, &action.input()),
        SampleKind::Rest => rest(&name, &action.input()),
        SampleKind::Dynamodb => json!({ "Records": [inserted(tenant), modified(tenant)] }),
    }
}

/// An SQS record. With `place`, its position in a message group, it is one of a FIFO queue.
fn message(body: &Value, queue: &str, place: Option<u32>) -> Value {
    let now = Timestamp::now().as_millisecond();
    let mut attributes = json!({
        "ApproximateReceiveCount": "1",
        "SentTimestamp": now.to_string(),
        "SenderId": ACCOUNT,
        "ApproximateFirstReceiveTimestamp": (now + 1).to_string(),
    });
    let id = Uuid::new_v4();
    let mut queue = queue.to_owned();
    if let Some(place) = place {
        attributes["SequenceNumber"] = format!("{:020}", 18_849_496_460_467_696_128_u128 + u128::from(place)).into();
        attributes["MessageGroupId"] = body["input"]["phone"].clone();
        attributes["MessageDeduplicationId"] = id.to_string().into();
        queue.push_str(".fifo");
    }
    json!({
        "messageId": id,
        "receiptHandle": "MessageReceiptHandle",
        "body": body.to_string(),
        "attributes": attributes,
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:{}:{ACCOUNT}:{queue}", region()),
        "awsRegion": region(),
    })
}

fn http(action: &str, input: &Value) -> Value {
    let (path, now) = (format!("/api/v1/actions/{action}"), Timestamp::now());
    json!({
        "version": "2.0", "routeKey": format!("POST {path}"), "rawPath": path, "rawQueryString": "",
        "headers": { "authorization": "Bearer demo-token", "content-type": "application/json" },
        "requestContext": {
            "accountId": ACCOUNT, "apiId": "local", "domainName": "localhost", "domainPrefix": "localhost",
            "http": {
                "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "carnet",
            },
            "requestId": Uuid::new_v4(), "routeKey": format!("POST {path}"), "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(), "timeEpoch": now.as_millisecond(),
        },
        "body": input.to_string(), "isBase64Encoded": false,
    })
}

fn rest(action: &str, input: &Value) -> Value {
    let (path, now) = (format!("/api/v1/actions/{action}"), Timestamp::now());
    json!({
        "version": "1.0", "resource": path, "path": path, "httpMethod": "POST",
        "headers": { "Authorization": "Bearer demo-token", "Content-Type": "application/json" },
        "multiValueHeaders": { "Authorization": ["Bearer demo-token"], "Content-Type": ["application/json"] },
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": null, "stageVariables": null,
        "requestContext": {
            "accountId": ACCOUNT, "apiId": "local", "httpMethod": "POST", "path": path, "protocol": "HTTP/1.1",
            "requestId": Uuid::new_v4(), "resourceId": null, "resourcePath": path, "stage": "$default",
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(), "requestTimeEpoch": now.as_millisecond(),
            "identity": { "sourceIp": "127.0.0.1", "userAgent": "carnet" },
        },
        "body": input.to_string(), "isBase64Encoded": false,
    })
}

/// The image of a contact, without its index attributes.
fn image(tenant: Uuid, version: u32, name: &str) -> Value {
    json!({
        "tenant_id": { "S": tenant }, "item": { "S": CONTACT }, "version": { "N": version.to_string() },
        "id": { "S": &CONTACT["contact#".len()..] }, "phone": { "S": "+14155550123" }, "name": { "S": name },
        "source": { "S": "api" }, "metadata": { "S": "{}" }, "tags": { "L": [] }, "total_messages": { "N": "0" },
        "created_at": { "S": "2026-01-01T00:00:00+00:00" }, "updated_at": { "S": "2026-01-01T00:00:00+00:00" },
    })
}

const CONTACT: &str = "contact#d6f0d85e-ad08-59b1-a837-e0bfdcd1a434";

fn inserted(tenant: Uuid) -> Value {
    stream_record("INSERT", 1, json!({ "Keys": keys(tenant), "NewImage": image(tenant, 1, "Ada") }))
}

fn modified(tenant: Uuid) -> Value {
    let (old, new) = (image(tenant, 1, "Ada"), image(tenant, 2, "Ada Lovelace"));
    stream_record("MODIFY", 2, json!({ "Keys": keys(tenant), "NewImage": new, "OldImage": old }))
}

fn keys(tenant: Uuid) -> Value {
    json!({ "tenant_id": { "S": tenant }, "item": { "S": CONTACT } })
}

fn stream_record(name: &str, number: u64, mut change: Value) -> Value {
    let region = region();
    change["SizeBytes"] = change.to_string().len().into();
    change["ApproximateCreationDateTime"] = Timestamp::now().as_second().into();
    change["SequenceNumber"] = format!("{}", 442_158_450_000_000_000_017_450_439_090_u128 + u128::from(number)).into();
    change["StreamViewType"] = "NEW_AND_OLD_IMAGES".into();
    json!({
        "eventID": Uuid::new_v4().simple().to_string(), "eventName": name, "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "awsRegion": region, "dynamodb": change,
        "eventSourceARN": format!("arn:aws:dynamodb:{region}:{ACCOUNT}:table/ContactsTable/stream/2026-01-01T00:00:00.000"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [SampleAction; 4] = [
        SampleAction::CreateContact,
        SampleAction::RecordMessage,
        SampleAction::RecordConsent,
        SampleAction::SetContactState,
    ];

    /// The keys of an object, sorted.
    fn keys(value: &Value) -> Vec<&str> {
        let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn every_kind_but_http_and_streams_carries_the_envelope() {
        let tenant = Uuid::new_v4();
        let body =
            |event: &Value, n: usize| serde_json::from_str(event["Records"][n]["body"].as_str().unwrap()).unwrap();
        for action in ACTIONS {
            let envelopes: Vec<Value> =
                [SampleKind::Direct, SampleKind::Pipes, SampleKind::Sqs, SampleKind::SqsFifo, SampleKind::Eventbridge]
                    .map(|kind| (kind, event(kind, action, tenant)))
                    .into_iter()
                    .flat_map(|(kind, event)| match kind {
                        SampleKind::Direct => vec![event],
                        SampleKind::Pipes => {
                            let event = json!({ "Records": event });
                            vec![body(&event, 0), body(&event, 1)]
                        }
                        SampleKind::Eventbridge => vec![event["detail"].clone()],
                        _ => vec![body(&event, 0), body(&event, 1)],
                    })
                    .collect();
            assert_eq!(envelopes.len(), 8);
            for envelope in envelopes {
                assert_eq!(envelope["tenant_id"], json!(tenant));
                assert_eq!(keys(&envelope["input"]), keys(&action.input()), "{action:?}");
            }
        }
    }

    #[test]
    fn messages_have_the_fields_that_lambda_sends() {
        let tenant = Uuid::new_v4();
        let (plain, fifo) = (
            event(SampleKind::Sqs, SampleAction::RecordMessage, tenant),
            event(SampleKind::SqsFifo, SampleAction::RecordMessage, tenant),
        );
        let names =
            ["attributes", "awsRegion", "body", "eventSource", "eventSourceARN", "messageAttributes", "messageId"];
        assert_eq!(keys(&plain["Records"][0]), [names.as_slice(), &["receiptHandle"]].concat());
        assert!(plain["Records"][0]["attributes"]["MessageGroupId"].is_null());
        let [first, second] = [0, 1].map(|n| &fifo["Records"][n]["attributes"]);
        assert_eq!(first["MessageGroupId"], second["MessageGroupId"]);
        assert!(first["SequenceNumber"].as_str().unwrap() < second["SequenceNumber"].as_str().unwrap());
        assert_ne!(first["MessageDeduplicationId"], second["MessageDeduplicationId"]);
        assert!(fifo["Records"][0]["eventSourceARN"].as_str().unwrap().ends_with(":record-message.fifo"));
    }

    #[test]
    fn requests_carry_the_input() {
        let tenant = Uuid::new_v4();
        for kind in [SampleKind::Http, SampleKind::Rest] {
            let event = event(kind, SampleAction::CreateContact, tenant);
            let input: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
            assert_eq!(input, SampleAction::CreateContact.input());
        }
    }

    #[test]
    fn stream_records_are_of_one_contact_and_readable() {
        let tenant = Uuid::new_v4();
        let event = event(SampleKind::Dynamodb, SampleAction::CreateContact, tenant);
        let [first, second] = [0, 1].map(|n| &event["Records"][n]);
        assert_eq!(first["dynamodb"]["NewImage"], second["dynamodb"]["OldImage"]);
        assert_eq!(first["dynamodb"]["Keys"]["tenant_id"]["S"], json!(tenant));
        assert!(first["dynamodb"].get("OldImage").is_none());
        // The change feed can read them.
        for (record, names) in [(first, (None, "Ada")), (second, (Some("Ada"), "Ada Lovelace"))] {
            let change = contacts::store::ContactChange::read(&record["dynamodb"].to_string()).unwrap().unwrap();
            let name = |contact: &contacts::model::Contact| contact.name.clone().map(String::from);
            let names_read = (change.old.as_ref().and_then(name), change.new.as_ref().and_then(name));
            assert_eq!(names_read, (names.0.map(str::to_owned), Some(names.1.to_owned())));
        }
    }
}
