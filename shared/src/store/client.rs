//! The connection to DynamoDB.

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{Builder, SharedInterceptor};
use aws_types::SdkConfig;

use super::units::{ConsumedUnits, UnitCounter};
use crate::aws::UserAgent;

/// A DynamoDB client. Clones share its connections; the first request opens one.
#[derive(Clone)]
pub struct Client(pub(super) aws_sdk_dynamodb::Client, Option<UnitCounter>);

impl Client {
    /// A client with the region, credentials and timeouts of `sdk`. `endpoint` overrides the URL of DynamoDB, which is
    /// that of the region or, where `sdk` was read from the environment, that of `AWS_ENDPOINT_URL`. At the log level
    /// `DEBUG`, every request reports what it consumes.
    pub fn new(sdk: &SdkConfig, endpoint: Option<String>) -> Self {
        let mut config = Builder::from(sdk);
        if endpoint.is_some() {
            config.set_endpoint_url(endpoint);
        }
        config.push_interceptor(SharedInterceptor::new(UserAgent));
        let units = tracing::enabled!(tracing::Level::DEBUG).then(UnitCounter::default);
        if let Some(units) = &units {
            config.push_interceptor(SharedInterceptor::new(units.clone()));
        }
        Client(aws_sdk_dynamodb::Client::from_conf(config.build()), units)
    }

    /// The units that this client and its clones have consumed since the last time; `None` unless Carnet logs at the
    /// level `DEBUG`.
    pub(crate) fn take_units(&self) -> Option<ConsumedUnits> {
        self.1.as_ref().map(UnitCounter::take)
    }

    /// The same client, with the same connections, whose SDK sends each request once. An override for single requests
    /// would make every function 180 KB larger.
    pub(super) fn without_retries(&self) -> Self {
        let config = self.0.config().to_builder().retry_config(RetryConfig::disabled());
        Client(aws_sdk_dynamodb::Client::from_conf(config.build()), self.1.clone())
    }
}
