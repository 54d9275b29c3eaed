//! Deleting everything that a tenant has in the contacts table. Only operators do it: no function calls it, and the
//! functions' IAM policies do not permit BatchWriteItem. Nothing here writes a contact; `save.rs` alone does.

use std::time::Duration;

use aws_sdk_dynamodb::types::{DeleteRequest, ReturnConsumedCapacity, WriteRequest};

use super::contacts_table::ContactsTable;
use super::error::{Error, map_sdk_error};
use super::keys::{ITEM, TENANT_ID, s, sort_key};
use super::transaction::unbuilt;
use super::units::Reported;
use crate::backoff::Backoff;
use crate::model::Tenant;

/// How many items [`ContactsTable::first_items`] returns at most.
pub const PAGE: usize = 250;
/// The maximum number of deletions per request (DynamoDB).
const BATCH: usize = 25;
/// How often a batch is sent while DynamoDB throttles all of it. Operators can wait longer than callers of the API.
const MAX_ATTEMPTS: u32 = 12;
/// The bounds of the first and of every pause between those attempts.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// The first items of a tenant, in the order of their keys.
#[derive(Debug, Clone, Default)]
pub struct TenantItems {
    /// Their sort keys, in byte order. Empty if the tenant has no items left.
    pub keys: Vec<String>,
    /// Read units that finding them has consumed.
    pub read_units: f64,
}

impl ContactsTable {
    /// The first items of the tenant, up to [`PAGE`]. One strongly consistent Query, which reads the items whole, at 1
    /// read unit per 4 KB.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn first_items(&self, tenant: &Tenant) -> Result<TenantItems, Error> {
        let query = self.query_all(tenant).consistent_read(true);
        let found = query
            .projection_expression("#item")
            .expression_attribute_names("#item", ITEM)
            .limit(PAGE as i32)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(map_sdk_error("Query of a tenant's items"))?;
        let read_units = found.consumed_capacity.units();
        // Without a filter, a page without items is the last one.
        let keys = found.items().iter().map(|item| sort_key(item).to_owned()).collect();
        Ok(TenantItems { keys, read_units })
    }

    /// Deletes these items of the tenant. Returns the consumed write units, on the table and its indexes. One BatchWriteItem
    /// per 25 items, again for those that DynamoDB leaves unprocessed.
    ///
    /// # Errors
    /// The errors of the store; some of the items may have been deleted. [`Error::Throttled`] after twelve attempts
    /// without progress.
    pub async fn delete_items(&self, tenant: &Tenant, items: &TenantItems) -> Result<f64, Error> {
        let mut write_units = 0.0;
        for keys in items.keys.chunks(BATCH) {
            let deletes: Result<Vec<WriteRequest>, Error> = keys.iter().map(|key| delete(tenant, key)).collect();
            write_units += self.delete_batch(deletes?).await?;
        }
        Ok(write_units)
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
                    consumed += done.consumed_capacity.units();
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

fn delete(tenant: &Tenant, sort_key: &str) -> Result<WriteRequest, Error> {
    let delete = DeleteRequest::builder().key(TENANT_ID, s(tenant.id().to_string())).key(ITEM, s(sort_key));
    Ok(WriteRequest::builder().delete_request(delete.build().map_err(unbuilt)?).build())
}
