//! Events other than the local stack's own: what else API Gateway and Lambda send.

use carnet::stack::Outcome;
use serde_json::{Value, json};

use crate::support::Bundle;

const PATH: &str = "/api/v1/actions/search-contacts";

/// A REST API's event, as AWS documents it: payload format 1.0.
fn rest(body: &str) -> Value {
    json!({
        "version": "1.0", "resource": PATH, "path": PATH, "httpMethod": "POST",
        "headers": { "Authorization": "Bearer demo-token", "Content-Type": "application/json" },
        "multiValueHeaders": { "Authorization": ["Bearer demo-token"], "Content-Type": ["application/json"] },
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": null, "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012", "apiId": "id", "httpMethod": "POST", "path": PATH, "protocol": "HTTP/1.1",
            "requestId": "id=", "requestTime": "04/Mar/2020:19:15:17 +0000", "requestTimeEpoch": 1583349317135_u64,
            "resourceId": null, "resourcePath": PATH, "stage": "$default",
            "identity": { "sourceIp": "192.0.2.1", "userAgent": "test" }
        },
        "body": body, "isBase64Encoded": false
    })
}

/// A function URL's event: payload format 2.0, with a body that is no text to it.
fn function_url(body: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "",
        "headers": { "authorization": "Bearer demo-token", "content-type": "application/octet-stream" },
        "requestContext": {
            "accountId": "anonymous", "apiId": "id", "domainName": "id.lambda-url.us-east-1.on.aws", "domainPrefix": "id",
            "http": { "method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test" },
            "requestId": "id", "routeKey": "$default", "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000", "timeEpoch": 1583348638390_u64
        },
        "body": body, "isBase64Encoded": true
    })
}

#[tokio::test]
async fn other_http_events() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": "+14155550123", "name": "Jane" })).await;
    // {"query":"jane"}, and the same in base64.
    for event in [rest(r#"{"query":"jane"}"#), function_url("eyJxdWVyeSI6ImphbmUifQ==")] {
        let Outcome::Answered(answer) = bundle.invoke("search-contacts", event).await else { panic!("no answer") };
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["statusCode"], 200);
        let found: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(found[0]["name"], "Jane");
    }
}

/// They fail, and the process that got one serves the next call.
#[tokio::test]
async fn events_that_are_nothing_known() {
    let bundle = Bundle::start().await;
    for event in [json!({}), json!([]), json!("text"), json!(null), json!({ "Records": [{ "eventSource": "aws:s3" }] })]
    {
        let outcome = bundle.invoke("search-contacts", event.clone()).await;
        assert!(matches!(outcome, Outcome::Failed(_)), "{event}: {outcome:?}");
        bundle.call("search-contacts", json!({})).await.is(200, "[]");
    }
    assert_eq!(bundle.processes("search-contacts"), 1);
}
