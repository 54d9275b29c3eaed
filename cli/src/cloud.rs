//! What the commands for operators share: the AWS configuration, and the outputs of a deployed stack.
//!
//! Credentials and region come from the usual places: environment, profiles, IAM Identity Center, container and instance
//! roles. `AWS_ENDPOINT_URL` sends every request to an emulator.

use std::collections::BTreeMap;
use std::error::Error as StdError;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Why a stack is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// CloudFormation does not answer, or refuses the request.
    #[error("CloudFormation does not describe the stack {stack}: {reason}")]
    Describe {
        /// Its name.
        stack: String,
        /// What the SDK reports.
        reason: String,
    },
    /// There is no such stack in this account and region.
    #[error("there is no stack {0} in this account and region")]
    NoStack(String),
    /// The stack is not one of this template, or of an older one.
    #[error("the stack {stack} has no output {output}; deploy the current template")]
    NoOutput {
        /// The stack.
        stack: String,
        /// The output.
        output: String,
    },
}

/// The configuration of the environment. The TLS stack is the same as the functions': rustls with ring.
pub(crate) async fn config() -> SdkConfig {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http).load().await
}

/// A deployed stack: its outputs and parameters.
#[derive(Debug)]
pub(crate) struct DeployedStack {
    /// The name, which begins the names of the functions.
    pub(crate) name: String,
    outputs: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
}

impl DeployedStack {
    /// Describes a stack. One DescribeStacks.
    ///
    /// # Errors
    /// [`Error::Describe`], [`Error::NoStack`].
    pub(crate) async fn describe(config: &SdkConfig, name: &str) -> Result<Self, Error> {
        let client = aws_sdk_cloudformation::Client::new(config);
        let answer = client.describe_stacks().stack_name(name).send().await.map_err(|error| {
            // CloudFormation has no error code of its own for this.
            if error.message().is_some_and(|message| message.contains("does not exist")) {
                Error::NoStack(name.to_owned())
            } else {
                Error::Describe { stack: name.to_owned(), reason: reason(&error) }
            }
        })?;
        let stack = answer.stacks.unwrap_or_default().into_iter().next();
        let stack = stack.ok_or_else(|| Error::NoStack(name.to_owned()))?;
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        Ok(Self {
            name: name.to_owned(),
            outputs: outputs.filter_map(|output| Some((output.output_key?, output.output_value?))).collect(),
            parameters: parameters
                .filter_map(|parameter| Some((parameter.parameter_key?, parameter.parameter_value?)))
                .collect(),
        })
    }

    /// An output.
    ///
    /// # Errors
    /// [`Error::NoOutput`].
    pub(crate) fn output(&self, key: &str) -> Result<&str, Error> {
        let missing = || Error::NoOutput { stack: self.name.clone(), output: key.to_owned() };
        self.outputs.get(key).map(String::as_str).ok_or_else(missing)
    }

    /// The value of a parameter; `None` if the template has no such parameter.
    pub(crate) fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.get(key).map(String::as_str)
    }

    /// The deployed name of a function of the template, by the name of its executable.
    pub(crate) fn function(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }
}

/// What the service says or, if it was not reached, the chain of causes.
fn reason<E: ProvideErrorMetadata + StdError + 'static>(error: &SdkError<E>) -> String {
    if let (Some(code), Some(message)) = (error.code(), error.message()) {
        return format!("{code}: {message}");
    }
    let mut causes = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes.join(": ")
}
