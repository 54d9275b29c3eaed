//! Creates a contact, if none with this phone number exists. For clients of FlowIQ, whose tokens are called
//! keys and begin with `fiq_`.
//!
//! Route: `POST /contact`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input, without
//! `tenantId`.
//!
//! # Input
//! | parameter | required | type and limits |
//! |---|---|---|
//! | `tenantId`, in the query string | | slug of the tenant that the key belongs to; if it is left out, the key's tenant is meant |
//!
//! | field | required | type and limits |
//! |---|---|---|
//! | `phone_number` | yes | 10–15 digits with the country code. Everything but digits is dropped, and so are a leading `00` and a `(0)` after the country code |
//! | `name` | | display name, at most 255 characters |
//! | `email` | | email address, at most 255 characters |
//! | `tags` | | comma-separated, at most 45 of 1–100 characters |
//!
//! # Answer
//! 201, with `X-Contact-Outcome: created` and the contact's version in quotes as `ETag`, `"1"`.
//! ```json
//! {"success":true,"message":"Contact created successfully","contact":{"id":"0b0e9c5e-…","full_name":"John Doe","whatsapp_id":"27123456789","phone_number":"+27123456789","email":null,"tags":["customer"],"organization_id":"6c1f8a57-…","created_at":"2025-12-11T10:30:00Z"}}
//! ```
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"success":false,"error":"Authorization required","message":"Please provide Authorization bearer token"}` | the token is missing |
//! | 401 | `{"success":false,"error":"Invalid API key","message":"The API key is invalid or expired"}` | the key is unknown, expired, revoked, or does not begin with `fiq_` |
//! | 401 | `{"success":false,"error":"Authentication mismatch","message":"Bearer token does not match the provided tenantId"}` | the key belongs to another tenant, or to none |
//! | 400 | `{"success":false,"error":"Malformed JSON","message":"The body must be a JSON object"}` | the body is not a JSON object; an empty body and `[]` count as `{}` |
//! | 400 | `{"success":false,"error":"Phone number is required","message":"<messages>"}` | `phone_number` is missing |
//! | 400 | `{"success":false,"error":"Invalid phone number","message":"<messages>"}` | `phone_number` is invalid |
//! | 400 | `{"success":false,"error":"Validation failed","message":"<messages>"}` | other fields are invalid |
//! | 409 | `{"error":"Contact already exists","message":"A contact with phone number 27123456789 already exists"}` | the number exists in any spelling; nothing is changed |
//! | 400 | `{"success":false,"error":"Validation failed","message":"The If-Match must be …"}` | `If-Match` or `If-None-Match` is neither `*` nor a list of entity tags |
//! | 412 | `{"error":"Precondition Failed","message":"<message>"}` | `If-Match` or `If-None-Match` is not met; nothing is changed. With `If-None-Match: *`, it takes the place of 409 |
//! | 400 | `{"success":false,"error":"Invalid Idempotency-Key","message":"<text>"}` | the `Idempotency-Key` is not 1–255 visible ASCII characters |
//! | 422 | `{"message":"<text>","error":"<text>"}` | the `Idempotency-Key` was used with another body |
//! | 410 | `{"message":"<text>","error":"<text>"}` | a call with this `Idempotency-Key` was carried out, and its answer was deleted with the contact |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 120); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles or cannot be reached, other writers win 40 attempts or for 8 s, or the call takes 9.5 s; in each case the write may have been applied; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! As an event: `ValidationFailed`, `ContactExists`, `UnknownTenant`, `UnknownEvent`,
//! `Conflict`, `Throttled`, `Unavailable`, `TimedOut` or `InternalError`. The rate limit does not apply to events.
//!
//! # Guarantees
//! Concurrent calls with one number create one contact; the others get 409, and so may a retry after 503. By
//! SQS or EventBridge, an event whose number exists already succeeds and changes nothing, because it cannot
//! be told from a redelivery; a direct invocation fails with `ContactExists`.
//!
//! With the header `Idempotency-Key`, a repetition with the same token, key and body within 24 h has no effect and gets the
//! first answer with `Idempotency-Replayed: true`, even if the contact has changed since. Only successes are remembered.
//!
//! # Cost
//! 1 GetItem (0.5 read units) and 1 PutItem (3 write units; 4 with an email address). With tags 1 BatchGetItem and 1
//! TransactWriteItems. For 409 the read twice, the second time strongly consistent, and no write.
//! An `Idempotency-Key` makes the read a BatchGetItem and the write a TransactWriteItems with one more item; a repetition is
//! the read, and the same read strongly consistent.
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use std::str::FromStr;

use contacts::model::{Contact, ContactId, Email, Name, Phone, Source, Tags, TenantId, Timestamp, Violation, Zulu};
use contacts::store::ContactsTable;
use functions::{Action, Call, Dialect, Error, Input, Invalid, Reply};
use serde::Serialize;

struct CreateContact {
    phone_number: FullNumber,
    name: Option<Name>,
    email: Option<Email>,
    tags: Option<Tags>,
}

/// A phone number of at least ten digits, in any text.
struct FullNumber(Phone);

#[derive(Serialize)]
struct Answer {
    success: bool,
    message: &'static str,
    contact: CreatedContact,
}

#[derive(Serialize)]
struct CreatedContact {
    id: ContactId,
    full_name: Option<Name>,
    whatsapp_id: String,
    phone_number: Phone,
    email: Option<Email>,
    tags: Tags,
    organization_id: TenantId,
    created_at: Zulu,
}

impl FromStr for FullNumber {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match Phone::from_digits_of(text) {
            Ok(phone) if phone.digits().len() >= 10 => Ok(FullNumber(phone)),
            _ => Err(Violation::NotFullNumber),
        }
    }
}

impl Action for CreateContact {
    const NAME: &'static str = "flowiq-create-contact";
    const DIALECT: Dialect = Dialect::FlowIq;
    const WRITES: bool = true;
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let phone_number = input.required("phone_number");
        let name = input.optional("name");
        let email = input.optional("email");
        let tags = input.optional("tags");
        Ok(CreateContact { phone_number: phone_number?, name: name?, email: email?, tags: tags? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let conditions = call.preconditions.parse()?;
        let FullNumber(phone) = self.phone_number;
        let id = call.tenant.contact_id(&phone);
        let mut new = Contact::new(id, phone, Source::Api, Timestamp::now());
        new.name = self.name;
        new.email = self.email;
        new.tags = self.tags.unwrap_or_default();
        let upserted = table.upsert(&call.tenant, id, Some(&new.tags), |stored| match stored {
            None => conditions.check(None).map(|()| new.clone()),
            Some(stored) => {
                conditions.check_none_match(Some(stored.version))?;
                Err(Error::AlreadyExists { digits: new.phone.digits().to_owned() })
            }
        });
        let (contact, outcome) = upserted.await?;
        let created = CreatedContact {
            id: contact.id,
            full_name: contact.name,
            whatsapp_id: contact.phone.digits().to_owned(),
            phone_number: contact.phone,
            email: contact.email,
            tags: contact.tags,
            organization_id: call.tenant.id(),
            created_at: Zulu(contact.created_at),
        };
        let answer = Answer { success: true, message: "Contact created successfully", contact: created };
        Ok(Reply::upserted(answer, outcome).with_version(contact.version))
    }

    fn is_redelivery(error: &Error) -> bool {
        matches!(error, Error::AlreadyExists { .. })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<CreateContact>().await
}
