//! Sets the state of a conversation with a contact.
//!
//! Event: `{"tenant_id":"<UUID>","input":{…}}` by direct invocation, SQS or EventBridge. There is no HTTP
//! route, and the rate limit does not apply.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `contact_id` | this or `phone` | UUID; takes precedence if both are given |
//! | `phone` | this or `contact_id` | phone number: `+` or `00`, country code, 7–15 digits in all; spaces and `-.()/` are ignored |
//! | `bot_status` | | `active` (the bot answers) or `paused` (a person answers) |
//! | `archived`, `blocked`, `active_status`, `has_unread_messages` | | JSON boolean, initially `false`; `active_status`: a conversation is under way |
//! | `contact_summary` | | at most 10,000 characters; `""` clears it |
//! | `locale` | | 1–35 letters, digits, `-` and `_`, such as `pt-BR`; `""` clears it |
//! | `occurred_at` | yes | string: RFC 3339 time or whole seconds since 1970 (`"1778141663"`), at most 5 minutes in the future |
//!
//! An omitted field keeps its value; without any, the event fails with `ValidationFailed`.
//!
//! # Answer
//! A direct invocation returns the JSON below, SQS gets a partial batch response, EventBridge `null`.
//! ```json
//! {"id":"d6f0d85e-…","phone":"+5511987654321","locale":"pt-BR","bot_status":"paused","archived":false,"blocked":false,"active_status":true,"has_unread_messages":true,"contact_summary":null,"contact_summary_updated_at":null}
//! ```
//!
//! # Errors
//! | error type | when |
//! |---|---|
//! | `ValidationFailed` | the input is invalid; the message is JSON with `message` and, for invalid fields, `errors` |
//! | `ContactNotFound` | the tenant has no such contact; or the event occurred before its contact was deleted: from SQS and EventBridge this counts as done |
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
//! Idempotent, and last-writer-wins per field by `occurred_at`: events may arrive in any order and more
//! than once. Of two values from the same second, the greater wins (`true` over `false`, `paused` over
//! `active`, a text over none). An event that occurred before its contact was deleted, or in the same second, changes
//! nothing, also after the contact has been created again.
//!
//! # Cost
//! 1 GetItem and 1 PutItem; the read alone if each field was already set by this event or a later one. If the contact
//! has tags and `bot_status`, `archived` or `blocked` changes, 1 TransactWriteItems, which writes the memberships too (3 write
//! units per tag).
//! On a tenant-cache miss (60 s) one more GetItem.

use contacts::model::{BotStatus, ContactId, EventTime, Locale, Patch, Phone, StateChange, Stored, Summary, Timestamp};
use contacts::store::ContactsTable;
use functions::{Action, Call, ContactRef, Error, Input, Invalid, Reply};
use serde::Serialize;

struct SetContactState {
    contact: ContactRef,
    change: StateChange,
}

#[derive(Serialize)]
struct Answer {
    id: ContactId,
    phone: Phone,
    locale: Option<Locale>,
    bot_status: BotStatus,
    archived: bool,
    blocked: bool,
    active_status: bool,
    has_unread_messages: bool,
    contact_summary: Option<Summary>,
    contact_summary_updated_at: Option<Timestamp>,
}

impl Action for SetContactState {
    const NAME: &'static str = "set-contact-state";
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let contact = ContactRef::parse(input);
        let bot_status = input.optional("bot_status");
        let archived = input.boolean("archived");
        let blocked = input.boolean("blocked");
        let active_status = input.boolean("active_status");
        let has_unread_messages = input.boolean("has_unread_messages");
        let summary: Result<Patch<Summary>, Invalid> = input.patch("contact_summary");
        let locale: Result<Patch<Locale>, Invalid> = input.patch("locale");
        let occurred_at = input.required::<EventTime>("occurred_at");
        let change = StateChange {
            occurred_at: occurred_at?.0,
            bot_status: bot_status?,
            archived: archived?,
            blocked: blocked?,
            active_status: active_status?,
            has_unread_messages: has_unread_messages?,
            summary: summary?,
            locale: locale?,
        };
        Ok(SetContactState { contact: contact?, change })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let id = self.contact.id(&call.tenant)?.at(self.change.occurred_at);
        if self.change.is_empty() {
            return Err(Error::Rule("Nothing to set provided"));
        }
        let applied = table.apply(&call.tenant, id, "state", &[], |stored, _| {
            let stored = stored.ok_or(Error::NotFound { digits: None })?;
            let is_outdated = stored.is_deleted_since(self.change.occurred_at);
            match stored {
                Stored::Deleted(_) if is_outdated => Err(Error::Deleted),
                Stored::Deleted(_) => Err(Error::NotFound { digits: None }),
                Stored::Contact(contact) if is_outdated => Ok(Stored::Contact(contact)),
                Stored::Contact(mut contact) => {
                    self.change.apply(&mut contact);
                    Ok(Stored::Contact(contact))
                }
            }
        });
        let (stored, outcome) = applied.await?;
        let contact = stored.into_contact().ok_or(Error::Deleted)?;
        let answer = Answer {
            id: contact.id,
            phone: contact.phone,
            locale: contact.locale,
            bot_status: contact.state.bot_status,
            archived: contact.state.archived,
            blocked: contact.state.blocked,
            active_status: contact.state.active_status,
            has_unread_messages: contact.state.has_unread_messages,
            contact_summary: contact.state.summary,
            contact_summary_updated_at: contact.state.summary_updated_at,
        };
        Ok(Reply::changed(answer, outcome).with_version(contact.version))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_events::<SetContactState>().await
}
