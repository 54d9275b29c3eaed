//! Changes the given fields of a contact.
//!
//! Route: `POST /api/v1/actions/update-contact`. Event: the same input in an envelope.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `contact_id` | this or `phone` | UUID; takes precedence if both are given |
//! | `phone` | this or `contact_id` | phone number in international format, in any spelling; never written |
//! | `name` | | display name, at most 255 characters; `""` clears it |
//! | `email` | | email address, at most 255 characters; `""` clears it |
//! | `tags` | | comma-separated, at most 45 of 1–100 characters; replaces the list, `""` clears it |
//! | `metadata` | | JSON object; its keys replace the stored keys (shallow merge); at most 65,536 bytes after the merge |
//!
//! # Answer
//! 200, with `X-Contact-Outcome: updated` or `unchanged`.
//! ```json
//! {"id":"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434","phone":"+5511987654321","name":"José","email":null,"tags":["vip"],"updated_at":"2026-11-20T10:58:35+00:00"}
//! ```
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"message":"Unauthenticated."}` | the token is missing, unknown, expired or revoked |
//! | 422 | `{"error":"No workspace configured for this account."}` | the token's user has no tenant |
//! | 422 | `{"message":"Malformed JSON.","error":"Malformed JSON."}` | the body is not a JSON object |
//! | 422 | `{"message":"The given data was invalid.","errors":{"<field>":["<message>"]}}` | fields are invalid; all are listed |
//! | 422 | `{"error":"Neither contact_id nor phone provided"}` | both are missing |
//! | 404 | `{"error":"Contact not found"}` | the tenant has no such contact |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | rate limit exceeded; `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles, other writers keep winning, or the time limit is reached; `Retry-After` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | a fault, which is logged |
//!
//! # Guarantees
//! Idempotent. Concurrent updates of different fields are all kept (optimistic locking). A call that
//! changes nothing leaves `updated_at` alone.
//!
//! # Cost
//! 1 GetItem and 1 PutItem; with new tags, or if the name, email address or tags of a tagged contact
//! change, 1 BatchGetItem or GetItem and 1 TransactWriteItems; the read alone if nothing changes.
//! On a token-cache miss (60 s) one more GetItem; with a rate limit one more UpdateItem of 1 write unit
//! (up to 120 calls per 60 s).

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
        let id = self.contact.id(&call.tenant)?;
        let updated = table.update(&call.tenant, id, self.tags.value(), |mut contact| {
            self.name.apply(&mut contact.name);
            self.email.apply(&mut contact.email);
            self.tags.apply_or_default(&mut contact.tags);
            if let Some(given) = self.metadata.value() {
                let merged = contact.metadata.merged(given);
                contact.metadata = merged.map_err(|violation| Error::invalid("metadata", violation))?;
            }
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
