//! Several calls in one event: each has a result of its own.

use tokio::time::{Instant, timeout_at};

use super::super::{Action, Answer};
use super::envelope::Call;
use crate::access::{Access, TenantId};
use crate::error::Error;
use crate::table::Table;

/// What the calls of an event are made with.
pub(super) struct Batch<'a> {
    pub(super) access: &'a Access,
    pub(super) table: &'a Table,
    /// When Lambda's patience ends, with enough to spare to answer.
    pub(super) until: Instant,
}

impl Batch<'_> {
    /// Makes a single call.
    pub(super) async fn one<A: Action>(&self, call: Call<A>) -> Result<Answer<A::Answer>, Error> {
        let result = self.run(vec![Ok(call)], false).await.pop();
        result.unwrap_or_else(|| Err(Error::Internal("a call has no result".to_owned())))
    }

    /// Makes the calls, as far as they could be read: those of one tenant together, or, where the
    /// order matters, one run of one tenant's after the other, and none after one that failed.
    pub(super) async fn run<A: Action>(
        &self,
        calls: Vec<Result<Call<A>, Error>>,
        in_order: bool,
    ) -> Vec<Result<Answer<A::Answer>, Error>> {
        let mut results: Vec<Option<Result<Answer<A::Answer>, Error>>> = calls.iter().map(|_| None).collect();
        let mut runs: Vec<Run<A>> = Vec::new();
        for (place, call) in calls.into_iter().enumerate() {
            match call {
                Err(error) => {
                    results[place] = Some(Err(error));
                    if in_order {
                        break;
                    }
                }
                Ok(Call { tenant_id, action }) => {
                    let mut known = if in_order { runs.len().saturating_sub(1) } else { 0 };
                    while known < runs.len() && runs[known].tenant_id != tenant_id {
                        known += 1;
                    }
                    if known == runs.len() {
                        runs.push(Run { tenant_id, places: Vec::new(), actions: Vec::new() });
                    }
                    runs[known].places.push(place);
                    runs[known].actions.push(action);
                }
            }
        }
        for run in runs {
            let mut failed = false;
            for (place, result) in run.places.iter().zip(self.of_one_tenant(run.tenant_id, run.actions, in_order).await)
            {
                failed |= result.is_err();
                results[*place] = Some(result);
            }
            if failed && in_order {
                break;
            }
        }
        results.into_iter().map(|result| result.unwrap_or(Err(Error::OutOfTurn))).collect()
    }

    async fn of_one_tenant<A: Action>(
        &self,
        tenant_id: TenantId,
        actions: Vec<A>,
        in_order: bool,
    ) -> Vec<Result<Answer<A::Answer>, Error>> {
        let calls = actions.len();
        let all = async {
            let tenant = self.access.tenant(tenant_id).await?;
            Ok(A::run_all(actions, self.table, &tenant, in_order).await)
        };
        match timeout_at(self.until, all).await.unwrap_or(Err(Error::TimedOut)) {
            Ok(results) => results,
            Err(error) => (0..calls).map(|_| Err(error.again())).collect(),
        }
    }
}

/// Calls for one tenant, and which of the event's they are.
struct Run<A> {
    tenant_id: TenantId,
    places: Vec<usize>,
    actions: Vec<A>,
}
