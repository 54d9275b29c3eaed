//! The AWS SDK's configuration for the embedded DynamoDB, which accepts any credentials.

use contacts::aws::{AwsEnvironment, RootCertificates, SdkConfig, sdk_config};

/// A configuration without an endpoint: the client that is built from it has to set one.
pub fn local_sdk() -> SdkConfig {
    sdk_config(&AwsEnvironment {
        region: "us-east-1".into(),
        access_key_id: "local".into(),
        secret_access_key: "local".into(),
        session_token: None,
        root_certificates: RootCertificates::default(),
    })
}
