//! Records that a person gave or withdrew consent to be written to.
//!
//! Event: `{"tenant_id":"<UUID>","input":{…}}` by direct invocation, SQS or EventBridge. There is no HTTP
//! route, and the rate limit does not apply.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `phone` | this or `contact_id` | phone number: `+` or `00`, country code, 7–15 digits in all; spaces and `-.()/` are ignored; creates the contact if it does not exist |
//! | `contact_id` | this or `phone` | UUID of an existing contact; takes precedence if both are given |
//! | `consent` | yes | `opt_in` or `opt_out` |
//! | `occurred_at` | yes | string: RFC 3339 time or whole seconds since 1970 (`"1778141663"`), at most 5 minutes in the future |
//! | `method` | | how consent was given or withdrawn, at most 100 characters, for example `keyword`; stored, not returned by any endpoint |
//! | `source` | | source of a contact that is created: `manual`, `csv_import`, `shopify`, `woocommerce`, `widget`, `zapier` or `api` (default) |
//!
//! # Answer
//! A direct invocation returns the JSON below, SQS gets a partial batch response, EventBridge `null`.
//! ```json
//! {"id":"d6f0d85e-…","phone":"+5511987654321","opted_in_at":"2026-05-07T08:14:23+00:00","opted_out_at":null}
//! ```
//!
//! # Errors
//! | error type | when |
//! |---|---|
//! | `ValidationFailed` | the input is invalid; the message is JSON with `message` and, for invalid fields, `errors` |
//! | `ContactNotFound` | `contact_id` names no contact of the tenant. Or the contact was deleted, and the event is an opt-out, which its tombstone now remembers, or occurred before the deletion: from SQS and EventBridge this counts as done |
//! | `UnknownTenant` | `tenant_id` is not a UUID, or the tenant does not exist or is being deleted |
//! | `UnknownEvent` | the event is not JSON, or `tenant_id` or `input` is missing |
//! | `Conflict`, `Throttled`, `Unavailable`, `TimedOut` | temporary; a retry can succeed. After any of them the write may have been applied |
//! | `InternalError` | an unexpected error, which is logged |
//!
//! SQS redelivers every failed record, whatever its error, until it moves to the dead-letter queue; in a FIFO
//! message group the later records fail with it. An EventBridge event is retried twice. A direct caller
//! retries itself.
//!
//! # Guarantees
//! Idempotent, and last-writer-wins by `occurred_at`: events may arrive in any order and more than once.
//! Of an opt-in and an opt-out in the same second, the opt-out wins. The opt-out of an unknown person
//! creates the contact, so that a later import cannot reopen consent.
//!
//! The opt-out of a person whose contact was deleted does not create the contact again, whenever it occurred: the deleted
//! contact's tombstone remembers it, and a contact that is created again with the number is opted out. An opt-in creates the
//! contact again, unless it occurred before the deletion, or in the same second: then it changes nothing. Opt-ins are
//! forgotten with the contact, so an opt-out from before the deletion that is delivered again counts, even if the person had
//! opted in since.
//!
//! # Cost
//! 1 GetItem, and 1 PutItem if something changes. If the contact has tags and opts out, or in again, the
//! PutItem is 1 TransactWriteItems, which writes the memberships too (3 write units per tag).
//! On a tenant-cache miss (60 s) one more GetItem.

use contacts::model::{Consent, ConsentStatus, Contact, ContactId, EventTime, Phone, Source, Stored, Timestamp};
use contacts::store::ContactsTable;
use functions::{Action, Call, ContactRef, Error, Input, Invalid, Reply};
use serde::Serialize;

struct RecordConsent {
    contact: ContactRef,
    consent: Consent,
    source: Option<Source>,
}

#[derive(Serialize)]
struct Answer {
    id: ContactId,
    phone: Phone,
    opted_in_at: Option<Timestamp>,
    opted_out_at: Option<Timestamp>,
}

impl Action for RecordConsent {
    const NAME: &'static str = "record-consent";
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let contact = ContactRef::parse(input);
        let status = input.required::<ConsentStatus>("consent");
        let occurred_at = input.required::<EventTime>("occurred_at");
        let method = input.optional("method");
        let source = input.optional("source");
        let consent = Consent { status: status?, occurred_at: occurred_at?.0, method: method? };
        Ok(RecordConsent { contact: contact?, consent, source: source? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let key = self.contact.id(&call.tenant)?.at(self.consent.occurred_at);
        let applied = table.apply(&call.tenant, key, "consent", &[], |stored, _| self.apply(stored, key.id()));
        let (stored, outcome) = applied.await?;
        let contact = stored.into_contact().ok_or(Error::Deleted)?;
        let answer = Answer {
            id: contact.id,
            phone: contact.phone,
            opted_in_at: contact.opted_in_at,
            opted_out_at: contact.opted_out_at,
        };
        Ok(Reply::changed(answer, outcome).with_version(contact.version))
    }
}

impl RecordConsent {
    /// What to store for what is stored.
    fn apply(&self, stored: Option<Stored>, id: ContactId) -> Result<Stored, Error> {
        let is_outdated = stored.as_ref().is_some_and(|stored| stored.is_deleted_since(self.consent.occurred_at));
        let mut contact = match stored {
            // The person does not want to be written to. Remembering that does not take a new contact with their number.
            Some(Stored::Deleted(mut tombstone)) if self.consent.status == ConsentStatus::OptedOut => {
                tombstone.opt_out(self.consent.occurred_at);
                return Ok(Stored::Deleted(tombstone));
            }
            Some(Stored::Deleted(_)) if is_outdated => return Err(Error::Deleted),
            Some(Stored::Contact(contact)) if is_outdated && self.consent.status == ConsentStatus::OptedIn => {
                return Ok(Stored::Contact(contact));
            }
            Some(Stored::Contact(contact)) if self.is_from_tombstone(&contact, is_outdated) => {
                return Ok(Stored::Contact(contact));
            }
            Some(Stored::Contact(contact)) => contact,
            Some(Stored::Deleted(_)) | None => {
                let phone = self.contact.phone_to_create().ok_or(Error::NotFound { digits: None })?;
                Contact::new(id, phone.clone(), self.source.unwrap_or(Source::Api), Timestamp::now())
            }
        };
        self.consent.apply(&mut contact);
        Ok(Stored::Contact(contact))
    }

    /// Whether this opt-out is delivered again, and the contact has it from the tombstone of its predecessor, which keeps
    /// no method.
    fn is_from_tombstone(&self, contact: &Contact, is_outdated: bool) -> bool {
        let remembered = contact.opted_out_at.filter(|_| self.consent.status == ConsentStatus::OptedOut);
        let is_later = remembered > Some(self.consent.occurred_at);
        let is_this = remembered == Some(self.consent.occurred_at);
        is_outdated && (is_later || is_this)
            || is_this && contact.predecessor_deleted_at.is_some() && contact.consent_method.is_none()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_events::<RecordConsent>().await
}
