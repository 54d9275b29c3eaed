//! `POST /contact`: makes a contact, as FlowIQ does: only where there is none yet.
//!
//! | parameter | | |
//! |---|---|---|
//! | `tenantId` | required, in the query | slug of the organisation the key belongs to |
//!
//! | field | | |
//! |---|---|---|
//! | `phone_number` | required | number with country code, at least 10 digits, with or without `+` |
//! | `name` | | display name |
//! | `email` | | address |
//! | `tags` | | comma-separated: `"customer,premium"` |
//!
//! Answers 201, or 409 when somebody has the number, in any of WhatsApp's spellings; then nothing
//! of them changes.

use std::str::FromStr;

use contacts::access::{Tenant, TenantId};
use contacts::contact::{Contact, ContactId, Email, Flaw, Name, Phone, Source, Tags};
use contacts::table::Table;
use contacts::time::{Timestamp, Zulu};
use contacts::{Action, Answer, Dialect, Error, Fields, Flawed};
use serde::Serialize;

struct CreateContact {
    phone_number: WithCountryCode,
    name: Option<Name>,
    email: Option<Email>,
    tags: Option<Tags>,
}

/// A number of at least ten digits, with or without its `+`.
struct WithCountryCode(Phone);

#[derive(Serialize)]
struct Created {
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

impl FromStr for WithCountryCode {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        match Phone::from_whatsapp(text) {
            Ok(phone) if phone.digits().len() >= 10 => Ok(WithCountryCode(phone)),
            Ok(_) | Err(Flaw::NotPhone) => Err(Flaw::NotFullNumber),
            Err(flaw) => Err(flaw),
        }
    }
}

impl Action for CreateContact {
    const NAME: &'static str = "flowiq-create-contact";
    const DIALECT: Dialect = Dialect::FlowIq;
    const CHANGES: bool = true;
    type Answer = Created;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let phone_number = fields.required("phone_number");
        let name = fields.optional("name");
        let email = fields.optional("email");
        let tags = fields.optional("tags");
        Ok(CreateContact { phone_number: phone_number?, name: name?, email: email?, tags: tags? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Created>, Error> {
        let WithCountryCode(phone) = self.phone_number;
        let id = tenant.contact_id(&phone);
        let mut new = Contact::new(id, phone, Source::Api, Timestamp::now());
        new.name = self.name;
        new.email = self.email;
        new.tags = self.tags.unwrap_or_default();
        let (contact, outcome) = table
            .upsert(tenant, id, Some(&new.tags), |stored| match stored {
                None => Ok(new.clone()),
                Some(_) => Err(Error::SomebodyAt(new.phone.digits().to_owned())),
            })
            .await?;
        let created = CreatedContact {
            id: contact.id,
            full_name: contact.name,
            whatsapp_id: contact.phone.digits().to_owned(),
            phone_number: contact.phone,
            email: contact.email,
            tags: contact.tags,
            organization_id: tenant.id(),
            created_at: Zulu(contact.created_at),
        };
        let created = Created { success: true, message: "Contact created successfully", contact: created };
        Ok(Answer::upserted(created, outcome))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<CreateContact>().await
}
