//! What DynamoDB's refusals mean to an action.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;

use crate::error::Error;

/// A request that failed for a reason no action handles itself.
///
/// Throttling stays throttling: the caller is told to come back, and when.
pub(super) fn fault<E>(error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + RequestId,
{
    let kind = match &error {
        SdkError::ConstructionFailure(_) => "the request could not be built",
        SdkError::TimeoutError(_) => "the request timed out",
        SdkError::DispatchFailure(_) => "the connection failed",
        SdkError::ResponseError(_) => "the answer could not be read",
        _ => "the request was refused",
    };
    let Some(service) = error.as_service_error() else {
        return Error::Internal(format!("DynamoDB: {kind}"));
    };
    match service.code() {
        Some(code) if is_throttling(code) => Error::Throttled,
        code => Error::Internal(format!(
            "DynamoDB: {kind}: {} (request {})",
            code.unwrap_or("no code"),
            service.request_id().unwrap_or("unknown"),
        )),
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
    )
}
