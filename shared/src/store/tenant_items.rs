//! Deleting everything that a tenant has in the contacts table. Only operators do it: no function calls it, and the
//! functions' IAM policies do not permit BatchWriteItem. Nothing here writes a contact; `save.rs` alone does.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{ConsumedCapacity, DeleteRequest, ReturnConsumedCapacity, WriteRequest};

use super::contacts_table::ContactsTable;
use super::error::{Error, map_sdk_error};
use super::keys::{ITEM, Item, TENANT_ID, s};
use super::transaction::unbuilt;
use crate::backoff::Backoff;
use crate::model::Tenant;

/// How many items one page deletes at most.
pub const PAGE: usize = 250;
/// The maximum number of deletions per request (DynamoDB).
const BATCH: usize = 25;
/// How often a batch is sent while DynamoDB throttles all of it. Operators can wait longer than callers of the API.
const MAX_ATTEMPTS: u32 = 12;
/// The bounds of the first and of every pause between those attempts.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// One page of deleted items, and what deleting them has consumed.
#[derive(Debug, Clone, Default)]
pub struct DeletedPage {
    /// How many items of each kind were deleted. The kind is the beginning of the sort key, such as `contact` or `tag`.
    pub kinds: BTreeMap<String, u64>,
    /// Read units.
    pub read_units: f64,
    /// Write units, on the table and its indexes.
    pub write_units: f64,
}

impl DeletedPage {
    /// The number of items. 0 if the tenant had none left.
    pub fn items(&self) -> u64 {
        self.kinds.values().sum()
    }
}

impl ContactsTable {
    /// Deletes up to [`PAGE`] items of the tenant, the first ones in the order of their keys. One strongly consistent
    /// Query, which reads the items whole, at 1 read unit per 4 KB, and one BatchWriteItem per 25 items, again for
    /// those that DynamoDB leaves unprocessed.
    ///
    /// # Errors
    /// The errors of the store; some of the page may have been deleted. [`Error::Throttled`] after twelve attempts
    /// without progress.
    pub async fn delete_page(&self, tenant: &Tenant) -> Result<DeletedPage, Error> {
        let mut page = DeletedPage::default();
        let mut items = Vec::new();
        let mut after = None;
        // A page can be empty before the end: DynamoDB reads at most 1 MB, whatever it returns.
        while items.is_empty() {
            let query = self.client.0.query().table_name(&self.name).consistent_read(true);
            let found = query
                .key_condition_expression("#tenant = :tenant")
                .projection_expression("#tenant, #item")
                .expression_attribute_names("#tenant", TENANT_ID)
                .expression_attribute_names("#item", ITEM)
                .expression_attribute_values(":tenant", s(tenant.id().to_string()))
                .limit(PAGE as i32)
                .set_exclusive_start_key(after)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(map_sdk_error("Query of a tenant's items"))?;
            page.read_units += units(found.consumed_capacity.as_slice());
            items = found.items.unwrap_or_default();
            after = found.last_evaluated_key;
            if after.is_none() {
                break;
            }
        }
        for keys in items.chunks(BATCH) {
            let deletes: Result<Vec<WriteRequest>, Error> = keys.iter().map(delete).collect();
            page.write_units += self.delete_batch(deletes?).await?;
            for key in keys {
                let sort_key = key.get(ITEM).and_then(|item| item.as_s().ok()).map_or("", String::as_str);
                let kind = sort_key.split('#').next().unwrap_or_default();
                *page.kinds.entry(kind.to_owned()).or_default() += 1;
            }
        }
        Ok(page)
    }

    /// Sends a batch until all of it is done. Returns the consumed write units.
    async fn delete_batch(&self, mut left: Vec<WriteRequest>) -> Result<f64, Error> {
        let (mut consumed, mut attempts) = (0.0, 0);
        let mut backoff = Backoff::new(PAUSES[0], PAUSES[1]);
        loop {
            let write = self.client.0.batch_write_item().request_items(&self.name, left.clone());
            let answer = write.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
            let rest = match answer.map_err(map_sdk_error("BatchWriteItem of a tenant's items")) {
                Ok(done) => {
                    consumed += units(done.consumed_capacity());
                    done.unprocessed_items.unwrap_or_default().remove(&self.name).unwrap_or_default()
                }
                Err(Error::Throttled) => left.clone(),
                Err(error) => return Err(error),
            };
            if rest.is_empty() {
                return Ok(consumed);
            }
            if rest.len() < left.len() {
                (attempts, backoff) = (0, Backoff::new(PAUSES[0], PAUSES[1]));
            }
            attempts += 1;
            if attempts >= MAX_ATTEMPTS {
                return Err(Error::Throttled);
            }
            left = rest;
            backoff.pause().await;
        }
    }
}

fn delete(key: &Item) -> Result<WriteRequest, Error> {
    let delete = DeleteRequest::builder().set_key(Some(key.clone())).build().map_err(unbuilt)?;
    Ok(WriteRequest::builder().delete_request(delete).build())
}

/// The units that responses report.
fn units(consumed: &[ConsumedCapacity]) -> f64 {
    consumed.iter().filter_map(|consumed| consumed.capacity_units).sum()
}
