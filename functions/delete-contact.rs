//! Deletes a contact.
//!
//! Route: `POST /api/v1/actions/delete-contact`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `contact_id` | this or `phone` | UUID, also one from before a change of the number; takes precedence if both are given |
//! | `phone` | this or `contact_id` | phone number: `+` or `00`, country code, 7–15 digits in all; spaces and `-.()/` are ignored |
//!
//! # Answer
//! 200.
//! ```json
//! {"id":"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434","deleted":true}
//! ```
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"message":"Unauthenticated."}` | the token is missing, unknown, expired or revoked, or its tenant does not exist or is being deleted |
//! | 422 | `{"error":"No workspace configured for this account."}` | the token's user has no tenant |
//! | 422 | `{"message":"Malformed JSON.","error":"Malformed JSON."}` | the body is not a JSON object; an empty body and `[]` count as `{}` |
//! | 422 | `{"message":"The given data was invalid.","errors":{"<field>":["<message>"]}}` | fields are invalid; all are listed. Also for `If-Match` or `If-None-Match`, if it is neither `*` nor a list of entity tags |
//! | 422 | `{"error":"Neither contact_id nor phone provided"}` | both are missing |
//! | 404 | `{"error":"Contact not found"}` | the tenant has no such contact, or it was deleted before |
//! | 412 | `{"error":"Precondition Failed","message":"<message>"}` | `If-Match` or `If-None-Match` is not met; nothing is changed |
//! | 422 | `{"message":"<text>","error":"<text>"}` | the `Idempotency-Key` is not 1–255 visible ASCII characters, or was used with another body |
//! | 410 | `{"message":"<text>","error":"<text>"}` | a call with this `Idempotency-Key` was carried out, and its answer was deleted with the contact |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 120); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles or cannot be reached, other writers win 40 attempts or for 8 s, or the call takes 9.5 s; in each case the contact may have been deleted; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! As an event: `ValidationFailed`, `ContactNotFound`, `UnknownTenant`, `UnknownEvent`,
//! `Conflict`, `Throttled`, `Unavailable`, `TimedOut` or `InternalError`. The rate limit does not apply to events.
//!
//! # Guarantees
//! With `If-Match: "7"`, the contact is deleted only if its version is 7.
//! The contact and its memberships are deleted in one transaction, and every endpoint answers as if the contact had never
//! existed; searches, which read an eventually consistent index, within a moment. A tombstone without personal data
//! remains under the contact's id. It remembers an opt-out, so that a contact that is created again with the same number
//! is opted out, until the person opts in at a later time. Events that occurred before the deletion change nothing. Tags
//! stay in the tag catalogue. docs/operations.md says what else remains, and for how long.
//!
//! Repeating a call that succeeded, without a key, answers 404. By SQS or EventBridge, an event whose contact does not exist
//! succeeds, because it cannot be told from a redelivery; one that is redelivered after the contact was created again deletes
//! it again.
//!
//! With the header `Idempotency-Key`, a repetition with the same token, key and body within 24 h has no effect and gets the
//! first answer with `Idempotency-Replayed: true`, even if the contact has changed since. Only successes are remembered.
//!
//! # Cost
//! 1 GetItem and 1 PutItem. If the contact has tags, 1 TransactWriteItems instead of the PutItem, which deletes the
//! memberships too. A name or email address with `+` and a digit (`jane+1@example.com`) counts as a tag here.
//! If the contact's number was changed, 1 more GetItem and, in the transaction, 1 more write for each of at most 5 former ids.
//! An `Idempotency-Key` makes the read a BatchGetItem and the write a TransactWriteItems with one more item; a repetition is
//! the read alone.
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use contacts::model::ContactId;
use contacts::store::ContactsTable;
use functions::{Action, Call, ContactRef, Error, Input, Invalid, Reply};
use serde::Serialize;

struct DeleteContact {
    contact: ContactRef,
}

#[derive(Serialize)]
struct Answer {
    id: ContactId,
    deleted: bool,
}

impl Action for DeleteContact {
    const NAME: &'static str = "delete-contact";
    const WRITES: bool = true;
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        Ok(DeleteContact { contact: ContactRef::parse(input)? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let conditions = call.preconditions.parse()?;
        let id = self.contact.id(&call.tenant)?;
        let deletion = table.delete_if(&call.tenant, id, |contact| conditions.check(Some(contact.version))).await?;
        Ok(Reply::read(Answer { id: deletion.id, deleted: true }))
    }

    fn is_redelivery(error: &Error) -> bool {
        matches!(error, Error::NotFound { .. })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<DeleteContact>().await
}
