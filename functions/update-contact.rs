//! Changes the given fields of a contact.
//!
//! Route: `POST /api/v1/actions/update-contact`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `contact_id` | this or `phone` | UUID; takes precedence if both are given |
//! | `phone` | this or `contact_id` | phone number: `+` or `00`, country code, 7–15 digits in all; spaces and `-.()/` are ignored; it only finds the contact |
//! | `name` | | display name, at most 255 characters; `""` clears it |
//! | `email` | | email address, at most 255 characters; `""` clears it |
//! | `tags` | | comma-separated, at most 45 of 1–100 characters; replaces the list, `""` clears it |
//! | `metadata` | | JSON object; its keys replace the stored keys with their whole values (shallow merge); a key cannot be removed; `""`, `null` and `{}` change nothing; at most 65,536 bytes after the merge |
//!
//! # Answer
//! 200, with `X-Contact-Outcome: updated` or `unchanged`. `ETag` is the contact's version in quotes, `"7"`.
//! ```json
//! {"id":"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434","phone":"+5511987654321","name":"José","email":null,"tags":["vip"],"updated_at":"2026-11-20T10:58:35+00:00"}
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
//! Idempotent. Concurrent updates of different fields are all kept (optimistic locking). A call that
//! changes nothing leaves `updated_at` alone.
//!
//! With `If-Match: "7"`, the contact is changed only if its version is 7: of several simultaneous calls with one version, only
//! the first that changes something succeeds. A call whose own write was applied, but whose response DynamoDB's client lost,
//! recognises it and succeeds. A client that gets 503 cannot know whether the write was applied: it has to get the contact
//! again, or to repeat the call with the same `Idempotency-Key`.
//!
//! With the header `Idempotency-Key`, a repetition with the same token, key and body within 24 h has no effect and gets the
//! first answer with `Idempotency-Replayed: true`, even if the contact has changed since, and whatever the repetition's `If-Match`
//! says. Only successes are remembered.
//!
//! # Cost
//! 1 GetItem (BatchGetItem if `tags` is not empty). Then, if something changes, 1 PutItem, or 1
//! TransactWriteItems if tags change, or if the contact has tags and its name or email address changes. If more than
//! 50 tags are added and removed together, there may be one more TransactWriteItems, for new entries of the tag catalogue.
//! An `Idempotency-Key` makes the read a BatchGetItem and the write a TransactWriteItems with one more item; a repetition is
//! the read alone.
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use contacts::model::{ContactId, Email, Metadata, Name, Patch, Phone, Tags, Timestamp};
use contacts::store::ContactsTable;
use functions::{Action, Call, ContactRef, Error, Input, Invalid, Reply};
use serde::Serialize;

struct UpdateContact {
    contact: ContactRef,
    name: Patch<Name>,
    email: Patch<Email>,
    tags: Patch<Tags>,
    metadata: Patch<Metadata>,
}

#[derive(Serialize)]
struct Answer {
    id: ContactId,
    phone: Phone,
    name: Option<Name>,
    email: Option<Email>,
    tags: Tags,
    updated_at: Timestamp,
}

impl Action for UpdateContact {
    const NAME: &'static str = "update-contact";
    const WRITES: bool = true;
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let contact = ContactRef::parse(input);
        let name = input.patch("name");
        let email = input.patch("email");
        let tags = input.patch("tags");
        let metadata = input.metadata("metadata");
        Ok(UpdateContact { contact: contact?, name: name?, email: email?, tags: tags?, metadata: metadata? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let conditions = call.preconditions.parse()?;
        let id = self.contact.id(&call.tenant)?;
        let updated = table.update(&call.tenant, id, self.tags.value(), |mut contact| {
            self.name.apply(&mut contact.name);
            self.email.apply(&mut contact.email);
            self.tags.apply_or_default(&mut contact.tags);
            if let Some(given) = self.metadata.value() {
                let merged = contact.metadata.merged(given);
                contact.metadata = merged.map_err(|violation| Error::invalid("metadata", violation))?;
            }
            conditions.check(Some(contact.version))?;
            Ok::<_, Error>(contact)
        });
        let (contact, outcome) = updated.await?;
        let answer = Answer {
            id: contact.id,
            phone: contact.phone,
            name: contact.name,
            email: contact.email,
            tags: contact.tags,
            updated_at: contact.updated_at,
        };
        Ok(Reply::changed(answer, outcome).with_version(contact.version))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<UpdateContact>().await
}
