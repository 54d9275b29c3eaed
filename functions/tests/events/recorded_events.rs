//! Events from other projects, in `functions/tests/recorded/`: those that `sam local generate-event` prints (`sam-…`), and
//! those that `lambda_http` has recorded for its own tests (`lambda-http-…`).

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Bundle, InvocationOutcome, output_of};

const PHONE: &str = "+14155550123";
const MALFORMED: &str = r#"{"message":"Malformed JSON.","error":"Malformed JSON."}"#;

/// The event in the file of this name.
fn event(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The names of all files that begin with `start`.
fn file_names(start: &str) -> Vec<String> {
    let directory = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")).unwrap();
    let names = directory.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(start)).collect();
    names.sort();
    names
}

async fn with_jane() -> Bundle {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": PHONE, "name": "Jane" })).await;
    bundle
}

/// The output of a successful invocation.
async fn output(bundle: &Bundle, function: &str, event: &Value) -> Value {
    output_of(&bundle.invoke(function, event.clone()).await)
}

/// The error type of a failed invocation.
async fn error_type(bundle: &Bundle, function: &str, event: &Value) -> String {
    let outcome = bundle.invoke(function, event.clone()).await;
    let InvocationOutcome::Failed(error) = &outcome else { panic!("{function}: {outcome:?}") };
    serde_json::from_slice::<Value>(error).unwrap()["errorType"].as_str().unwrap().to_owned()
}

/// Requests of REST APIs, HTTP APIs, function URLs and load balancers: as recorded they have no valid token; then with
/// a token and a body.
#[tokio::test]
async fn http_requests_of_every_event_format_are_answered() {
    let bundle = with_jane().await;
    let mut requests = file_names("lambda-http-");
    requests.extend(
        ["sam-alb-request", "sam-apigateway-aws-proxy", "sam-apigateway-http-api-proxy"]
            .map(|name| format!("{name}.json")),
    );
    assert!(requests.len() >= 17, "{requests:?}");
    for name in requests {
        let mut event = event(&name);
        let answer = output(&bundle, "search-contacts", &event).await;
        assert_eq!(
            (&answer["statusCode"], &answer["body"]),
            (&json!(401), &json!(r#"{"message":"Unauthenticated."}"#)),
            "{name}"
        );

        for (body, encoded) in [(r#"{"query":"jane"}"#, false), ("eyJxdWVyeSI6ImphbmUifQ==", true)] {
            event["body"] = json!(body);
            event["isBase64Encoded"] = json!(encoded);
            for headers in ["headers", "multiValueHeaders"] {
                if let Some(given) = event[headers].as_object_mut() {
                    given.retain(|header, _| !header.eq_ignore_ascii_case("authorization"));
                    let token = json!("Bearer demo-token");
                    let token = if headers == "headers" { token } else { json!([token]) };
                    given.insert("Authorization".to_owned(), token);
                }
            }
            let answer = output(&bundle, "search-contacts", &event).await;
            assert_eq!(answer["statusCode"], 200, "{name}: {answer}");
            let found: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert_eq!(found[0]["name"], "Jane", "{name}");
        }
    }
}

#[tokio::test]
async fn an_sqs_record_is_applied() {
    let bundle = with_jane().await;
    let mut event = event("sam-sqs-receive-message.json");
    let id = event["Records"][0]["messageId"].clone();
    let failed = json!({ "batchItemFailures": [{ "itemIdentifier": id }] });
    assert_eq!(output(&bundle, "update-contact", &event).await, failed, "its body is not an envelope");
    let body = bundle.envelope(json!({ "phone": PHONE, "name": "Janet" })).await;
    event["Records"][0]["body"] = json!(body.to_string());
    assert_eq!(output(&bundle, "update-contact", &event).await, json!({ "batchItemFailures": [] }));
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("name"), ["Janet"]);
}

#[tokio::test]
async fn an_eventbridge_event_is_applied() {
    let bundle = with_jane().await;
    let mut event = event("sam-cloudwatch-scheduled-event.json");
    assert_eq!(error_type(&bundle, "update-contact", &event).await, "UnknownEvent");
    event["detail"] = bundle.envelope(json!({ "phone": PHONE, "name": "Janet" })).await;
    assert_eq!(output(&bundle, "update-contact", &event).await, json!(null));
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("name"), ["Janet"]);
}

/// Records of an unknown table are dead letters, which quote nothing of the records. Records of items other than contacts are skipped.
#[tokio::test]
async fn a_stream_of_another_table_publishes_nothing() {
    let bundle = Bundle::start().await;
    let mut event = event("sam-dynamodb-update.json");
    assert_eq!(output(&bundle, "publish-changes", &event).await, json!({ "batchItemFailures": [] }));
    let details: Vec<Value> = bundle.dead_letters().iter().map(|letter| letter["detail"].clone()).collect();
    assert_eq!(details.len(), event["Records"].as_array().unwrap().len());
    for (detail, record) in details.iter().zip(event["Records"].as_array().unwrap()) {
        assert_eq!(detail["sequence_number"], record["dynamodb"]["SequenceNumber"]);
        assert_eq!(detail["event_name"], record["eventName"]);
        assert_eq!(detail["reason"], "the record has no readable keys");
        assert!(detail.get("tenant_id").is_none() && detail.get("item").is_none(), "{detail}");
    }
    // Now with the keys of an item that is not a contact.
    let keys = json!({ "tenant_id": { "S": bundle.tenant("demo-token").await.id() }, "item": { "S": "tagdef#vip" } });
    for record in event["Records"].as_array_mut().unwrap() {
        record["dynamodb"]["Keys"] = keys.clone();
    }
    assert_eq!(output(&bundle, "publish-changes", &event).await, json!({ "batchItemFailures": [] }));
    assert_eq!(bundle.events().len(), details.len());
}

/// The same process then serves the next call.
#[tokio::test]
async fn unknown_events_fail_with_unknown_event() {
    let bundle = with_jane().await;
    let others =
        [event("sam-s3-put.json"), event("sam-dynamodb-update.json"), json!({}), json!([]), json!("text"), json!(null)];
    for event in &others {
        for function in [
            "create-contact",
            "get-contact",
            "search-contacts",
            "flowiq-get-contact",
            "record-message",
            "me",
            "openapi",
        ] {
            assert_eq!(error_type(&bundle, function, event).await, "UnknownEvent", "{function} {event}");
        }
    }
    for event in [event("sam-s3-put.json"), event("sam-sqs-receive-message.json"), json!({}), json!(null)] {
        assert_eq!(error_type(&bundle, "publish-changes", &event).await, "UnknownEvent", "{event}");
    }
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("name"), ["Jane"]);
    assert_eq!(bundle.processes("search-contacts"), 1);
}

