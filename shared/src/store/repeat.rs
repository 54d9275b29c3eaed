//! Tables for calls with an idempotency key. What is recorded is in `once.rs`, and when in `locking.rs`.

use super::contacts_table::ContactsTable;
use super::error::Error;
use super::once::Once;
use super::retry::Retry;
use super::snapshot::new_call_id;
use super::transaction::Attempt;
use crate::model::Tenant;

impl ContactsTable {
    /// The same table for a call with an idempotency key, which writes one contact.
    #[must_use]
    pub fn once(&self, once: &Once) -> Self {
        self.with_once(Some(once.clone()))
    }

    /// Whether the call has an idempotency key.
    pub fn is_once(&self) -> bool {
        self.once.is_some()
    }

    /// Prepares a call with an idempotency key that writes several contacts: records its request, or checks that it is the
    /// recorded one. Each contact has a record of its own then, under a key derived from the call's ([`part`](Self::part)),
    /// so that a repetition after a crash returns the results of what was done and carries out the rest. Nothing without an
    /// idempotency key.
    ///
    /// Cost: one PutItem, which is refused in a repetition.
    ///
    /// # Errors
    /// [`Error::KeyReused`], [`Error::Conflict`], [`Error::Throttled`], [`Error::Unavailable`], [`Error::Internal`].
    pub async fn begin(&self, tenant: &Tenant) -> Result<Self, Error> {
        let Some(once) = &self.once else { return Ok(self.with_once(None)) };
        let (call, mut retry) = (new_call_id(), Retry::new());
        loop {
            let attempt = self.put_alone(tenant, once.record_request(&self.name, tenant, &call)?).await?;
            if let Attempt::Lost(Some(record)) = &attempt {
                return Ok(self.once(&once.continued(record, &call)?));
            }
            if retry.has_written(&attempt).await? {
                return Ok(self.once(once));
            }
        }
    }

    /// The same table for one of the contacts that a call writes.
    #[must_use]
    pub fn part(&self, index: usize) -> Self {
        self.with_once(self.once.as_ref().map(|once| once.part(index)))
    }
}
