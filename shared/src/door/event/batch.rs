//! Several calls in one event: each has a result of its own.

use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::super::Action;
use super::envelope::Call;
use super::written;
use crate::access::{Access, Tenant, TenantId};
use crate::contact::ContactId;
use crate::error::Error;
use crate::table::Table;

/// What the calls of an event are made with.
pub(super) struct Batch<'a> {
    pub(super) access: &'a Access,
    pub(super) table: &'a Table,
    /// When Lambda's patience ends, with enough to spare to answer.
    pub(super) until: Instant,
}

/// The output of a call, as JSON.
pub(super) type Output = Result<Box<RawValue>, Error>;

impl Batch<'_> {
    /// Makes a single call.
    pub(super) async fn one<A: Action>(&self, call: Call<A>) -> Output {
        let tenant = self.tenant(call.tenant_id).await?;
        tracing::Span::current().record("tenant_id", tenant.id().to_string());
        self.run(vec![call.action], &tenant).await
    }

    /// Makes the calls, as far as they could be read, and gives the result of each: one after the
    /// other, but for those that are better done together. Where the order matters, none after one
    /// that failed. When the time is up, what was done is done, and the rest has not been tried.
    pub(super) async fn all<A: Action>(&self, calls: Vec<Result<Call<A>, Error>>, in_order: bool) -> Vec<Output> {
        let mut results: Vec<Option<Output>> = calls.iter().map(|_| None).collect();
        let mut runs: Vec<Run<A>> = Vec::new();
        for (place, call) in calls.into_iter().enumerate() {
            let run = match call {
                Ok(call) => self.tenant(call.tenant_id).await.map(|tenant| Run::of(call.action, tenant, place)),
                Err(error) => Err(error),
            };
            match run {
                Ok(run) => {
                    // Where the order matters, nothing is done before what came before it.
                    let neighbours = if in_order { runs.len().saturating_sub(1) } else { 0 };
                    match runs[neighbours..].iter_mut().find(|known| known.takes(&run)) {
                        Some(known) => known.join(run),
                        None => runs.push(run),
                    }
                }
                Err(error) => {
                    results[place] = Some(Err(error));
                    if in_order {
                        break;
                    }
                }
            }
        }
        for run in runs {
            let result = self.run(run.actions, &run.tenant).await;
            for place in run.places {
                results[place] = Some(result.clone());
            }
            if in_order && result.is_err_and(|error| !was_done_before(&error)) {
                break;
            }
        }
        results.into_iter().map(|result| result.unwrap_or(Err(Error::OutOfTurn))).collect()
    }

    async fn run<A: Action>(&self, actions: Vec<A>, tenant: &Tenant) -> Output {
        let done = A::run_together(actions, self.table, tenant);
        let answer = timeout_at(self.until, done).await.unwrap_or(Err(Error::TimedOut))?;
        written(&answer.body)
    }

    async fn tenant(&self, id: TenantId) -> Result<Tenant, Error> {
        timeout_at(self.until, self.access.tenant(id)).await.unwrap_or(Err(Error::TimedOut))
    }
}

/// Whether an error says that the event has come before, as it may: then it is done, and holds up nobody.
pub(super) fn was_done_before(error: &Error) -> bool {
    matches!(error, Error::SomebodyAt(_))
}

/// Calls that are made together, and which of the event's they are.
struct Run<A> {
    tenant: Tenant,
    about: Option<ContactId>,
    places: Vec<usize>,
    actions: Vec<A>,
}

impl<A: Action> Run<A> {
    fn of(action: A, tenant: Tenant, place: usize) -> Self {
        Run { about: action.together_about(&tenant), tenant, places: vec![place], actions: vec![action] }
    }

    fn takes(&self, other: &Self) -> bool {
        self.about.is_some() && self.about == other.about && self.tenant == other.tenant
    }

    fn join(&mut self, other: Self) {
        self.places.extend(other.places);
        self.actions.extend(other.actions);
    }
}
