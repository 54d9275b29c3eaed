//! What can go wrong in the store, and what DynamoDB's errors mean.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;

/// Why the store could not do what it was asked to.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The tenant has no contact with this id.
    #[error("contact not found")]
    NotFound,
    /// Other writers changed the item during every attempt to write it.
    #[error("other writers changed the item during every attempt")]
    Conflict,
    /// DynamoDB throttled the request after all retries, or left keys of a BatchGetItem unprocessed for 8 s.
    #[error("DynamoDB throttled the request")]
    Throttled,
    /// Any other failure: DynamoDB cannot be reached, a timeout, a rejected request, an unreadable item. A
    /// write that timed out may have been applied. The text is for the log only.
    #[error("{0}")]
    Internal(String),
}

/// Maps an error of the AWS SDK; `request` names the request in the log.
pub(super) fn map_sdk_error<E>(request: &'static str) -> impl FnOnce(SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + RequestId,
{
    move |error| {
        let kind = match &error {
            SdkError::ConstructionFailure(_) => "could not be built",
            SdkError::TimeoutError(_) => "timed out",
            SdkError::DispatchFailure(_) => "could not be sent",
            SdkError::ResponseError(_) => "got an unreadable response",
            _ => "was refused",
        };
        // Only codes and ids: the message of a service error may quote what was sent.
        match error.as_service_error() {
            None => Error::Internal(format!("{request} {kind}")),
            Some(refusal) => match refusal.code() {
                Some(code) if is_throttling(code) => Error::Throttled,
                code => Error::Internal(format!(
                    "{request} {kind}: {} (request {})",
                    code.unwrap_or("no code"),
                    refusal.request_id().unwrap_or("unknown"),
                )),
            },
        }
    }
}

/// Whether an error code, or the code of a transaction's cancellation reason, means throttling.
///
/// `TransactionInProgressException` is included: the SDK repeated a transaction that DynamoDB is still
/// executing, and a later retry can succeed.
pub(super) fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingException"
            | "ThrottlingError"
            | "ProvisionedThroughputExceededException"
            | "ProvisionedThroughputExceeded"
            | "RequestLimitExceeded"
            | "TransactionInProgressException"
    )
}
