//! How the events of a batch are run: one by one, or in groups.

use std::future::Future;

use contacts::model::{ContactId, Tenant};
use contacts::store::ContactsTable;

use crate::action::{Action, BatchAction, Call};
use crate::error::Error;

/// Runs the events of a batch.
pub(crate) trait Runner: Sync {
    /// The action that the events carry.
    type Action: Action;

    /// The key of an event's group; `None` for an event that is run alone.
    fn group_key(event: &Self::Action, tenant: &Tenant) -> Option<ContactId>;

    /// Runs a group of events with the same key, or a single one. One result per event, in order.
    fn run(
        events: Vec<Self::Action>,
        table: &ContactsTable,
        call: &Call,
    ) -> impl Future<Output = Vec<Result<(), Error>>> + Send;
}

/// Runs every event alone.
pub(crate) struct OneByOne<A>(std::marker::PhantomData<fn() -> A>);

impl<A: Action> Runner for OneByOne<A> {
    type Action = A;

    fn group_key(_: &A, _: &Tenant) -> Option<ContactId> {
        None
    }

    async fn run(events: Vec<A>, table: &ContactsTable, call: &Call) -> Vec<Result<(), Error>> {
        let mut results = Vec::with_capacity(events.len());
        for event in events {
            results.push(event.deliver(table, call).await);
        }
        results
    }
}

/// Runs events with the same [batch key](BatchAction::batch_key) in one group.
pub(crate) struct Grouped<A>(std::marker::PhantomData<fn() -> A>);

impl<A: BatchAction> Runner for Grouped<A> {
    type Action = A;

    fn group_key(event: &A, tenant: &Tenant) -> Option<ContactId> {
        event.batch_key(tenant)
    }

    async fn run(events: Vec<A>, table: &ContactsTable, call: &Call) -> Vec<Result<(), Error>> {
        A::run_batch(events, table, call).await
    }
}
