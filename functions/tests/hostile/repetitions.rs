//! Requests with an idempotency key: the first ones, and repetitions of them at the same time and later.

use std::time::Instant;

use futures_util::future::join_all;

use super::batches::outcomes;
use super::caller::Caller;
use super::client::{Answer, Headers};
use super::history::{Call, Delivery};
use super::operation::Operation;

/// How many of its last requests with an idempotency key a caller repeats now and then.
const REPEATED: usize = 12;
/// How many requests with one key are sent at the same time.
const AT_ONCE: usize = 3;

/// A request with an idempotency key.
#[derive(Clone)]
pub struct Keyed {
    pub customer: usize,
    pub operation: Operation,
    /// The version to name in `If-Match`.
    pub if_match: Option<u64>,
    pub key: Option<String>,
    /// The places of its calls: one, or one for each contact of a batch. `None` is a contact that is invalid.
    pub calls: Vec<Option<usize>>,
}

impl Caller {
    /// A key that no call of this function with the customer's token has had.
    pub(super) fn key(&mut self, customer: usize, function: &'static str) -> String {
        let count = self.keys.entry((customer, function)).or_default();
        *count += 1;
        format!("call-{}-{count}", self.number)
    }

    /// Sends a new request, now and then several times at once.
    pub(super) async fn first_request(&mut self, keyed: Keyed) {
        self.keyed.push(keyed.clone());
        let times = if self.generator.0.u32(..4) == 0 { AT_ONCE } else { 1 };
        self.request(keyed, times, false).await;
    }

    /// Repeats one of the last requests with an idempotency key, or uses its key for another body.
    pub(super) async fn repeat(&mut self) {
        let last = &self.keyed[self.keyed.len().saturating_sub(REPEATED)..];
        let keyed = last[self.generator.0.usize(..last.len())].clone();
        let has_other_body = self.calls_of(&keyed).all(Call::succeeded) && self.generator.0.u32(..6) == 0;
        let times = if self.generator.0.u32(..6) == 0 { AT_ONCE } else { 1 };
        self.request(keyed, times, has_other_body).await;
    }

    fn calls_of(&self, keyed: &Keyed) -> impl Iterator<Item = &Call> {
        keyed.calls.iter().flatten().map(|index| &self.calls[*index])
    }

    /// Sends a request this many times at the same time.
    async fn request(&mut self, keyed: Keyed, times: usize, has_other_body: bool) {
        let url = self.url().await;
        let headers = Headers { if_match: keyed.if_match, key: keyed.key.clone(), has_other_body, cursor: None };
        let (credentials, client) = (&self.population.customers[keyed.customer], &self.client);
        let request = || async {
            let began = Instant::now();
            let answer = client.call(&url, credentials, &credentials.token, &keyed.operation, &headers).await;
            (began, Instant::now(), answer)
        };
        let mut answers = join_all((0..times).map(|_| request())).await;
        answers.sort_by_key(|(_, ended, _)| *ended);
        for (began, ended, Answer { outcome, etag, body, is_replayed, .. }) in answers {
            let is_batch = matches!(keyed.operation, Operation::Batch { .. });
            let all_done = self.calls_of(&keyed).all(|call| call.succeeded() && call.ended < began);
            // The answer to a batch is a repetition only if nothing was carried out.
            let is_replayed = (is_replayed || !is_batch || all_done).then_some(is_replayed);
            let outcomes = if is_batch { outcomes(client, &outcome, &keyed.calls) } else { vec![(outcome, body)] };
            for (call, (outcome, body)) in keyed.calls.iter().zip(outcomes) {
                let delivery = Delivery { began, ended, outcome, etag, body, is_replayed, has_other_body };
                if let Some(index) = *call {
                    self.calls[index].deliver(delivery);
                }
            }
        }
    }
}
