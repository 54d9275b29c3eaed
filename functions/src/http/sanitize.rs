//! Makes every request event safe to convert into an HTTP request.
//!
//! `lambda_http` builds a URI from an event and panics if it cannot: on a space, `<` or `"` in a query string, on
//! an unusual host, on a URI of 64 KB, and on a body with invalid base64. No function here uses the URI or the
//! host; paths and parameters are read from the event's own fields. So what cannot be converted is replaced.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::HOST;
use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest path and the longest query string, in bytes after encoding. `http::Uri` holds at most 65,534.
const MAX_LENGTH: usize = 30_000;

/// Bytes that are encoded in a path or a query string: all but those that a URI may contain there. `%` stays,
/// because the text may be encoded already.
const NOT_IN_URI: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'%')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

/// Replaces what cannot be converted. A path or query string that is too long is dropped, and a body that cannot be
/// decoded becomes one that is not JSON, which every action refuses.
pub(crate) fn sanitize(request: &mut LambdaRequest) {
    match request {
        LambdaRequest::ApiGatewayV2(event) => {
            host(&mut event.headers);
            event.request_context.domain_name = None;
            event.request_context.stage = stage(event.request_context.stage.take());
            event.raw_path = Some(path(event.raw_path.take()));
            let query = event.raw_query_string.take().map(|query| utf8_percent_encode(&query, NOT_IN_URI).to_string());
            // Without it, `lambda_http` reads the parameters that API Gateway has parsed.
            event.raw_query_string = query.filter(|query| query.len() <= MAX_LENGTH);
            body(&mut event.body, &mut event.is_base64_encoded);
        }
        LambdaRequest::ApiGatewayV1(event) => {
            host(&mut event.headers);
            host(&mut event.multi_value_headers);
            event.request_context.domain_name = None;
            event.request_context.stage = stage(event.request_context.stage.take());
            event.path = Some(path(event.path.take()));
            limit(&mut event.query_string_parameters);
            limit(&mut event.multi_value_query_string_parameters);
            body(&mut event.body, &mut event.is_base64_encoded);
        }
        LambdaRequest::Alb(event) => {
            host(&mut event.headers);
            host(&mut event.multi_value_headers);
            event.path = Some(path(event.path.take()));
            limit(&mut event.query_string_parameters);
            limit(&mut event.multi_value_query_string_parameters);
            body(&mut event.body, &mut event.is_base64_encoded);
        }
        // Sources whose features of `lambda_http` are off.
        _ => {}
    }
}

fn host(headers: &mut HeaderMap) {
    headers.remove(HOST);
}

/// A stage's name; anything that API Gateway does not allow in one is dropped.
fn stage(stage: Option<String>) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '$' | '-' | '_');
    stage.filter(|stage| stage.len() <= 128 && stage.chars().all(is_allowed))
}

/// A path that starts with a slash.
fn path(path: Option<String>) -> String {
    let path = utf8_percent_encode(path.as_deref().unwrap_or_default(), NOT_IN_URI).to_string();
    if path.len() > MAX_LENGTH {
        "/".to_owned()
    } else if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    }
}

fn limit(parameters: &mut QueryMap) {
    // Encoding can make every byte three times as long.
    let length: usize = parameters.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    if length * 3 > MAX_LENGTH {
        *parameters = QueryMap::default();
    }
}

