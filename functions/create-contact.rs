//! `POST /api/v1/actions/create-contact`: makes a contact, or changes the one with that phone.
//!
//! | field | | |
//! |---|---|---|
//! | `phone` | required | international format, any spelling |
//! | `name` | | display name |
//! | `email` | | address |
//! | `tags` | | comma-separated: `"vip, fr-FR"` |
//! | `metadata` | | object, at most 64 KiB |
//!
//! Answers 201 either way; the header `X-Contact-Outcome` says which it was. A field that is given
//! replaces the stored one, metadata and the list of tags as a whole, and `""` empties it; a field
//! left out keeps what is stored. Two calls with one phone never make two contacts.

use contacts::access::Tenant;
use contacts::contact::{Contact, ContactId, Email, Metadata, Name, Patch, Phone, Source, Tags};
use contacts::table::Table;
use contacts::time::Timestamp;
use contacts::{Action, Answer, Error, Fields, Flawed};
use serde::Serialize;

struct CreateContact {
    phone: Phone,
    name: Patch<Name>,
    email: Patch<Email>,
    tags: Patch<Tags>,
    metadata: Patch<Metadata>,
}

#[derive(Serialize)]
struct Created {
    id: ContactId,
    phone: Phone,
    name: Option<Name>,
    email: Option<Email>,
    tags: Tags,
    created_at: Timestamp,
}

impl Action for CreateContact {
    const NAME: &'static str = "create-contact";
    const CHANGES: bool = true;
    type Answer = Created;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let phone = fields.required("phone");
        let name = fields.patch("name");
        let email = fields.patch("email");
        let tags = fields.patch("tags");
        let metadata = fields.metadata("metadata");
        Ok(CreateContact { phone: phone?, name: name?, email: email?, tags: tags?, metadata: metadata? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Created>, Error> {
        let id = tenant.contact_id(&self.phone);
        let now = Timestamp::now();
        let (contact, outcome) = table
            .upsert(tenant, id, self.tags.value(), |stored| {
                let new = || Contact::new(id, self.phone.clone(), Source::Api, now);
                let mut contact = stored.unwrap_or_else(new);
                self.name.apply(&mut contact.name);
                self.email.apply(&mut contact.email);
                self.tags.apply_or_default(&mut contact.tags);
                self.metadata.apply_or_default(&mut contact.metadata);
                Ok(contact)
            })
            .await?;
        let created = Created {
            id: contact.id,
            phone: contact.phone,
            name: contact.name,
            email: contact.email,
            tags: contact.tags,
            created_at: contact.created_at,
        };
        Ok(Answer::upserted(created, outcome))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<CreateContact>().await
}
