//! Requests that a browser makes for a page of another origin, with the CORS settings of `cors.yaml`.

use std::path::Path;

use carnet_local::{Options, Stack};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};

use crate::support::{options, start};

const ORIGIN: &str = "http://localhost:8080";

async fn stack() -> Stack {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/cors.yaml");
    start(Options { template, ..options() }).await
}

fn request(stack: &Stack, method: Method, path: &str, origin: &str) -> RequestBuilder {
    Client::new().request(method, format!("{}{path}", stack.url())).header("origin", origin)
}

fn preflight(stack: &Stack, path: &str, origin: &str) -> RequestBuilder {
    let ask = request(stack, Method::OPTIONS, path, origin).header("access-control-request-method", "POST");
    ask.header("access-control-request-headers", "authorization,content-type")
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

/// The CORS headers of an answer, sorted.
fn cors(answer: &Response) -> Vec<String> {
    let headers = answer.headers().iter().filter(|(name, _)| name.as_str().starts_with("access-control-"));
    let mut headers: Vec<String> =
        headers.map(|(name, value)| format!("{}: {}", &name.as_str()[15..], value.to_str().expect("text"))).collect();
    headers.sort();
    headers
}

#[tokio::test]
async fn preflight_requests_are_answered_for_every_path() {
    let stack = stack().await;
    for path in ["/echo/a", "/nowhere", "/"] {
        let allowed = answer(preflight(&stack, path, ORIGIN)).await;
        assert_eq!(allowed.status(), StatusCode::NO_CONTENT);
        assert_eq!(
            cors(&allowed),
            [
                "allow-headers: authorization,content-type",
                "allow-methods: GET,POST",
                "allow-origin: http://localhost:8080",
                "expose-headers: x-request-id,etag",
                "max-age: 7200",
            ],
            "{path}"
        );
        let refused = answer(preflight(&stack, path, "http://localhost:8081")).await;
        assert_eq!((refused.status(), cors(&refused).len()), (StatusCode::NO_CONTENT, 0), "{path}");
    }
    assert_eq!(stack.processes("echo").expect("a count"), 0, "no function is invoked");
    // OPTIONS that a browser has not sent by itself is a request like any other.
    assert_eq!(answer(request(&stack, Method::OPTIONS, "/echo/a", ORIGIN)).await.status(), StatusCode::OK);
    assert_eq!(stack.processes("echo").expect("a count"), 1);
}

#[tokio::test]
async fn answers_and_errors_can_be_read_by_allowed_pages_only() {
    let stack = stack().await;
    let large = || "z".repeat(7_000_000);
    for (path, body, status) in [
        ("/echo/a", String::new(), StatusCode::OK),
        ("/echo/a?fail=1", String::new(), StatusCode::INTERNAL_SERVER_ERROR),
        ("/echo/a?sleep=5000", String::new(), StatusCode::SERVICE_UNAVAILABLE),
        ("/echo/a", large(), StatusCode::PAYLOAD_TOO_LARGE),
        ("/nowhere", String::new(), StatusCode::NOT_FOUND),
    ] {
        let allowed = answer(request(&stack, Method::POST, path, ORIGIN).body(body.clone())).await;
        assert_eq!(allowed.status(), status);
        assert_eq!(
            cors(&allowed),
            ["allow-origin: http://localhost:8080", "expose-headers: x-request-id,etag"],
            "{path}"
        );
        if status == StatusCode::SERVICE_UNAVAILABLE {
            continue;
        }
        let other = answer(request(&stack, Method::POST, path, "https://evil.example").body(body)).await;
        assert_eq!((other.status(), cors(&other).len()), (status, 0), "{path}");
    }
}

/// The settings are those of the HTTP API. What else listens on its port stays closed to other pages.
#[tokio::test]
async fn the_settings_open_nothing_but_the_http_api() {
    let stack = stack().await;
    for (method, path) in [(Method::POST, "/2015-03-31/functions/echo/invocations"), (Method::GET, "/_local/events")] {
        let refused = answer(request(&stack, method, path, ORIGIN)).await;
        assert_eq!((refused.status(), cors(&refused).len()), (StatusCode::FORBIDDEN, 0), "{path}");
    }
    let put = request(&stack, Method::POST, "/", ORIGIN).header("x-amz-target", "AWSEvents.PutEvents");
    let refused = answer(put.body("{}")).await;
    assert_eq!((refused.status(), cors(&refused).len()), (StatusCode::FORBIDDEN, 0));
}
