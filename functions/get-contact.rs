//! Returns one contact with all its fields.
//!
//! Route: `POST /api/v1/actions/get-contact`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `contact_id` | at least one of the three | UUID; also one that the contact had before its number was changed |
//! | `phone` | at least one of the three | phone number: `+` or `00`, country code, 7–15 digits in all; spaces and `-.()/` are ignored |
//! | `email` | at least one of the three | email address, ignoring case |
//!
//! The contact is found by the first that is given, in this order. The others have to be its own: any spelling of its phone
//! number, its email address in any case.
//!
//! # Answer
//! 200.
//!
//! `ETag` is the contact's version in quotes, `"7"`. With `If-None-Match: "7"`, the answer is 304 without a body while the version
//! is 7.
//! ```json
//! {"id":"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434","phone":"+5511987654321","name":"José","email":null,"source":"api","locale":null,"metadata":{"lifetime_value":8742.00},"tags":["vip"],"opted_in_at":null,"opted_out_at":null,"last_message_at":null,"total_messages":0,"created_at":"2026-11-20T10:58:35+00:00"}
//! ```
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"message":"Unauthenticated."}` | the token is missing, unknown, expired or revoked, or its tenant does not exist or is being deleted |
//! | 422 | `{"error":"No workspace configured for this account."}` | the token's user has no tenant |
//! | 422 | `{"message":"Malformed JSON.","error":"Malformed JSON."}` | the body is not a JSON object; an empty body and `[]` count as `{}` |
//! | 422 | `{"message":"The given data was invalid.","errors":{"<field>":["<message>"]}}` | fields are invalid; all are listed. Also for `If-Match` or `If-None-Match`, if it is neither `*` nor a list of entity tags |
//! | 422 | `{"error":"None of contact_id, phone, email provided"}` | all are missing |
//! | 404 | `{"error":"Contact not found"}` | the tenant has no contact with the first that is given |
//! | 422 | `{"error":"contact_id, phone and email name different contacts","message":"contact_id, phone and email name different contacts"}` | another one that is given is not that contact's |
//! | 412 | `{"error":"Precondition Failed","message":"<message>"}` | `If-Match` is not met |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 120); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles or cannot be reached, or the call takes 9.5 s; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! As an event: `ValidationFailed`, `ContactNotFound`, `UnknownTenant`, `UnknownEvent`,
//! `Throttled`, `Unavailable`, `TimedOut` or `InternalError`. The rate limit does not apply to events.
//!
//! # Guarantees
//! By id and phone number: strongly consistent. By email address: eventually consistent; if several
//! contacts have the address, the oldest is returned.
//!
//! # Cost
//! 1 GetItem (1 read unit per 4 KB), and one more by an id from before a change of the number; by email address alone 1 Query (0.5 read units) and 1 GetItem, however many
//! contacts have the address.
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use contacts::model::{ContactId, Email, Locale, Metadata, Name, Phone, Source, Tags, Timestamp};
use contacts::store::ContactsTable;
use functions::{Action, Call, ContactLookup, Error, Input, Invalid, LookupErrors, Reply};
use serde::Serialize;

struct GetContact(ContactLookup);

const ERRORS: LookupErrors = LookupErrors {
    none: "None of contact_id, phone, email provided",
    different: "contact_id, phone and email name different contacts",
};

#[derive(Serialize)]
struct Answer {
    id: ContactId,
    phone: Phone,
    name: Option<Name>,
    email: Option<Email>,
    source: Source,
    locale: Option<Locale>,
    metadata: Metadata,
    tags: Tags,
    opted_in_at: Option<Timestamp>,
    opted_out_at: Option<Timestamp>,
    last_message_at: Option<Timestamp>,
    total_messages: u64,
    created_at: Timestamp,
}

impl Action for GetContact {
    const NAME: &'static str = "get-contact";
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        ContactLookup::parse(input, "contact_id").map(GetContact)
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let conditions = call.preconditions.parse()?;
        let contact = self.0.find(table, &call.tenant, ERRORS).await?;
        let answer = Answer {
            id: contact.id,
            phone: contact.phone,
            name: contact.name,
            email: contact.email,
            source: contact.source,
            locale: contact.locale,
            metadata: contact.metadata,
            tags: contact.tags,
            opted_in_at: contact.opted_in_at,
            opted_out_at: contact.opted_out_at,
            last_message_at: contact.last_message_at,
            total_messages: contact.total_messages,
            created_at: contact.created_at,
        };
        Reply::read(answer).with_version(contact.version).checked(&conditions)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<GetContact>().await
}
