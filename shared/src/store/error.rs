//! What can go wrong in the store, and what DynamoDB's errors mean.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;

/// Why the store could not do what it was asked to.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The tenant has no contact with this id.
    #[error("contact not found")]
    NotFound,
    /// Another contact of the tenant has the phone number that a contact was to get.
    #[error("another contact has the phone number")]
    NumberTaken,
    /// Other writers changed the item during every attempt to write it.
    #[error("other writers changed the item during every attempt")]
    Conflict,
    /// The idempotency key of the call was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The call has been carried out before, and its result is not readable any more, because the contact was deleted.
    #[error("the call was carried out before, and its result is gone with the contact")]
    AnswerGone,
    /// DynamoDB throttled the request after all retries, or left keys of a BatchGetItem unprocessed.
    #[error("DynamoDB throttled the request")]
    Throttled,
    /// DynamoDB cannot be reached, did not answer in time, or has a fault of its own, after all retries. A
    /// write may have been applied. The text is for the log only.
    #[error("{0}")]
    Unavailable(String),
    /// An item or a stream record does not have the shape that Carnet writes, so a retry cannot succeed. The text
    /// is for the log only.
    #[error("{0}")]
    Unreadable(String),
    /// Any other failure, such as a rejected request. The text is for the log only.
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
        let is_server_fault = error.raw_response().is_some_and(|response| response.status().as_u16() >= 500);
        // Only codes and ids: the message of a service error may quote what was sent.
        match error.as_service_error() {
            None if matches!(error, SdkError::ConstructionFailure(_)) => Error::Internal(format!("{request} {kind}")),
            None => Error::Unavailable(format!("{request} {kind}")),
            Some(refusal) => {
                let code = refusal.code().unwrap_or("no code");
                let text = format!("{request} {kind}: {code} (request {})", refusal.request_id().unwrap_or("unknown"));
                match code {
                    code if is_throttling(code) => Error::Throttled,
                    code if is_server_fault || is_transient(code) => Error::Unavailable(text),
                    _ => Error::Internal(text),
                }
            }
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
            | "SlowDown"
    )
}

/// Whether an error code means a fault of DynamoDB that passes.
fn is_transient(code: &str) -> bool {
    matches!(
        code,
        "InternalServerError" | "InternalFailure" | "ServiceUnavailable" | "ReplicatedWriteConflictException"
    )
}
