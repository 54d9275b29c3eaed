//! `carnet smoke` against a stack of this machine: the stack as it is, and behind a proxy that spoils answers.

mod support;

use std::net::SocketAddr;
use std::process::Output;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use support::{Dev, output, text};

const TOKEN: &str = "fiq_demo";

impl Dev {
    /// Starts a stack in memory, whose tenants may make this number of calls a minute; 0 is any number.
    async fn limited(rate_limit: &str) -> Self {
        Self::start_with(&["--memory", "--rate-limit", rate_limit]).await
    }
}

async fn smoke(url: &str, token: &str, arguments: &[&str]) -> Output {
    smoke_with(url, token, arguments, &[]).await
}

/// With further environment variables.
async fn smoke_with(url: &str, token: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
    command.args(["smoke", "--url", url]).args(arguments).env("CARNET_TOKEN", token);
    command.envs(environment.iter().copied());
    if !arguments.contains(&"--slug") {
        command.args(["--slug", "demo"]);
    }
    output(command, "").await
}

/// Forwards connections to `server`, with `from` replaced by `to`, which has the same length, in what the server sends.
async fn spoiling_proxy(server: &str, from: &'static str, to: &'static str) -> String {
    assert_eq!(from.len(), to.len());
    let server: SocketAddr = server.trim_start_matches("http://").parse().expect("an address");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = TcpStream::connect(server).await?.into_split();
                let requests = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                let mut answer = Vec::new();
                from_server.read_to_end(&mut answer).await?;
                while let Some(place) = answer.windows(from.len()).position(|bytes| bytes == from.as_bytes()) {
                    answer[place..place + to.len()].copy_from_slice(to.as_bytes());
                }
                to_client.write_all(&answer).await?;
                requests.abort();
                std::io::Result::Ok(())
            });
        }
    });
    url
}

#[tokio::test]
async fn a_stack_passes_and_can_be_checked_again() {
    let dev = Dev::limited("1000").await;
    for _ in 0..2 {
        let output = smoke(&dev.url, TOKEN, &["--idle", "1s"]).await;
        let printed = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{printed}{}", text(&output.stderr));
        let summary = printed.lines().last().unwrap_or_default();
        assert!(summary.contains(" 0 different, 0 without an answer, 0 skipped"), "{printed}");
        assert!(!printed.contains(TOKEN), "{printed}");
        assert!(printed.contains("left behind: entries of the tag catalogue"), "{printed}");
        assert!(!printed.contains("could not be deleted"), "{printed}");
    }
    let output = smoke(&dev.url, "demo-token", &["--json", "--no-compare"]).await;
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (output.status.code(), &report["compared"], &report["rate_limit"]),
        (Some(0), &false.into(), &1000.into())
    );
    let cases = report["cases"].as_array().expect("a list");
    let skipped = cases.iter().filter(|case| case["verdict"] == "skipped");
    assert_eq!(skipped.map(|case| &case["group"]).collect::<Vec<_>>(), ["flowiq"], "without a FlowIQ key");
}

/// A spelling of a number, an error's text, a header and a status.
#[tokio::test]
async fn a_spoiled_answer_is_a_difference_that_is_shown() {
    let dev = Dev::limited("0").await;
    for (from, to, group, name) in [
        ("8742.00", "8742.01", "get-contact", "by id"),
        ("Malformed JSON", "Unreadable map", "create-contact", "JSON that is cut off"),
        (
            "x-contact-outcome: unchanged",
            "x-contact-outcome: mysterious",
            "create-contact",
            "the same again changes nothing",
        ),
        ("HTTP/1.1 409 Conflict", "HTTP/1.1 201 Conflict", "flowiq-create-contact", "the same number again"),
        ("allow: GET", "allow: PUT", "odd method", "POST instead of GET"),
    ] {
        let to: &'static str = &to[..from.len()];
        let proxy = spoiling_proxy(&dev.url, from, to).await;
        let output = smoke(&proxy, TOKEN, &["--json"]).await;
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(output.status.code(), Some(1), "{from}");
        let cases = report["cases"].as_array().expect("a list");
        let case = cases.iter().find(|case| case["group"] == group && case["name"] == name).expect("a case");
        assert_eq!(case["verdict"], "different", "{case}");
        let lines = case["differences"].to_string();
        assert!(lines.contains("- ") && lines.contains("+ "), "{lines}");
    }
}

