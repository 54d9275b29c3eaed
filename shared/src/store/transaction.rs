//! Sending a transaction once, and what its cancellation means.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};

use super::client::Client;
use super::error::{Error, is_throttling, map_sdk_error};
use super::keys::Item;

/// The result of one attempt to write.
pub(super) enum Attempt {
    Written,
    /// A condition failed, or another transaction was writing one of the items. Holds the stored item of the first
    /// write, if its condition failed and the refusal returned it.
    Lost(Option<Item>),
    /// The transaction was cancelled because a write in it was throttled.
    Throttled,
}

/// Sends a transaction. The SDK gives it a `ClientRequestToken` that it keeps over its own retries, so DynamoDB applies
/// it once even if a response is lost.
pub(super) async fn transact(client: &Client, writes: Vec<TransactWriteItem>) -> Result<Attempt, Error> {
    let request = client.0.transact_write_items().set_transact_items(Some(writes));
    let Err(refusal) = request.send().await else { return Ok(Attempt::Written) };
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = refusal.as_service_error() else {
        return Err(map_sdk_error("TransactWriteItems")(refusal));
    };
    let reasons = cancelled.cancellation_reasons();
    match cancellation("TransactWriteItems", reasons) {
        Error::Throttled => Ok(Attempt::Throttled),
        Error::Conflict => Ok(Attempt::Lost(reasons.first().and_then(|reason| reason.item.clone()))),
        error => Err(error),
    }
}

/// Why a TransactWriteItems or a TransactGetItems was cancelled: [`Error::Throttled`] if one of its items was throttled,
/// [`Error::Conflict`] if only conditions failed or other requests were using the items, and otherwise
/// [`Error::Internal`]. DynamoDB returns one reason per item, in order; `request` names the request in the log.
pub(super) fn cancellation(request: &str, reasons: &[CancellationReason]) -> Error {
    // `None` is the code of an item that did not cause the cancellation.
    let codes = || reasons.iter().filter_map(|reason| reason.code()).filter(|code| *code != "None");
    if codes().any(is_throttling) {
        Error::Throttled
    } else if codes().all(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict")) {
        Error::Conflict
    } else {
        Error::Internal(format!("{request} was cancelled: {:?}", codes().collect::<Vec<_>>()))
    }
}

/// A request lacks a required field, which is a bug in the store.
pub(super) fn unbuilt(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::Internal(format!("a request could not be built: {error}"))
}
