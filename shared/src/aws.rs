//! The configuration that the clients of all AWS services share: region, credentials, TLS, timeouts
//! and the SDK's own retries.

mod http;
mod roots;
mod user_agent;

use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig,
};
pub use aws_types::SdkConfig;

use http::PooledHttp;
pub use roots::RootCertificates;
pub(crate) use user_agent::UserAgent;

/// Region and credentials, as Lambda sets them in the environment of a function. The credentials are
/// valid for longer than the process lives.
#[derive(Clone)]
pub struct AwsEnvironment {
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<String>,
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`, which functions do without.
    pub root_certificates: RootCertificates,
}

/// The SDK configuration for this environment. Call it once per process: the clients made of it share their connections.
pub fn sdk_config(environment: &AwsEnvironment) -> SdkConfig {
    // Lambda freezes an idle process, and a connection may be dead when it wakes. Those that have been idle for long are
    // not used again; for the others, an attempt is short and the next one opens a new connection.
    let http = SharedHttpClient::new(PooledHttp::new(&environment.root_certificates, Duration::from_secs(20)));
    // DynamoDB normally answers within milliseconds. After two connections that do not answer, a third attempt still
    // has time, and the caller gets an error within 3 s.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(500))
        .operation_attempt_timeout(Duration::from_millis(900))
        .operation_timeout(Duration::from_millis(2_700))
        .build();
    // By default the SDK waits up to a second before its first retry, which is a hundred times the
    // duration of a request.
    let retries = RetryConfig::standard()
        .with_max_attempts(4)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_secs(1));
    let credentials = Credentials::new(
        &environment.access_key_id,
        &environment.secret_access_key,
        environment.session_token.clone(),
        None,
        "environment",
    );
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(environment.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(retries)
        // It supervises the pace of long downloads; the attempt timeout bounds every response here.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}
