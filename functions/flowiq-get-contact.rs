//! Returns one contact by its phone number. For clients of FlowIQ, whose tokens are called keys and begin
//! with `fiq_`.
//!
//! Route: `GET /contact`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input, without
//! `tenantId`.
//!
//! # Input
//! | parameter | required | type and limits |
//! |---|---|---|
//! | `tenantId` | yes | slug of the tenant that the key belongs to |
//! | `whatsapp_id` | this or `phone_number` | phone number; takes precedence if both are given |
//! | `phone_number` | this or `whatsapp_id` | phone number |
//!
//! Both take a number in any spelling: everything but digits is dropped, and so are a leading `00` and a `(0)` after the
//! country code.
//!
//! # Answer
//! 200. `allow_broadcast` is true unless the person opted out; `location` is always `{}`.
//!
//! `ETag` is the contact's version in quotes, `"7"`. With `If-None-Match: "7"`, the answer is 304 without a body while the version
//! is 7.
//! ```json
//! {"success":true,"contact":{"id":"0b0e9c5e-…","full_name":"John Doe","whatsapp_id":"27123456789","phone_number":"+27123456789","email":null,"tags":[],"organization_id":"6c1f8a57-…","bot_status":"active","allow_broadcast":true,"archived":false,"blocked":false,"active_status":false,"has_unread_messages":false,"source":{"type":"api","location":{},"created_at":"2025-12-11T10:30:00Z"},"contact_summary":null,"contact_summary_updated_at":null,"created_at":"2025-12-11T10:30:00Z","updated_at":"2025-12-11T10:30:00Z"}}
//! ```
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"success":false,"error":"Authorization required","message":"Please provide Authorization bearer token"}` | the token is missing |
//! | 401 | `{"success":false,"error":"Invalid API key","message":"The API key is invalid or expired"}` | the key is unknown, expired, revoked, or does not begin with `fiq_` |
//! | 400 | `{"success":false,"error":"Tenant ID is required","message":"Please provide tenantId query parameter"}` | `tenantId` is missing |
//! | 401 | `{"success":false,"error":"Authentication mismatch","message":"Bearer token does not match the provided tenantId"}` | the key belongs to another tenant, or to none |
//! | 400 | `{"success":false,"error":"Phone number is required","message":"Please provide phone_number or whatsapp_id"}` | both are missing |
//! | 404 | `{"error":"Contact not found","message":"No contact found with phone number 27123456789"}` | no contact has the number, or it is not a phone number |
//! | 400 | `{"success":false,"error":"Validation failed","message":"The If-Match must be …"}` | `If-Match` or `If-None-Match` is neither `*` nor a list of entity tags |
//! | 412 | `{"error":"Precondition Failed","message":"<message>"}` | `If-Match` is not met |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 120); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles or cannot be reached, or the call takes 9.5 s; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! As an event: `ValidationFailed`, `ContactNotFound`, `UnknownTenant`, `UnknownEvent`,
//! `Throttled`, `Unavailable`, `TimedOut` or `InternalError`. The rate limit does not apply to events.
//!
//! # Guarantees
//! Strongly consistent.
//!
//! # Cost
//! 1 GetItem (1 read unit per 4 KB).
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use std::str::FromStr;

use contacts::model::{
    BotStatus, ContactId, ContactKey, Email, Name, Phone, Source, Summary, Tags, TenantId, Violation, Zulu,
};
use contacts::store::ContactsTable;
use functions::{Action, Call, Dialect, Error, Input, InputSource, Invalid, Reply};
use serde::Serialize;

struct GetContact {
    whatsapp_id: Option<Number>,
    phone_number: Option<Number>,
}

/// A number to look up. Any text is allowed; a text that is not a phone number matches no contact.
struct Number {
    phone: Option<Phone>,
    digits: String,
}

#[derive(Serialize)]
struct Answer {
    success: bool,
    contact: FoundContact,
}

#[derive(Serialize)]
struct FoundContact {
    id: ContactId,
    full_name: Option<Name>,
    whatsapp_id: String,
    phone_number: Phone,
    email: Option<Email>,
    tags: Tags,
    organization_id: TenantId,
    bot_status: BotStatus,
    allow_broadcast: bool,
    archived: bool,
    blocked: bool,
    active_status: bool,
    has_unread_messages: bool,
    source: Origin,
    contact_summary: Option<Summary>,
    contact_summary_updated_at: Option<Zulu>,
    created_at: Zulu,
    updated_at: Zulu,
}

#[derive(Serialize)]
struct Origin {
    r#type: Source,
    location: Location,
    created_at: Zulu,
}

/// Always empty: Carnet does not store locations.
#[derive(Serialize)]
struct Location {}

impl FromStr for Number {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let phone = Phone::from_digits_of(text).ok();
        let typed = || text.chars().filter(char::is_ascii_digit).collect();
        let digits = phone.as_ref().map_or_else(typed, |phone| phone.digits().to_owned());
        Ok(Number { phone, digits })
    }
}

impl Action for GetContact {
    const NAME: &'static str = "flowiq-get-contact";
    const DIALECT: Dialect = Dialect::FlowIq;
    const INPUT: InputSource = InputSource::Query;
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let whatsapp_id = input.optional("whatsapp_id");
        let phone_number = input.optional("phone_number");
        Ok(GetContact { whatsapp_id: whatsapp_id?, phone_number: phone_number? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let conditions = call.preconditions.parse()?;
        let Some(number) = self.whatsapp_id.or(self.phone_number) else {
            return Err(Error::Missing {
                what: "Phone number is required",
                hint: "Please provide phone_number or whatsapp_id",
            });
        };
        let tenant = &call.tenant;
        let contact = match number.phone {
            Some(phone) => table.get(tenant, ContactKey::Number(tenant.contact_id(&phone))).await?,
            None => None,
        };
        let contact = contact.ok_or(Error::NotFound { digits: Some(number.digits) })?;
        let allow_broadcast = contact.allows_broadcast();
        let found = FoundContact {
            id: contact.id,
            full_name: contact.name,
            whatsapp_id: contact.phone.digits().to_owned(),
            phone_number: contact.phone,
            email: contact.email,
            tags: contact.tags,
            organization_id: tenant.id(),
            bot_status: contact.state.bot_status,
            allow_broadcast,
            archived: contact.state.archived,
            blocked: contact.state.blocked,
            active_status: contact.state.active_status,
            has_unread_messages: contact.state.has_unread_messages,
            source: Origin { r#type: contact.source, location: Location {}, created_at: Zulu(contact.created_at) },
            contact_summary: contact.state.summary,
            contact_summary_updated_at: contact.state.summary_updated_at.map(Zulu),
            created_at: Zulu(contact.created_at),
            updated_at: Zulu(contact.updated_at),
        };
        Reply::read(Answer { success: true, contact: found }).with_version(contact.version).checked(&conditions)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<GetContact>().await
}