fn body(body: &mut Option<String>, is_base64_encoded: &mut bool) {
    if *is_base64_encoded && body.as_ref().is_some_and(|body| STANDARD.decode(body).is_err()) {
        *body = Some("the body is not valid base64".to_owned());
        *is_base64_encoded = false;
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::RequestExt;
    use lambda_http::http::Request;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The request that the event is converted into.
    fn convert(event: &Value) -> Option<Request<lambda_http::Body>> {
        let mut request: LambdaRequest = serde_json::from_str(&event.to_string()).ok()?;
        sanitize(&mut request);
        Some(request.into())
    }

    fn v2(host: &str, stage: &str, path: &str, query: &str, body: Option<&str>, is_base64: bool) -> Value {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
            "headers": { "host": host, "x-forwarded-proto": host },
            "queryStringParameters": { "a": query },
            "requestContext": {
                "accountId": "1", "apiId": "1", "domainName": host, "domainPrefix": "a", "requestId": "1",
                "routeKey": "$default", "stage": stage, "time": "x", "timeEpoch": 1,
                "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "1.1.1.1", "userAgent": "x" },
            },
            "body": body, "isBase64Encoded": is_base64,
        })
    }

    fn v1(host: &str, stage: &str, path: &str, query: &str, body: Option<&str>, is_base64: bool) -> Value {
        json!({
            "resource": path, "path": path, "httpMethod": "POST", "headers": { "Host": host },
            "multiValueHeaders": { "Host": [host] }, "queryStringParameters": { "a": query },
            "multiValueQueryStringParameters": { "a": [query] }, "pathParameters": null, "stageVariables": null,
            "requestContext": {
                "accountId": "1", "apiId": "1", "httpMethod": "POST", "path": path, "stage": stage, "requestId": "1",
                "resourceId": "1", "resourcePath": path, "domainName": host, "identity": { "sourceIp": "1.1.1.1" },
            },
            "body": body, "isBase64Encoded": is_base64,
        })
    }

    fn alb(host: &str, path: &str, query: &str, body: Option<&str>, is_base64: bool) -> Value {
        json!({
            "requestContext": { "elb": { "targetGroupArn": "arn:x" } }, "httpMethod": "GET", "path": path,
            "queryStringParameters": { "a": query }, "headers": { "host": host },
            "body": body, "isBase64Encoded": is_base64,
        })
    }

    const ODD: [&str; 14] = [
        "",
        " ",
        "<",
        "\"",
        "+55 11",
        "%zz",
        "%ff%fe",
        "\u{e9}\u{1f600}",
        "x:99999",
        "[",
        "{}|\\^`",
        "a=1&a=2&&=",
        "\n\0",
        "?#",
    ];

    #[test]
    fn odd_events_are_converted() {
        for odd in ODD {
            for event in [
                v2(odd, odd, odd, odd, Some(odd), true),
                v2("example.com", "$default", &format!("/contact{odd}"), &format!("a={odd}"), Some(odd), false),
                v1(odd, odd, odd, odd, Some(odd), true),
                alb(odd, odd, odd, Some(odd), true),
            ] {
                // An event that is not a request at all is not converted, and does not panic either.
                let _ = convert(&event);
            }
        }
        let long = "a".repeat(100_000);
        for event in [
            v2(&long, &long, &long, &long, None, false),
            v1(&long, &long, &long, &long, None, false),
            alb(&long, &long, &long, None, false),
        ] {
            let request = convert(&event).unwrap();
            assert_eq!(request.raw_http_path(), "/");
        }
    }

    #[test]
    fn parameters_and_paths_keep_their_meaning() {
        for (query, value) in
            [("a=+55%2011", " 55 11"), ("a= <\">", " <\">"), ("a=%zz", "%zz"), ("a=\u{e9}", "\u{e9}"), ("a=%2B1", "+1")]
        {
            let request = convert(&v2("example.com", "$default", "/contact", query, None, false)).unwrap();
            assert_eq!(request.query_string_parameters().first("a"), Some(value), "{query}");
            assert_eq!(request.raw_http_path(), "/contact");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// No event of any HTTP source panics.
        #[test]
        fn random_events_are_converted(
            host in "\\PC{0,12}|[\\[\\]:/@#?x0-9. <]{0,12}",
            stage in "\\PC{0,8}",
            path in "/?\\PC{0,24}|[ <>\"%+/?#\\\\^`{|}a]{0,24}",
            query in "\\PC{0,24}|[ <>\"%+=&#\\\\^`{|}a]{0,24}",
            body in prop::option::of("\\PC{0,24}|[A-Za-z0-9+/=]{0,24}"),
            is_base64 in any::<bool>(),
        ) {
            let body = body.as_deref();
            prop_assert!(convert(&v2(&host, &stage, &path, &query, body, is_base64)).is_some());
            let _ = convert(&v1(&host, &stage, &path, &query, body, is_base64));
            let _ = convert(&alb(&host, &path, &query, body, is_base64));
        }
    }
}
