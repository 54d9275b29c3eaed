//! What AWS would provide around a function: region, credentials, an account, a client of DynamoDB.
//!
//! Region and credentials come from the environment where it has them, so that `--dynamodb-url` may
//! name a server that checks; the embedded engine takes any.

use std::env;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// The account everything local belongs to.
pub(crate) const ACCOUNT: &str = "000000000000";

/// The region, `us-east-1` unless the environment says another.
pub(crate) fn region() -> String {
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).unwrap_or_else(|| "us-east-1".into())
}

/// The full name of a function.
pub(super) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{}:{ACCOUNT}:function:{name}", region())
}

/// The environment's credentials, or ones that no AWS would take.
pub(super) fn credentials() -> Credentials {
    let (key, secret, token) = match variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY")) {
        Some((key, secret)) => (key, secret, variable("AWS_SESSION_TOKEN")),
        None => ("local".into(), "local".into(), None),
    };
    Credentials::new(key, secret, token, None, "environment")
}

/// A client of the DynamoDB at `url`. TLS is set up only where it is spoken: reading the system's
/// root certificates costs more than the rest of a stack's start.
pub(super) fn dynamodb(url: &str) -> Client {
    let http = if url.starts_with("https:") {
        Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
    } else {
        Builder::new().build_http()
    };
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(url)
        .region(Region::new(region()))
        .credentials_provider(credentials())
        .http_client(http)
        .build();
    Client::from_conf(config)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
