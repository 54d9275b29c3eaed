//! Several events in one invocation. Each has a result of its own.

use contacts::access::Access;
use contacts::model::{ContactId, Tenant, TenantId};
use contacts::store::ContactsTable;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::envelope::Envelope;
use super::error::EventError;
use super::runner::Runner;
use crate::action::{Action, Call};
use crate::conditions::Preconditions;
use crate::error::Error;
use crate::json::to_raw;

/// What the events of an invocation are run with.
pub(super) struct BatchContext<'a> {
    pub(super) access: &'a Access,
    pub(super) table: &'a ContactsTable,
    /// The time limit of the invocation.
    pub(super) deadline: Instant,
}

impl BatchContext<'_> {
    /// Runs a single event and returns its answer as JSON.
    pub(super) async fn run_one<A: Action>(&self, event: Envelope<A>) -> Result<Box<RawValue>, EventError> {
        let call = self.call_of(event.tenant_id).await?;
        match timeout_at(self.deadline, event.action.run(self.table, &call)).await {
            Ok(reply) => Ok(to_raw(&reply?.body)?),
            Err(_) => Err(EventError::TimedOut),
        }
    }

    /// Runs a single event, without an answer.
    pub(super) async fn deliver_one<A: Action>(&self, event: Envelope<A>) -> Result<(), EventError> {
        let call = self.call_of(event.tenant_id).await?;
        match timeout_at(self.deadline, event.action.deliver(self.table, &call)).await {
            Ok(delivered) => Ok(delivered?),
            Err(_) => Err(EventError::TimedOut),
        }
    }

    /// The call of a single event.
    async fn call_of(&self, tenant_id: TenantId) -> Result<Call, EventError> {
        let tenant = self.tenant(tenant_id).await?;
        tracing::Span::current().record("tenant_id", tenant.id().to_string());
        Ok(self.call(tenant))
    }

    /// Runs the events that could be parsed, one group after the other, and returns one result per event.
    ///
    /// With `in_order` (a FIFO message group), no group runs after one with a failed event, and only adjacent
    /// events form a group. When the time limit is reached, finished groups keep their results and all
    /// events of the running group fail with `TimedOut`, although a write may have been applied.
    pub(super) async fn run_all<R: Runner>(
        &self,
        events: Vec<Result<Envelope<R::Action>, EventError>>,
        in_order: bool,
    ) -> Vec<Result<(), EventError>> {
        let mut results: Vec<Option<Result<(), EventError>>> = events.iter().map(|_| None).collect();
        for group in self.groups::<R>(events, in_order, &mut results).await {
            let (indexes, outcomes) = (group.indexes.clone(), self.run_group::<R>(group).await);
            let mut failed = false;
            for (index, outcome) in indexes.into_iter().zip(outcomes) {
                failed |= outcome.as_ref().is_err_and(|error| !is_redelivery::<R::Action>(error));
                results[index] = Some(outcome);
            }
            if in_order && failed {
                break;
            }
        }
        results.into_iter().map(|result| result.unwrap_or(Err(EventError::OutOfTurn))).collect()
    }

    /// Sorts the events into groups. The results of events that cannot be run are set.
    async fn groups<R: Runner>(
        &self,
        events: Vec<Result<Envelope<R::Action>, EventError>>,
        in_order: bool,
        results: &mut [Option<Result<(), EventError>>],
    ) -> Vec<Group<R::Action>> {
        let mut groups: Vec<Group<R::Action>> = Vec::new();
        for (index, event) in events.into_iter().enumerate() {
            let event = match event {
                Ok(event) => self.tenant(event.tenant_id).await.map(|tenant| (tenant, event.action)),
                Err(error) => Err(error),
            };
            match event {
                Ok((tenant, action)) => {
                    let key = R::group_key(&action, &tenant);
                    let candidates = if in_order { groups.len().saturating_sub(1) } else { 0 };
                    let known = groups[candidates..].iter_mut().find(|group| group.has_key(&tenant, key));
                    match known {
                        Some(group) => group.push(index, action),
                        None => groups.push(Group { tenant, key, indexes: vec![index], actions: vec![action] }),
                    }
                }
                Err(error) => {
                    results[index] = Some(Err(error));
                    if in_order {
                        break;
                    }
                }
            }
        }
        groups
    }

    async fn run_group<R: Runner>(&self, group: Group<R::Action>) -> Vec<Result<(), EventError>> {
        let count = group.actions.len();
        let call = self.call(group.tenant);
        match timeout_at(self.deadline, R::run(group.actions, self.table, &call)).await {
            Ok(results) => results.into_iter().map(|result| result.map_err(EventError::from)).collect(),
            Err(_) => vec![Err(EventError::TimedOut); count],
        }
    }

    fn call(&self, tenant: Tenant) -> Call {
        Call { tenant, preconditions: Preconditions::default(), deadline: self.deadline }
    }

    async fn tenant(&self, id: TenantId) -> Result<Tenant, EventError> {
        match timeout_at(self.deadline, self.access.tenant(id)).await {
            Ok(tenant) => Ok(tenant?),
            Err(_) => Err(EventError::TimedOut),
        }
    }
}

/// Whether an error means that the event was delivered again after its work had been done, or that it is about a contact
/// that was deleted since. To deliver it once more would change nothing.
pub(super) fn is_redelivery<A: Action>(error: &EventError) -> bool {
    matches!(error, EventError::Action(error) if A::is_redelivery(error) || matches!(error, Error::Deleted))
}

/// Events that are run together, with their indexes in the batch.
struct Group<A> {
    tenant: Tenant,
    key: Option<ContactId>,
    indexes: Vec<usize>,
    actions: Vec<A>,
}

impl<A> Group<A> {
    fn has_key(&self, tenant: &Tenant, key: Option<ContactId>) -> bool {
        key.is_some() && self.key == key && self.tenant == *tenant
    }

    fn push(&mut self, index: usize, action: A) {
        self.indexes.push(index);
        self.actions.push(action);
    }
}
