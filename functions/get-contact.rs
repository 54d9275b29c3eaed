//! `POST /api/v1/actions/get-contact`: one contact, with everything that is known of it.
//!
//! | field | | |
//! |---|---|---|
//! | `contact_id` | one of the three | UUID |
//! | `phone` | one of the three | international format, any spelling |
//! | `email` | one of the three | address, in any case |
//!
//! Of several contacts with one address the oldest is meant; an address is known a moment after it
//! was written, id and phone at once. Answers 404 when there is none.

use contacts::access::Tenant;
use contacts::contact::{Contact, ContactId, Email, Locale, Metadata, Name, Phone, Source, Tags};
use contacts::table::Table;
use contacts::time::Timestamp;
use contacts::{Action, Answer, Error, Fields, Flawed};
use serde::Serialize;

struct GetContact {
    contact_id: Option<ContactId>,
    phone: Option<Phone>,
    email: Option<Email>,
}

#[derive(Serialize)]
struct Found {
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
    const CHANGES: bool = false;
    type Answer = Found;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let contact_id = fields.optional("contact_id");
        let phone = fields.optional("phone");
        let email = fields.optional("email");
        Ok(GetContact { contact_id: contact_id?, phone: phone?, email: email? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Found>, Error> {
        let contact = match (self.contact_id, self.phone, self.email) {
            (Some(id), None, None) => table.get(tenant, id).await?,
            (None, Some(phone), None) => table.get(tenant, tenant.contact_id(&phone)).await?,
            (None, None, Some(email)) => oldest(table.with_email(tenant, &email).await?),
            (None, None, None) => return Err(Error::Rule("None of contact_id, phone, email provided")),
            _ => return Err(Error::Rule("Provide exactly one of contact_id, phone, email")),
        };
        let contact = contact.ok_or(Error::NotFound)?;
        Ok(Answer::found(Found {
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
        }))
    }
}

fn oldest(contacts: Vec<Contact>) -> Option<Contact> {
    contacts.into_iter().min_by_key(|contact| (contact.created_at, contact.id))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<GetContact>().await
}
