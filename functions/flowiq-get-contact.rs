//! `GET /contact`: one contact, as FlowIQ shows it.
//!
//! | parameter | | |
//! |---|---|---|
//! | `tenantId` | required | slug of the organisation the key belongs to |
//! | `whatsapp_id` | one of the two | number; decides when both are given |
//! | `phone_number` | one of the two | number |
//!
//! A number may come with or without its `+` in either, and in any of WhatsApp's spellings. Answers
//! 404 when nobody has it, and when it is no number.

use std::str::FromStr;

use contacts::access::{Tenant, TenantId};
use contacts::contact::{BotStatus, ContactId, Email, Flaw, Name, Phone, Source, Summary, Tags};
use contacts::table::Table;
use contacts::time::Zulu;
use contacts::{Action, Answer, Dialect, Error, Fields, Flawed};
use serde::Serialize;

struct GetContact {
    whatsapp_id: Option<Number>,
    phone_number: Option<Number>,
}

/// What is asked for as a number. Any text may be; one that is no number is nobody's.
struct Number {
    phone: Option<Phone>,
    digits: String,
}

#[derive(Serialize)]
struct Found {
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

/// Not known of anybody.
#[derive(Serialize)]
struct Location {}

impl FromStr for Number {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let phone = Phone::from_whatsapp(text).ok();
        let typed = || text.chars().filter(char::is_ascii_digit).collect();
        let digits = phone.as_ref().map_or_else(typed, |phone| phone.digits().to_owned());
        Ok(Number { phone, digits })
    }
}

impl Action for GetContact {
    const NAME: &'static str = "flowiq-get-contact";
    const DIALECT: Dialect = Dialect::FlowIq;
    const CHANGES: bool = false;
    type Answer = Found;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let whatsapp_id = fields.optional("whatsapp_id");
        let phone_number = fields.optional("phone_number");
        Ok(GetContact { whatsapp_id: whatsapp_id?, phone_number: phone_number? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Found>, Error> {
        let Some(number) = self.whatsapp_id.or(self.phone_number) else {
            return Err(Error::Missing {
                what: "Phone number is required",
                hint: "Please provide phone_number or whatsapp_id",
            });
        };
        let contact = match number.phone {
            Some(phone) => table.get(tenant, tenant.contact_id(&phone)).await?,
            None => None,
        };
        let contact = contact.ok_or(Error::NobodyAt(number.digits))?;
        let allow_broadcast = contact.allows_broadcast();
        let contact = FoundContact {
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
        Ok(Answer::found(Found { success: true, contact }))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<GetContact>().await
}