#[tokio::test]
async fn the_rate_limit_is_reached_and_recovered_from() {
    let dev = Dev::limited("150").await;
    let output = smoke(&dev.url, TOKEN, &["--rate-limit"]).await;
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed}{}", text(&output.stderr));
    assert!(printed.contains("a call too many, after ") && printed.contains("a call after Retry-After"), "{printed}");
}

#[tokio::test]
async fn what_cannot_be_checked_is_an_error_with_its_remedy() {
    let dev = Dev::limited("0").await;
    let cases = [
        ("http://127.0.0.1:1", TOKEN, vec![], "http://127.0.0.1:1/ does not answer: "),
        (&dev.url, "", vec![], "there is no token; set CARNET_TOKEN"),
        (&dev.url, "unknown-token", vec![], "the deployment refuses the token (401)"),
        (&dev.url, "orphan-token", vec![], "the token's user has no tenant"),
        (&dev.url, TOKEN, vec!["--slug", "Not A Slug"], "--slug is not a slug"),
        ("ftp://127.0.0.1", TOKEN, vec![], "the URL has to begin with https://"),
        #[cfg(not(feature = "cloud"))]
        (&dev.url, TOKEN, vec!["--invoke", "carnet"], "`cargo run --features cloud -- smoke …`"),
    ];
    for (url, token, arguments, message) in cases {
        let output = smoke(url, token, &arguments).await;
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{errors}");
        assert!(errors.starts_with("error: ") && errors.contains(message), "{errors}");
        assert!(token.is_empty() || !errors.contains(token), "{errors}");
    }
}

/// `--invoke` against an AWS that describes a stack, accepts asynchronous invocations and refuses almost everything else. What works is tried on an emulator.
#[cfg(feature = "cloud")]
mod invoke {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::Request;
    use axum::http::StatusCode;
    use axum::response::{IntoResponse, Response};

    use super::*;

    /// What such an AWS accepts.
    #[derive(Clone, Default)]
    struct Aws {
        /// Whether the functions have the alias `live`.
        has_alias: bool,
        /// Whether its dead-letter queues can be read.
        has_queues: bool,
        /// The invocations: the type, the function and the qualifier.
        invocations: Arc<Mutex<Vec<String>>>,
    }

    impl Aws {
        /// Serves until the test ends; returns the URL.
        async fn serve(self) -> String {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let url = format!("http://{}", listener.local_addr().expect("an address"));
            let app = Router::new().fallback(move |request: Request| async move { self.answer(request).await });
            tokio::spawn(async move { axum::serve(listener, app).await });
            url
        }

        async fn answer(&self, request: Request) -> Response {
            let (parts, body) = request.into_parts();
            let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
            let body = String::from_utf8_lossy(&body);
            if let Some(function) = parts.uri.path().strip_prefix("/2015-03-31/functions/") {
                let function = function.trim_end_matches("/invocations");
                let (kind, query) = (header("x-amz-invocation-type"), parts.uri.query().unwrap_or_default());
                self.invocations.lock().expect("a list").push(format!("{kind} {function} {query}"));
                return match kind {
                    "DryRun" if self.has_alias => StatusCode::NO_CONTENT.into_response(),
                    "DryRun" => error(StatusCode::NOT_FOUND, "ResourceNotFoundException"),
                    "Event" => StatusCode::ACCEPTED.into_response(),
                    _ => error(StatusCode::FORBIDDEN, "AccessDeniedException"),
                };
            }
            match header("x-amz-target") {
                "" if body.contains("StackName=carnet") => DESCRIBED.into_response(),
                "" => (StatusCode::BAD_REQUEST, UNKNOWN_STACK).into_response(),
                "AmazonSQS.ReceiveMessage" if self.has_queues => "{}".into_response(),
                "AmazonSQS.GetQueueAttributes" if self.has_queues => {
                    r#"{"Attributes":{"ApproximateNumberOfMessages":"1200","ApproximateNumberOfMessagesNotVisible":"34"}}"#
                        .into_response()
                }
                _ => error(StatusCode::FORBIDDEN, "AccessDeniedException"),
            }
        }
    }

    fn error(status: StatusCode, kind: &'static str) -> Response {
        (status, [("x-amzn-errortype", kind)], "{\"message\":\"not in this test\"}").into_response()
    }

