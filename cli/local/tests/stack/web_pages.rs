//! Requests that a web page can make a browser send, as raw bytes, and other requests that HTTP clients do not send.

use std::time::Duration;

use carnet_local::Stack;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{echo, options, parsed, start};

/// Sends a request's head, with `{}` for the address, and a body. Returns the whole response.
async fn send(url: &str, head: &[&str], body: &str) -> String {
    let address = url.strip_prefix("http://").unwrap_or(url);
    let mut request = head.join("\r\n").replace("{}", address);
    request += &format!("\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let exchange = async {
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response).await;
        String::from_utf8_lossy(&response).into_owned()
    };
    timeout(Duration::from_secs(20), exchange).await.expect("an answer in time")
}

fn status(response: &str) -> u16 {
    let status = response.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    status.unwrap_or_else(|| panic!("not a response: {response:?}"))
}

/// A request without its `Host`: the URL of its server, the lines of its head, its body, and its status where it is
/// not refused.
struct Call {
    url: String,
    head: Vec<&'static str>,
    body: &'static str,
    answered: u16,
}

impl Call {
    fn new(url: &str, head: &[&'static str], body: &'static str) -> Self {
        Self { url: url.to_owned(), head: head.to_vec(), body, answered: 200 }
    }

    /// Sends it with more header lines.
    async fn with(&self, headers: &[&str]) -> String {
        send(&self.url, &[&self.head, headers].concat(), self.body).await
    }
}

/// A call of each API that is not public.
async fn private_calls(stack: &Stack) -> Vec<Call> {
    let (url, dynamodb) = (stack.url(), stack.dynamodb_url());
    let signed = "Authorization: AWS4-HMAC-SHA256 Credential=local, SignedHeaders=host, Signature=0";
    let list_tables = [
        "POST / HTTP/1.1",
        "X-Amz-Target: DynamoDB_20120810.ListTables",
        "Content-Type: application/json",
        "X-Amz-Date: 20260101T000000Z",
        signed,
    ];
    let runtime_api = parsed(&echo(stack, json!({})).await)["runtime_api"].as_str().expect("an address").to_owned();
    let no_invocation = "POST /2018-06-01/runtime/invocation/x/response HTTP/1.1";
    vec![
        Call::new(dynamodb, &list_tables, "{}"),
        Call::new(dynamodb, &["GET / HTTP/1.1"], ""),
        Call::new(url, &["POST /2015-03-31/functions/echo/invocations HTTP/1.1", "Content-Type: text/plain"], "{}"),
        Call::new(url, &["GET /2015-03-31/functions HTTP/1.1"], ""),
        Call::new(url, &["GET /_local/events HTTP/1.1"], ""),
        Call { answered: 400, ..Call::new(url, &["POST / HTTP/1.1", "X-Amz-Target: AWSEvents.PutEvents"], "{}") },
        Call { answered: 400, ..Call::new(&runtime_api, &[no_invocation], "{}") },
    ]
}

#[tokio::test]
async fn a_page_of_another_origin_reaches_only_the_http_api() {
    let stack = start(options()).await;
    let allows_origin = |response: &str| response.to_lowercase().contains("access-control-");
    for call in private_calls(&stack).await {
        for accepted in [&[][..], &["Origin: http://{}", "Sec-Fetch-Site: same-origin"], &["Sec-Fetch-Site: none"]] {
            let response = call.with(&[&["Host: {}"], accepted].concat()).await;
            assert_eq!(status(&response), call.answered, "{:?} {accepted:?}: {response}", call.head);
            assert!(!allows_origin(&response), "{response}");
        }
        for header in [
            "Origin: http://evil.example",
            "Origin: null",
            "Origin: http://localhost:1",
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
        ] {
            let response = call.with(&["Host: {}", header]).await;
            assert_eq!(status(&response), 403, "{:?} {header}: {response}", call.head);
            assert!(response.contains("web page of another origin") && !allows_origin(&response), "{response}");
        }
    }

    // What a browser asks before it lets a page send other requests.
    let preflight =
        ["OPTIONS / HTTP/1.1", "Host: {}", "Origin: http://evil.example", "Access-Control-Request-Method: POST"];
    for url in [stack.dynamodb_url(), stack.url()] {
        let response = send(url, &preflight, "").await;
        assert!(matches!(status(&response), 403 | 404) && !allows_origin(&response), "{response}");
    }

    let public = ["GET /echo/a HTTP/1.1", "Host: {}", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site"];
    assert_eq!(status(&send(stack.url(), &public, "").await), 200);
}

#[tokio::test]
async fn every_port_answers_only_to_the_names_of_this_machine() {
    let stack = start(options()).await;
    let mut calls = private_calls(&stack).await;
    calls.push(Call::new(stack.url(), &["GET /echo/a HTTP/1.1"], ""));
    for call in &calls {
        for host in ["Host: {}", "Host: localhost", "host: LOCALHOST:80", "Host: [::1]:3000"] {
            let response = call.with(&[host]).await;
            assert_eq!(status(&response), call.answered, "{:?} {host}: {response}", call.head);
        }
        for hosts in [
            &["Host: evil.example"][..],
            &["Host: evil.example", "Origin: http://evil.example", "Sec-Fetch-Site: same-origin"],
            &["Host: 127.0.0.1.evil.example:3000"],
            &["Host: localhost", "Host: evil.example"],
            &["Host: x:99999"],
            &["Host: localhost:99999"],
            &["Host: ["],
            &["Host: \""],
            &["Host:"],
            &[],
        ] {
            let response = call.with(hosts).await;
            assert_eq!(status(&response), 403, "{:?} {hosts:?}: {response}", call.head);
            assert!(response.contains("whose Host is 127.0.0.1, localhost or [::1]"), "{response}");
        }
        // A target that is a complete URL names a host too.
        for (target, expected) in [("http://evil.example/", 403), ("http://{}/", call.answered)] {
            let mut head = call.head.clone();
            let line = head[0].replacen(" /", &format!(" {target}"), 1);
            head[0] = &line;
            let response = send(&call.url, &[&head[..], &["Host: localhost"]].concat(), call.body).await;
            assert_eq!(status(&response), expected, "{head:?}: {response}");
        }
    }
}

#[tokio::test]
async fn odd_requests_get_an_answer_and_harm_nothing() {
    let stack = start(options()).await;
    let quotes = "\"".repeat(60_000);
    let long = "a".repeat(70_000);
    let cases = [
        ("GET \" HTTP/1.1", 400),
        ("GET /\" HTTP/1.1", 404),
        ("GET /echo/\" HTTP/1.1", 200),
        ("GET /echo/%22 HTTP/1.1", 200),
        ("GET /echo/a?\" HTTP/1.1", 400),
        ("GET /echo/%ff%00?%ff=%zz&&= HTTP/1.1", 200),
        (&format!("GET /echo/{quotes} HTTP/1.1"), 200),
        (&format!("GET /echo/{long} HTTP/1.1"), 414),
        (&format!("GET /echo/a?{long} HTTP/1.1"), 414),
        ("GET http://{}/echo/a?x=1 HTTP/1.1", 200),
        ("GET http://{} HTTP/1.1", 404),
        ("GET https://localhost/echo/a HTTP/1.1", 200),
        ("GET http://[/ HTTP/1.1", 400),
        ("GET http://x:99999/ HTTP/1.1", 403),
        ("OPTIONS * HTTP/1.1", 404),
        ("CONNECT localhost:80 HTTP/1.1", 404),
        ("CONNECT evil.example:80 HTTP/1.1", 403),
    ];
    for (line, expected) in cases {
        for url in [stack.url(), stack.dynamodb_url()] {
            let response = send(url, &[line, "Host: localhost"], "").await;
            let line = &line[..line.len().min(60)];
            if url == stack.url() {
                assert_eq!(status(&response), expected, "{line}: {response}");
            }
            assert!((200..500).contains(&status(&response)), "{url} {line}: {response}");
        }
    }
    assert_eq!(stack.processes("echo").expect("a count"), 1);
    stack.dynamodb().list_tables().send().await.expect("an answer");
}
