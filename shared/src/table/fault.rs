//! What DynamoDB's refusals mean to an action.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;

use crate::error::Error;

/// A request that failed for a reason no action handles itself; `request` names it in the log.
///
/// Throttling stays throttling: the caller is told to come back, and when.
pub(super) fn fault<E>(request: &'static str) -> impl FnOnce(SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + RequestId,
{
    move |error| {
        let kind = match &error {
            SdkError::ConstructionFailure(_) => "could not be built",
            SdkError::TimeoutError(_) => "timed out",
            SdkError::DispatchFailure(_) => "found no connection",
            SdkError::ResponseError(_) => "had no readable answer",
            _ => "was refused",
        };
        // Codes and ids only: the text of a refusal may quote what was sent.
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

/// Whether a code, of an exception or of a cancellation, asks for patience.
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
