//! Event `set-contact-state`: how the conversation with a contact stands.
//!
//! | field | | |
//! |---|---|---|
//! | `contact_id` | one of the two | UUID; decides when both are given |
//! | `phone` | one of the two | international format, any spelling |
//! | `bot_status` | | `active` or `paused` |
//! | `archived`, `blocked`, `active_status`, `has_unread_messages` | | `true` or `false` |
//! | `contact_summary` | | what it has been about; `""` clears |
//! | `locale` | | language, for example `pt-BR`; `""` clears |
//! | `at` | required | when this was said: RFC 3339, or seconds since 1970 |
//!
//! Of each field what was said last counts, whenever it arrives; a field left out stays. Fails when
//! there is no such contact.

use contacts::access::Tenant;
use contacts::contact::{BotStatus, Change, ContactId, EventTime, Locale, Patch, Phone, Summary};
use contacts::table::Table;
use contacts::time::Timestamp;
use contacts::{Action, Answer, Error, Fields, Flawed, Who};
use serde::Serialize;

struct SetContactState {
    who: Who,
    change: Change,
}

#[derive(Serialize)]
struct Set {
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
    const CHANGES: bool = true;
    type Answer = Set;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let who = fields.who();
        let bot_status = fields.optional("bot_status");
        let archived = fields.boolean("archived");
        let blocked = fields.boolean("blocked");
        let active_status = fields.boolean("active_status");
        let has_unread_messages = fields.boolean("has_unread_messages");
        let summary: Result<Patch<Summary>, Flawed> = fields.patch("contact_summary");
        let locale: Result<Patch<Locale>, Flawed> = fields.patch("locale");
        let at = fields.required::<EventTime>("at");
        let change = Change {
            at: at?.0,
            bot_status: bot_status?,
            archived: archived?,
            blocked: blocked?,
            active_status: active_status?,
            has_unread_messages: has_unread_messages?,
            summary: summary?,
            locale: locale?,
        };
        Ok(SetContactState { who: who?, change })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Set>, Error> {
        let id = self.who.id(tenant)?;
        if self.change.is_empty() {
            return Err(Error::Rule("Nothing to set provided"));
        }
        let (contact, outcome) = table
            .update(tenant, id, None, |mut contact| {
                self.change.apply(&mut contact);
                Ok(contact)
            })
            .await?;
        let set = Set {
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
        Ok(Answer::changed(set, outcome))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<SetContactState>().await
}