/// Query strings and paths that are not valid in a URI get the contract's answers, as HTTP API and function URL events.
#[tokio::test]
async fn odd_query_strings_and_paths_are_answered_as_the_contract_says() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": "+5511987654321" })).await;
    let not_found = |digits: &str| json!({ "error": "Contact not found", "message": format!("No contact found with phone number {digits}") });
    for name in ["lambda-http-apigw_v2_proxy_request_minimal.json", "lambda-http-lambda_function_url_request.json"] {
        for (number, status, body) in [
            ("+55 11 98765-4321", 200, None),
            ("+55%2011 <1>", 404, Some(not_found("55111"))),
            ("<", 404, Some(not_found(""))),
            ("\"", 404, Some(not_found(""))),
            ("%zz", 404, Some(not_found(""))),
            ("%ff%fe", 404, Some(not_found(""))),
        ] {
            let mut event = event(name);
            event["requestContext"]["http"]["method"] = json!("GET");
            event["rawPath"] = json!("/contact \"<é");
            event["rawQueryString"] = json!(format!("tenantId=demo&phone_number={number}"));
            event["headers"] = json!({ "authorization": "Bearer fiq_demo", "host": "x:99999" });
            let answer = output(&bundle, "flowiq-get-contact", &event).await;
            assert_eq!(answer["statusCode"], status, "{name} {number}: {answer}");
            if let Some(body) = body {
                assert_eq!(serde_json::from_str::<Value>(answer["body"].as_str().unwrap()).unwrap(), body, "{number}");
            }
        }
        let long = "a".repeat(70_000);
        for (host, path) in
            [("x:99999", "/"), ("[", "\""), ("", ""), ("\"", "http://x:99999/"), (&long, &long), ("a b", "*")]
        {
            let mut event = event(name);
            event["requestContext"]["domainName"] = json!(host);
            event["requestContext"]["http"]["method"] = json!("GET");
            event["rawPath"] = json!(path);
            event["rawQueryString"] = json!("");
            event["headers"] = json!({ "authorization": "Bearer demo-token", "host": host });
            let answer = output(&bundle, "openapi", &event).await;
            let unknown = json!({ "message": "Not Found.", "error": "Not Found." });
            assert_eq!(answer["statusCode"], 404, "{name} {host} {path}: {answer}");
            assert_eq!(serde_json::from_str::<Value>(answer["body"].as_str().unwrap()).unwrap(), unknown);
        }
        let mut event = event(name);
        event["headers"] = json!({ "authorization": "Bearer demo-token" });
        event["body"] = json!("not base64!");
        event["isBase64Encoded"] = json!(true);
        let answer = output(&bundle, "get-contact", &event).await;
        assert_eq!((&answer["statusCode"], &answer["body"]), (&json!(422), &json!(MALFORMED)), "{name}");
    }
    assert_eq!(
        (bundle.processes("flowiq-get-contact"), bundle.processes("get-contact")),
        (1, 1),
        "no process has died"
    );
}
