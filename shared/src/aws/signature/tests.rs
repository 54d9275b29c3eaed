//! Signatures are compared with those that `aws-sigv4` computes on its own.

use std::time::Duration;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_types::body::SdkBody;

use super::*;

const HOST: &str = "https://dynamodb.us-east-1.amazonaws.com/";

fn credentials(secret: &str, token: Option<&str>) -> Credentials {
    Credentials::new("AKIDEXAMPLE", secret, token.map(str::to_owned), None, "test")
}

fn request(uri: &str) -> HttpRequest {
    let mut request = HttpRequest::new(SdkBody::from(r#"{"TableName":"Contacts"}"#));
    request.set_method("POST").unwrap();
    request.set_uri(uri).unwrap();
    for (name, value) in [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "DynamoDB_20120810.GetItem"),
        ("content-length", "24"),
        ("user-agent", "aws-sdk-rust/1.3 os/linux lang/rust/1.95.0"),
        ("x-amz-user-agent", "aws-sdk-rust/1.3 ua/2.1 api/dynamodb/1.136.0 os/linux"),
        ("amz-sdk-invocation-id", "c6eb53dd-1b51-4bd1-8d8f-d6b9b8dd0e6f"),
        ("amz-sdk-request", "attempt=1; max=4"),
        ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"),
    ] {
        request.headers_mut().insert(name, value);
    }
    request
}

/// The headers that the signature adds, by `aws-sigv4` alone.
fn expected(request: &HttpRequest, credentials: &Credentials, scope: Scope<'_>) -> Vec<(String, String)> {
    let identity = Identity::new(credentials.clone(), None);
    let params = SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.name)
        .time(scope.now)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let body = SignableBody::Bytes(request.body().bytes().unwrap());
    let signable = SignableRequest::new(request.method(), request.uri(), request.headers().iter(), body).unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    let mut headers: Vec<_> = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    headers.sort();
    headers
}

fn assert_signed_as_expected(signer: &Signer, uri: &str, credentials: &Credentials, scope: Scope<'_>) {
    let unsigned = request(uri);
    let mut signed = request(uri);
    signer.sign(&mut signed, credentials, scope).unwrap();
    let is_new = |(name, _): &(&str, &str)| unsigned.headers().get(*name).is_none();
    let mut added: Vec<_> =
        signed.headers().iter().filter(is_new).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    added.sort();
    assert_eq!(added, expected(&unsigned, credentials, scope));
}

#[test]
fn signatures_are_those_of_the_sdk() {
    let signer = Signer::default();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_172_315);
    let tomorrow = now + Duration::from_secs(86_400);
    let scope = Scope { now, region: "us-east-1", name: "dynamodb" };
    let (first, second) = (credentials("secret", Some("a/token+with=signs")), credentials("another", None));
    // Each but the second needs another key than the one before.
    for (credentials, scope) in [
        (&first, scope),
        (&first, Scope { now: now + Duration::from_secs(61), ..scope }),
        (&first, Scope { now: tomorrow, ..scope }),
        (&second, Scope { now: tomorrow, ..scope }),
        (&second, Scope { region: "sa-east-1", ..scope }),
        (&second, Scope { name: "events", ..scope }),
    ] {
        assert_signed_as_expected(&signer, HOST, credentials, scope);
        assert_signed_as_expected(&signer, "http://127.0.0.1:8000/", credentials, scope);
    }
}

#[test]
fn requests_of_other_kinds_are_left_to_the_sdk() {
    let scope = Scope { now: SystemTime::now(), region: "us-east-1", name: "dynamodb" };
    let odd = |change: &dyn Fn(&mut HttpRequest)| {
        let mut request = request(HOST);
        change(&mut request);
        let before = format!("{:?}", request.headers());
        assert!(Signer::default().sign(&mut request, &credentials("secret", None), scope).is_none());
        assert_eq!(format!("{:?}", request.headers()), before);
    };
    odd(&|request| request.set_method("GET").unwrap());
    odd(&|request| request.set_uri("https://dynamodb.us-east-1.amazonaws.com/path").unwrap());
    odd(&|request| request.set_uri("https://dynamodb.us-east-1.amazonaws.com/?query").unwrap());
    odd(&|request| request.set_uri("https://dynamodb.us-east-1.amazonaws.com:443/").unwrap());
    odd(&|request| drop(request.headers_mut().insert("host", "example.com")));
    odd(&|request| drop(request.headers_mut().insert("x-amz-meta", "two  spaces")));
    odd(&|request| *request.body_mut() = SdkBody::taken());
}

#[test]
fn a_key_is_not_shown() {
    let signer = Signer::default();
    let scope = Scope { now: SystemTime::UNIX_EPOCH, region: "us-east-1", name: "dynamodb" };
    signer.sign(&mut request(HOST), &credentials("secret", None), scope).unwrap();
    let shown = format!("{signer:?}");
    assert!(shown.contains("19700101/us-east-1/dynamodb/aws4_request") && !shown.contains("secret"), "{shown}");
}

#[test]
fn only_the_first_attempt_is_signed_with_this_clock() {
    let mut request = request(HOST);
    assert!(is_first_attempt(&request));
    request.headers_mut().insert("amz-sdk-request", "ttl=20261121T195900Z; attempt=2; max=4");
    assert!(!is_first_attempt(&request));
}
