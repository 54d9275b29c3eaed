//! Creates a contact, or changes the one with the same phone number (upsert).
//!
//! Route: `POST /api/v1/actions/create-contact`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `phone` | yes | phone number: `+` or `00`, country code, 7–15 digits in all; spaces and `-.()/` are ignored |
//! | `name` | | display name, at most 255 characters; `""` clears it |
//! | `email` | | email address, at most 255 characters; `""` clears it |
//! | `tags` | | comma-separated, at most 45 of 1–100 characters; replaces the list, `""` clears it |
//! | `metadata` | | JSON object, at most 65,536 bytes; replaces the stored object, `""` clears it |
//!
//! An omitted field keeps its stored value. `null` counts as omitted, and so does `metadata` that is `{}` or `[]`. Unknown
//! fields are ignored, except with `Prefer: handling=strict`.
//!
//! # Answer
//! 201, also if the contact existed; `X-Contact-Outcome` is `created`, `updated` or `unchanged`, and `ETag` the contact's
//! version in quotes, `"7"`.
//! ```json
//! {"id":"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434","phone":"+5511987654321","name":"José","email":null,"tags":["vip","pt-BR"],"created_at":"2026-11-20T10:58:35+00:00"}
//! ```
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"message":"Unauthenticated."}` | the token is missing, unknown, expired or revoked, or its tenant does not exist or is being deleted |
//! | 422 | `{"error":"No workspace configured for this account."}` | the token's user has no tenant |
//! | 422 | `{"message":"Malformed JSON.","error":"Malformed JSON."}` | the body is not a JSON object; an empty body and `[]` count as `{}` |
//! | 422 | `{"message":"The given data was invalid.","errors":{"<field>":["<message>"]}}` | fields are invalid; all are listed. Also for `If-Match` or `If-None-Match`, if it is neither `*` nor a list of entity tags |
//! | 412 | `{"error":"Precondition Failed","message":"<message>"}` | `If-Match` or `If-None-Match` is not met; nothing is changed |
//! | 422 | `{"message":"<text>","error":"<text>"}` | the `Idempotency-Key` is not 1–255 visible ASCII characters, or was used with another body |
//! | 410 | `{"message":"<text>","error":"<text>"}` | a call with this `Idempotency-Key` was carried out, and its answer was deleted with the contact |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 120); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles or cannot be reached, other writers win 40 attempts or for 8 s, or the call takes 9.5 s; in each case the write may have been applied; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! As an event: `ValidationFailed`, `UnknownTenant`, `UnknownEvent`,
//! `Conflict`, `Throttled`, `Unavailable`, `TimedOut` or `InternalError`. The rate limit does not apply to events.
//!
//! # Guarantees
//! Idempotent. Two calls with one phone number never create two contacts, not even concurrently; numbers that
//! WhatsApp writes in two ways (such as Brazilian ones with and without the ninth digit) count as one. `id`,
//! `phone`, `created_at`, `source`, consent and message counters of an existing contact never change.
//!
//! With `If-None-Match: *`, the contact is only created: 412 if it exists. With `If-Match: "7"`, it is only changed, and only if
//! its version is 7. A deleted contact does not exist.
//!
//! With the header `Idempotency-Key`, a repetition with the same token, key and body within 24 h has no effect and gets the
//! first answer with `Idempotency-Replayed: true`, even if the contact has changed since. Only successes are remembered.
//!
//! # Cost
//! | case | requests |
//! |---|---|
//! | new contact | 1 GetItem (0.5 read units), 1 PutItem (3 write units; 4 with an email address) |
//! | existing contact | 1 GetItem, 1 PutItem |
//! | existing contact with tags, whose name or email address changes | 1 GetItem, 1 TransactWriteItems |
//! | `tags` given | 1 BatchGetItem; then 1 TransactWriteItems if tags change, 1 PutItem if only other fields do |
//! | nothing changes | the read again, strongly consistent (1.5 read units in all), and no write |
//!
//! The read runs concurrently with the rate-limit check. It is eventually consistent; if it was outdated, the first
//! write is refused, which costs as much as a write, and repeated. If more than 50 tags are added and removed together,
//! there may be one more TransactWriteItems, for new entries of the tag catalogue.
//!
//! A name or email address with `+` and a digit (`jane+1@example.com`) counts as one more tag here.
//! An `Idempotency-Key` makes the read a BatchGetItem and the write a TransactWriteItems with one more item; a repetition is
//! the read, and the same read strongly consistent.
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use contacts::store::ContactsTable;
use functions::{Action, Call, ContactFields, CreatedContact, Error, Input, Invalid, Reply};

struct CreateContact(ContactFields);

impl Action for CreateContact {
    const NAME: &'static str = "create-contact";
    const WRITES: bool = true;
    type Answer = CreatedContact;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        ContactFields::parse(input).map(CreateContact)
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<CreatedContact>, Error> {
        let conditions = call.preconditions.parse()?;
        let (contact, outcome) = self.0.upsert(table, &call.tenant, &conditions).await?;
        let version = contact.version;
        Ok(Reply::upserted(CreatedContact::from(contact), outcome).with_version(version))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<CreateContact>().await
}
