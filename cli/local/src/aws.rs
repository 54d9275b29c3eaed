//! The AWS environment around a function: account, region, credentials, names of resources, a client of DynamoDB.
//!
//! Region and credentials are those of this process's environment where it has them, so that
//! [`Store::Url`](crate::Store::Url) may name a server that checks them; the embedded engine accepts any.

use std::env;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// The account id in every local ARN.
pub const ACCOUNT: &str = "000000000000";

/// The region: `AWS_REGION` or `AWS_DEFAULT_REGION` of the environment, else `us-east-1`.
pub fn region() -> String {
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).unwrap_or_else(|| "us-east-1".into())
}

/// The ARN of a function.
pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{}:{ACCOUNT}:function:{name}", region())
}

/// The name of an event bus, which an API call gives as name or ARN.
pub(crate) fn bus_name(bus: &str) -> &str {
    bus.rsplit_once("event-bus/").map_or(bus, |(_, name)| name)
}

/// The environment's credentials, or made-up ones that AWS would refuse.
pub(crate) fn credentials() -> Credentials {
    let (key, secret, token) = match variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY")) {
        Some((key, secret)) => (key, secret, variable("AWS_SESSION_TOKEN")),
        None => ("local".into(), "local".into(), None),
    };
    Credentials::new(key, secret, token, None, "environment")
}

/// A client of the DynamoDB at `url`. TLS is set up for `https:` only: reading the system's root certificates takes
/// longer than the rest of a stack's start.
pub(crate) fn dynamodb(url: &str) -> Client {
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
