//! Removes a tag from a contact.
//!
//! Route: `POST /api/v1/actions/remove-tag`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `contact_id` | this or `phone` | UUID; takes precedence if both are given |
//! | `phone` | this or `contact_id` | phone number: `+` or `00`, country code, 7–15 digits in all; spaces and `-.()/` are ignored |
//! | `tag` | yes | 1–100 characters without a comma, case-sensitive |
//!
//! # Answer
//! 200, with `X-Contact-Outcome: updated` or `unchanged`. `tags` is the complete list after the change, `ETag` the contact's
//! version in quotes, `"7"`.
//! ```json
//! {"id":"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434","phone":"+5511987654321","tag_removed":"vip","tags":["pt-BR"]}
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
//! | 404 | `{"error":"Contact not found"}` | the tenant has no such contact |
//! | 412 | `{"error":"Precondition Failed","message":"<message>"}` | `If-Match` or `If-None-Match` is not met; nothing is changed |
//! | 422 | `{"message":"<text>","error":"<text>"}` | the `Idempotency-Key` is not 1–255 visible ASCII characters, or was used with another body |
//! | 410 | `{"message":"<text>","error":"<text>"}` | a call with this `Idempotency-Key` was carried out, and its answer was deleted with the contact |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 120); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles or cannot be reached, other writers win 40 attempts or for 8 s, or the call takes 9.5 s; in each case the write may have been applied; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! As an event: `ValidationFailed`, `ContactNotFound`, `UnknownTenant`, `UnknownEvent`,
//! `Conflict`, `Throttled`, `Unavailable`, `TimedOut` or `InternalError`. The rate limit does not apply to events.
//!
//! # Guarantees
//! Idempotent: removing a tag that the contact does not have changes nothing. The tag stays in the
//! tenant's tag catalogue.
//!
//! With the header `Idempotency-Key`, a repetition with the same token, key and body within 24 h has no effect and gets the
//! first answer with `Idempotency-Replayed: true`, even if the contact has changed since. Only successes are remembered.
//!
//! # Cost
//! 1 GetItem, 1 TransactWriteItems, which writes the contact and the membership of each of its tags (write
//! amplification); the read alone if nothing changes.
//! An `Idempotency-Key` makes the read a BatchGetItem and the write a TransactWriteItems with one more item; a repetition is
//! the read alone.
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use contacts::model::{ContactId, Phone, Tag, Tags};
use contacts::store::ContactsTable;
use functions::{Action, Call, ContactRef, Error, Input, Invalid, Reply};
use serde::Serialize;

struct RemoveTag {
    contact: ContactRef,
    tag: Tag,
}

#[derive(Serialize)]
struct Answer {
    id: ContactId,
    phone: Phone,
    tag_removed: Tag,
    tags: Tags,
}

impl Action for RemoveTag {
    const NAME: &'static str = "remove-tag";
    const WRITES: bool = true;
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let contact = ContactRef::parse(input);
        let tag = input.required("tag");
        Ok(RemoveTag { contact: contact?, tag: tag? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let conditions = call.preconditions.parse()?;
        let id = self.contact.id(&call.tenant)?;
        let updated = table.update(&call.tenant, id, None, |mut contact| {
            conditions.check(Some(contact.version))?;
            contact.tags.remove(&self.tag);
            Ok::<_, Error>(contact)
        });
        let (contact, outcome) = updated.await?;
        let version = contact.version;
        let answer = Answer { id: contact.id, phone: contact.phone, tag_removed: self.tag, tags: contact.tags };
        Ok(Reply::changed(answer, outcome).with_version(version))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<RemoveTag>().await
}
