//! The connection to DynamoDB.

use aws_sdk_dynamodb::config::Builder;
use aws_types::SdkConfig;

use crate::aws;
use crate::config::Config;

/// A connection that every table of a process shares. Opened by the first request.
#[derive(Clone)]
pub struct Client(pub(super) aws_sdk_dynamodb::Client);

impl Client {
    /// A connection as the configuration says.
    pub fn new(config: &Config) -> Self {
        Self::of(&aws::sdk(config), config)
    }

    /// The same, for a process that talks to other services too.
    pub(crate) fn of(sdk: &SdkConfig, config: &Config) -> Self {
        let mut sdk = Builder::from(sdk);
        sdk.set_endpoint_url(config.endpoint.clone());
        Client(aws_sdk_dynamodb::Client::from_conf(sdk.build()))
    }
}
