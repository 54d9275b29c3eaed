//! The connection to DynamoDB.

use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_types::SdkConfig;

/// A DynamoDB client. Clones share its connections; the first request opens one.
#[derive(Clone)]
pub struct Client(pub(super) aws_sdk_dynamodb::Client);

impl Client {
    /// A client with the region, credentials and timeouts of `sdk`. `endpoint` overrides
    /// the region's DynamoDB URL, for example with a local one.
    pub fn new(sdk: &SdkConfig, endpoint: Option<String>) -> Self {
        let mut config = Builder::from(sdk);
        config.set_endpoint_url(endpoint);
        Client(aws_sdk_dynamodb::Client::from_conf(config.build()))
    }

    /// The same client, with the same connections, whose SDK sends each request once. An override for single requests
    /// would make every function 180 KB larger.
    pub(super) fn without_retries(&self) -> Self {
        let config = self.0.config().to_builder().retry_config(RetryConfig::disabled());
        Client(aws_sdk_dynamodb::Client::from_conf(config.build()))
    }
}
