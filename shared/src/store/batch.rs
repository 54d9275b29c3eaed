//! BatchGetItem, for both tables.

use aws_sdk_dynamodb::types::builders::KeysAndAttributesBuilder;

use super::client::Client;
use super::error::{Error, map_sdk_error};
use super::keys::Item;
use super::retry::Retry;
use super::transaction::unbuilt;

/// The maximum number of keys of one BatchGetItem.
pub(super) const BATCH: usize = 100;

/// The items of one BatchGetItem of at most [`BATCH`] keys, each once, in no order. DynamoDB leaves keys unprocessed when
/// it throttles or the response grows too large; they are requested again after a pause, at most four times without
/// progress. `request` names the request in the log.
pub(super) async fn batch_get(
    client: &Client,
    table: &str,
    wanted: KeysAndAttributesBuilder,
    request: &'static str,
) -> Result<Vec<Item>, Error> {
    let mut left = wanted.build().map_err(unbuilt)?;
    let mut items = Vec::with_capacity(left.keys.len());
    let mut retry = Retry::new();
    loop {
        let wanted_count = left.keys.len();
        let answer = client.0.batch_get_item().request_items(table, left).send();
        let answer = answer.await.map_err(map_sdk_error(request))?;
        items.extend(answer.responses.unwrap_or_default().remove(table).unwrap_or_default());
        left = match answer.unprocessed_keys.unwrap_or_default().remove(table) {
            Some(rest) if !rest.keys.is_empty() => rest,
            _ => return Ok(items),
        };
        if left.keys.len() < wanted_count {
            retry = Retry::new();
        }
        retry.pause_after_throttling().await?;
    }
}
