//! Creates up to 100 contacts, or changes those with the same phone numbers (upsert), in one call.
//!
//! Route: `POST /api/v1/actions/batch-upsert-contacts`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `contacts` | yes | list of 1 to 100 objects, each as `create-contact` takes it: `phone`, `name`, `email`, `tags`, `metadata` |
//!
//! The whole request is at most 6 MB (Lambda), which 100 contacts with the largest metadata exceed.
//!
//! # Answer
//! 200, with one result per contact, in order: the status and body that `create-contact` would have answered.
//! ```json
//! {"results":[{"status":201,"outcome":"created","contact":{"id":"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434","phone":"+5511987654321","name":"José","email":null,"tags":["vip"],"created_at":"2026-11-20T10:58:35+00:00"}},
//!             {"status":422,"errors":{"contacts.1.phone":["The contacts.1.phone must be in international format, starting with +."]}},
//!             {"status":503,"message":"Service Unavailable.","error":"Service Unavailable."}]}
//! ```
//! `outcome` is `created`, `updated` or `unchanged`. A result with 422 has the path of every invalid field. One with 503
//! means what it means for `create-contact`, or that the time limit of the call was reached: the contact may have been
//! written, and it can be sent again. One with 410 repeats an `Idempotency-Key`: its first result was deleted with the contact.
//! One with 500 is an unexpected error, which is logged.
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"message":"Unauthenticated."}` | the token is missing, unknown, expired or revoked, or its tenant does not exist or is being deleted |
//! | 422 | `{"error":"No workspace configured for this account."}` | the token's user has no tenant |
//! | 422 | `{"message":"Malformed JSON.","error":"Malformed JSON."}` | the body is not a JSON object; an empty body and `[]` count as `{}` |
//! | 422 | `{"message":"The given data was invalid.","errors":{"contacts":["<message>"]}}` | `contacts` is missing, no list, empty, or has more than 100 elements |
//! | 422 | `{"message":"<text>","error":"<text>"}` | the `Idempotency-Key` is not 1–255 visible ASCII characters, or was used with another body |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 120); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles the first read or cannot be reached: no contact was written; or the call takes 28.5 s; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! As an event: `ValidationFailed`, `UnknownTenant`, `UnknownEvent`,
//! `Conflict`, `Throttled`, `Unavailable`, `TimedOut` or `InternalError`. The rate limit does not apply to events.
//! A direct invocation gets the answer above. A queue and the event bus read no answer, so for them an event with an invalid
//! contact fails with `ValidationFailed` before anything is written, and with any other failed contact it fails with that
//! contact's error after all have been tried. It is delivered again, which is safe because it is idempotent, and at last
//! goes to the dead-letter queue.
//!
//! # Guarantees
//! Idempotent. Each contact is written in one atomic request, the batch is not: contacts that fail leave the others as they
//! are. Contacts with the same number, in any spelling, are applied in their order, so the last one wins; after one with 503 the
//! later ones are not tried and get 503 too, so that it is not applied over them when it is sent again. Others are applied
//! four at once. One call counts as one call of the rate limit, because the limit protects the API from calls, and the
//! table from writes only together with the number of contacts of a call.
//!
//! With the header `Idempotency-Key`, a repetition with the same token, key and body within 24 h has no effect and gets the
//! first answer with `Idempotency-Replayed: true`, even if the contact has changed since. Only successes are remembered.
//! Each contact's result is recorded with it, so the repetition of a call that was cut off does the rest.
//!
//! # Cost
//! Per contact that of `create-contact`, but the contacts, and the tags that they are given, are read together:
//! 1 BatchGetItem for each 100 of them, with the same read units. 100 new contacts without tags are 101 requests. The second
//! contact with one number is read by itself.
//! An `Idempotency-Key` costs one PutItem for the call; each contact is read by itself then, and recorded as in `create-contact`.
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use contacts::store::ContactsTable;
use functions::{
    Action, Call, ContactBatch, ContactFields, CreatedContact, Error, Input, Invalid, ItemAnswer, Reply, Upserted,
};
use serde::Serialize;

struct BatchUpsertContacts(ContactBatch);

#[derive(Serialize)]
struct Answer {
    results: Vec<ItemAnswer<CreatedContact>>,
}

impl Action for BatchUpsertContacts {
    const NAME: &'static str = "batch-upsert-contacts";
    const WRITES: bool = true;
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        ContactBatch::parse(input, ContactFields::parse).map(BatchUpsertContacts)
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let answer = |upserted: Upserted| {
            ItemAnswer::new(upserted.map(|(contact, outcome)| (CreatedContact::from(contact), outcome)))
        };
        let results = self.0.upsert(table, call).await?.into_iter().map(answer).collect();
        Ok(Reply::read(Answer { results }))
    }

    async fn deliver(self, table: &ContactsTable, call: &Call) -> Result<(), Error> {
        // An invalid contact stays invalid however often the event is delivered, and each delivery would write the others
        // again, over what has been written since.
        self.0.check()?;
        self.0.upsert(table, call).await?.into_iter().try_for_each(|upserted| upserted.map(drop))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<BatchUpsertContacts>().await
}
