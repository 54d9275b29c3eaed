use super::*;

fn event(request: axum::http::request::Builder, body: &[u8], parameters: Value) -> Value {
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let route = RouteMatch {
        function: "create-contact",
        key: "POST /contacts/{id}".into(),
        parameters: parameters.as_object().unwrap().clone(),
    };
    let now = "2026-03-12T19:03:58.123Z".parse().unwrap();
    from_request(&parts, body, &route, "the-id", now)
}

fn post(uri: &str) -> axum::http::request::Builder {
    axum::http::Request::post(uri).header("Host", "127.0.0.1:3000")
}

#[test]
fn a_request_becomes_an_event() {
    let request = post("/contacts/a%20b?tag=a+b&tag=c%2Cd&empty=&flag")
        .header("User-Agent", "curl/8")
        .header("Content-Type", "application/json")
        .header("X-Many", "one")
        .header("x-many", "two")
        .header("Cookie", "a=1; b=2")
        .header("Cookie", "c=3");
    assert_eq!(
        event(request, br#"{"phone":"+1"}"#, json!({"id": "a b"})),
        json!({
            "version": "2.0",
            "routeKey": "POST /contacts/{id}",
            "rawPath": "/contacts/a b",
            "rawQueryString": "tag=a+b&tag=c%2Cd&empty=&flag",
            "cookies": ["a=1", "b=2", "c=3"],
            "headers": {
                "host": "127.0.0.1:3000",
                "user-agent": "curl/8",
                "content-type": "application/json",
                "x-many": "one,two", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http" },
            "queryStringParameters": {"tag": "a b,c,d", "empty": "", "flag": ""},
            "pathParameters": {"id": "a b"},
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "domainName": "127.0.0.1",
                "domainPrefix": "127",
                "http": {
                    "method": "POST",
                    "path": "/contacts/a b",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "curl/8",
                },
                "requestId": "the-id",
                "routeKey": "POST /contacts/{id}",
                "stage": "$default",
                "time": "12/Mar/2026:19:03:58 +0000",
                "timeEpoch": 1_773_342_238_123_i64,
            },
            "body": r#"{"phone":"+1"}"#,
            "isBase64Encoded": false,
        })
    );
}

#[test]
fn absent_fields_are_omitted() {
    let event = event(post("/"), b"", json!({}));
    for name in ["cookies", "queryStringParameters", "pathParameters", "body"] {
        assert_eq!(event.get(name), None, "{name}");
    }
    assert_eq!(event["rawQueryString"], "");
}

#[test]
fn text_bodies_stay_text_and_others_become_base64() {
    let cases: [(Option<&str>, &[u8], &str, bool); 8] = [
        (None, "é".as_bytes(), "é", false),
        (Some("text/plain; charset=utf-8"), b"a", "a", false),
        (Some("Application/JSON"), b"{}", "{}", false),
        (Some("application/problem+json"), b"{}", "{}", false),
        (Some("application/x-www-form-urlencoded"), b"a=b", "a=b", false),
        (Some("application/octet-stream"), b"a", "YQ==", true),
        (Some("image/png"), b"a", "YQ==", true),
        (Some("application/json"), b"\xff", "/w==", true),
    ];
    for (content_type, body, expected, encoded) in cases {
        let mut request = post("/");
        if let Some(content_type) = content_type {
            request = request.header("Content-Type", content_type);
        }
        let event = event(request, body, json!({}));
        assert_eq!(
            (event["body"].as_str(), event["isBase64Encoded"].as_bool()),
            (Some(expected), Some(encoded)),
            "{content_type:?}"
        );
    }
}

#[test]
fn invalid_utf8_is_replaced() {
    let name = HeaderValue::from_bytes(b"a\xffb").unwrap();
    let event = event(post("/?%ff=%fe").header("X-Name", name.clone()).header("Cookie", name), b"", json!({}));
    assert_eq!(event["headers"]["x-name"], "a\u{fffd}b");
    assert_eq!(event["cookies"][0], "a\u{fffd}b");
    assert_eq!(event["queryStringParameters"]["\u{fffd}"], "\u{fffd}");
}

/// Status, headers by name, body.
async fn response(payload: &str) -> Option<(u16, Vec<String>, String)> {
    let response = to_response(&Bytes::from(payload.to_owned()))?;
    let (parts, body) = response.into_parts();
    let headers = parts.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let mut headers: Vec<String> = headers.collect();
    headers.sort();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Some((parts.status.as_u16(), headers, String::from_utf8(body.to_vec()).unwrap()))
}

#[tokio::test]
async fn an_answer_with_a_status_becomes_a_response() {
    let answer = json!({
        "statusCode": 201,
        "headers": {"Content-Type": "text/plain", "X-Number": 5, "X-Many": "lost", "Content-Length": "99"},
        "multiValueHeaders": {"x-many": ["one", "two"]},
        "cookies": ["a=1; Path=/", "b=2"],
        "body": "aGVsbG8=",
        "isBase64Encoded": true,
    });
    let (status, headers, body) = response(&answer.to_string()).await.unwrap();
    assert_eq!((status, &*body), (201, "hello"));
    assert_eq!(
        headers,
        [
            "content-type: text/plain",
            "set-cookie: a=1; Path=/",
            "set-cookie: b=2",
            "x-many: one",
            "x-many: two",
            "x-number: 5",
        ]
    );
    assert_eq!(response(r#"{"statusCode":204}"#).await.unwrap(), (204, vec![], String::new()));
}

#[tokio::test]
async fn json_without_a_status_is_a_200() {
    for payload in [r#"{"id":1}"#, "[]", r#""hello""#, "null"] {
        let expected = (200, vec!["content-type: application/json".to_owned()], payload.to_owned());
        assert_eq!(response(payload).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_invalid_answer_has_no_response() {
    for payload in [
        "",
        "{",
        r#"{"statusCode":"many"}"#,
        r#"{"statusCode":9999}"#,
        r#"{"statusCode":100}"#,
        r#"{"statusCode":200,"body":{}}"#,
        r#"{"statusCode":200,"body":"!","isBase64Encoded":true}"#,
        r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
        r#"{"statusCode":200,"headers":{"a":"b\nc"}}"#,
    ] {
        assert_eq!(response(payload).await, None, "{payload}");
    }
}