    const DESCRIBED: &str = "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>carnet</StackName>\
        <CreationTime>2026-11-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus><Parameters><member>\
        <ParameterKey>PollQueues</ParameterKey><ParameterValue>false</ParameterValue></member></Parameters><Outputs>\
        <member><OutputKey>Bus</OutputKey><OutputValue>carnet-bus</OutputValue></member><member>\
        <OutputKey>DeadLetters</OutputKey><OutputValue>https://sqs/queue</OutputValue></member></Outputs></member>\
        </Stacks></DescribeStacksResult></DescribeStacksResponse>";
    const UNKNOWN_STACK: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id \
        typo does not exist</Message></Error></ErrorResponse>";

    async fn run(url: &str, aws: Aws, arguments: &[&str]) -> Output {
        let aws = aws.serve().await;
        let environment = [
            ("AWS_ENDPOINT_URL", aws.as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
        ];
        smoke_with(url, TOKEN, arguments, &environment).await
    }

    fn cases<'a>(report: &'a Value, group: &str) -> Vec<&'a Value> {
        let cases = report["cases"].as_array().expect("a list");
        cases.iter().filter(|case| case["group"].as_str().is_some_and(|name| name.starts_with(group))).collect()
    }

    /// Nothing answers at this URL, which is not seen before the stack is described.
    #[tokio::test]
    async fn a_stack_that_does_not_exist_is_an_error_before_the_first_call() {
        let output = run("http://127.0.0.1:1", Aws::default(), &["--invoke", "typo"]).await;
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{errors}");
        assert!(errors.contains("there is no stack typo in this account and region"), "{errors}");
    }

    #[tokio::test]
    async fn what_aws_refuses_is_reported_and_the_run_cleans_up() {
        let dev = Dev::limited("0").await;
        let aws = Aws::default();
        let output = run(&dev.url, aws.clone(), &["--invoke", "carnet", "--units", "--json", "--no-compare"]).await;
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        for group in ["invoke ", "bus", "units ", "dead letters"] {
            let cases = cases(&report, group);
            assert!(!cases.is_empty(), "{group}");
            for case in cases.iter().filter(|case| case["verdict"] != "skipped") {
                assert_eq!(case["verdict"], "no-answer", "{case}");
                assert!(case["note"].as_str().is_some_and(|note| note.contains("AccessDenied")), "{case}");
            }
        }
        // The only dead letter that was sent is in a queue that cannot be read.
        let read =
            cases(&report, "dead letters").iter().any(|case| case["note"].to_string().contains("cannot be read"));
        assert!(read && report["left_behind"].to_string().contains("once it arrives"), "{report}");
        // Contacts 3 and 4 were not created, and contact 5 was deleted before.
        let cleaned: Vec<_> = cases(&report, "clean-up").iter().map(|case| (&case["name"], &case["verdict"])).collect();
        assert_eq!(
            cleaned,
            [(&"deletes contact 1".into(), &"ok".into()), (&"deletes contact 2".into(), &"ok".into())]
                as [(&Value, &Value); 2]
        );
        let left = report["left_behind"].to_string();
        assert!(!left.contains("contacts that") && left.contains("tag catalogue"), "{left}");
        let invocations = aws.invocations.lock().expect("a list");
        assert!(invocations.iter().any(|call| call == "Event carnet-record-message "), "{invocations:?}");
    }

    #[tokio::test]
    async fn the_alias_is_invoked_and_a_missing_dead_letter_comes_with_the_depth_of_its_queue() {
        let dev = Dev::limited("0").await;
        let aws = Aws { has_alias: true, has_queues: true, ..Aws::default() };
        let arguments = ["--invoke", "carnet", "--dead-letters", "1s", "--no-compare"];
        let output = run(&dev.url, aws.clone(), &arguments).await;
        let printed = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{printed}{}", text(&output.stderr));
        assert!(printed.contains("did not arrive in InvocationDeadLetters within 1 s"), "{printed}");
        assert!(printed.contains("DeadLetters has about 1234 messages; if it has many"), "{printed}");
        assert!(
            printed.contains("left behind: in InvocationDeadLetters, once it arrives: the message smoke-"),
            "{printed}"
        );
        let invocations = aws.invocations.lock().expect("a list");
        assert!(invocations.contains(&"Event carnet-record-message Qualifier=live".to_owned()), "{invocations:?}");
        assert!(invocations.iter().all(|call| call.ends_with("Qualifier=live")), "{invocations:?}");
    }
}
