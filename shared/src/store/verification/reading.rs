//! The requests of a verification. Each waits until the [`Pace`] allows it and adds its units. All are repeated for a
//! minute while DynamoDB throttles or cannot be reached, because a verification lasts minutes.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsError;
use aws_sdk_dynamodb::types::{Get, ReturnConsumedCapacity, TransactGetItem};
use tokio::time::Instant;

use super::pace::Pace;
use crate::backoff::Backoff;
use crate::model::Tenant;
use crate::store::contacts_table::ContactsTable;
use crate::store::error::{Error, map_sdk_error};
use crate::store::keys::{ITEM, Item};
use crate::store::query::Range;
use crate::store::transaction::{cancellation, unbuilt};
use crate::store::units::Reported;

/// The maximum number of items of one page: some 150 KB of contacts, so that it arrives in time over a slow connection.
const PAGE: i32 = 250;
/// The maximum number of items of one TransactGetItems.
const TRANSACTION: usize = 100;
/// The time after which a request that fails is given up.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// The bounds of the first and of every pause between its attempts.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(3)];

/// The size of a table with the items of all its tenants, as DynamoDB counts it every six hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSize {
    /// The number of items.
    pub items: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

impl TableSize {
    /// The read units for which all of it can be read, eventually consistent: 0.5 for each 4 KB.
    pub fn read_units(&self) -> f64 {
        self.bytes as f64 / 8_192.0
    }
}

impl ContactsTable {
    /// The size of the table with the items of all tenants: an upper bound of what reading one tenant costs. One
    /// DescribeTable, which costs no units.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Internal`], for example if the credentials do not permit it.
    pub async fn size(&self) -> Result<TableSize, Error> {
        let answer = self.client.0.describe_table().table_name(&self.name).send().await;
        let table = answer.map_err(map_sdk_error("DescribeTable"))?.table;
        let number = |number: Option<i64>| number.unwrap_or_default().unsigned_abs();
        Ok(TableSize {
            items: number(table.as_ref().and_then(|table| table.item_count)),
            bytes: number(table.as_ref().and_then(|table| table.table_size_bytes)),
        })
    }

    /// One page of a tenant's items in the order of their sort keys, eventually consistent, after the key `from`. Also
    /// the key after which the next page begins; `None` after the last one. With `keys_only` without other attributes.
    pub(super) async fn items_of(
        &self,
        tenant: &Tenant,
        range: Range<'_>,
        from: Option<Item>,
        keys_only: bool,
        pace: &mut Pace,
    ) -> Result<(Vec<Item>, Option<Item>), Error> {
        let query = self.query(tenant, ITEM, range).limit(PAGE).set_exclusive_start_key(from);
        let query = query.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let query = query.set_projection_expression(keys_only.then(|| "#tenant, #key".to_owned()));
        let mut patience = Patience::new();
        loop {
            pace.wait().await;
            match query.clone().send().await.map_err(map_sdk_error("Query of a tenant's items")) {
                Ok(page) => {
                    pace.add(page.consumed_capacity.units());
                    return Ok((page.items.unwrap_or_default(), page.last_evaluated_key));
                }
                Err(error) => patience.after(error).await?,
            }
        }
    }

    /// The items with these keys, as they are at one instant, in the order of the keys. One TransactGetItems, at 2 read
    /// units for each 4 KB of an item. At most 100 keys, each once.
    pub(super) async fn at_once(&self, keys: &[Item], pace: &mut Pace) -> Result<Vec<Option<Item>>, Error> {
        debug_assert!(keys.len() <= TRANSACTION);
        let get = |key: &Item| Get::builder().table_name(&self.name).set_key(Some(key.clone())).build();
        let get = |key| get(key).map(|get| TransactGetItem::builder().get(get).build()).map_err(unbuilt);
        let gets: Vec<TransactGetItem> = keys.iter().map(get).collect::<Result<_, _>>()?;
        let mut patience = Patience::new();
        loop {
            pace.wait().await;
            let request = self.client.0.transact_get_items().set_transact_items(Some(gets.clone()));
            match request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
                Ok(answer) => {
                    pace.add(answer.consumed_capacity.units());
                    let items = answer.responses.unwrap_or_default();
                    // DynamoDB returns an empty item for an absent one in some versions of its API.
                    return Ok(items.into_iter().map(|one| one.item.filter(|item| !item.is_empty())).collect());
                }
                Err(refusal) => patience.after(transact_get_error(refusal)).await?,
            }
        }
    }
}

/// Why a TransactGetItems failed. It is cancelled while another request writes one of the items.
fn transact_get_error(refusal: SdkError<TransactGetItemsError>) -> Error {
    match refusal.as_service_error() {
        Some(TransactGetItemsError::TransactionCanceledException(cancelled)) => {
            cancellation("TransactGetItems", cancelled.cancellation_reasons())
        }
        _ => map_sdk_error("TransactGetItems")(refusal),
    }
}

/// How long a request is repeated.
pub(super) struct Patience {
    until: Instant,
    backoff: Backoff,
}

impl Patience {
    pub(super) fn new() -> Self {
        Patience { until: Instant::now() + TIME_LIMIT, backoff: Backoff::new(PAUSES[0], PAUSES[1]) }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The error, if another attempt cannot succeed, or after a minute.
    pub(super) async fn after(&mut self, error: Error) -> Result<(), Error> {
        match error {
            Error::Throttled | Error::Unavailable(_) | Error::Conflict if Instant::now() < self.until => {
                self.backoff.pause().await;
                Ok(())
            }
            error => Err(error),
        }
    }
}
