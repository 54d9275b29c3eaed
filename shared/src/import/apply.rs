//! Writing a row, and predicting what writing it would do.

use super::outcome::Problem;
use super::row::Row;
use crate::model::{ContactKey, Stored, Tenant, Timestamp};
use crate::store::{self, ContactsTable, Outcome};

/// Why a row was not applied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApplyError {
    /// The row does not fit what is stored: it fails, and a retry fails too.
    #[error("{}", .0.reason)]
    Invalid(Problem),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Creates or changes the contact of a row. Idempotent.
///
/// Cost: that of [`ContactsTable::upsert`]. A row that changes nothing is two reads and no write.
///
/// # Errors
/// [`ApplyError`]; of the store's errors, [`store::Error::Throttled`], [`store::Error::Conflict`] and
/// [`store::Error::Unavailable`] are worth a retry.
pub async fn apply(table: &ContactsTable, tenant: &Tenant, row: &Row) -> Result<Outcome, ApplyError> {
    let now = Timestamp::now();
    let rule = |stored: Option<Stored>| row.apply_to(stored, tenant, now).map_err(ApplyError::Invalid);
    let (_, outcome) = table.upsert_over(tenant, row.id(tenant), row.tags(), rule).await?;
    Ok(outcome)
}

/// What [`apply`] would do. Nothing is written; one strongly consistent GetItem.
///
/// # Errors
/// As [`apply`].
pub async fn predict(table: &ContactsTable, tenant: &Tenant, row: &Row) -> Result<Outcome, ApplyError> {
    let stored = table.get(tenant, ContactKey::Number(row.id(tenant))).await?;
    let new =
        row.apply_to(stored.clone().map(Stored::Contact), tenant, Timestamp::now()).map_err(ApplyError::Invalid)?;
    Ok(match stored {
        None => Outcome::Created,
        Some(old) if old == new => Outcome::Unchanged,
        Some(_) => Outcome::Updated,
    })
}
