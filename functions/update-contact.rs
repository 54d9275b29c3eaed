//! `POST /api/v1/actions/update-contact`: changes what is given of a contact, and nothing else.
//!
//! | field | | |
//! |---|---|---|
//! | `contact_id` | one of the two | UUID; decides when both are given |
//! | `phone` | one of the two | international format, any spelling; never written |
//! | `name` | | `""` clears |
//! | `email` | | `""` clears |
//! | `tags` | | comma-separated; replaces the list, `""` clears it |
//! | `metadata` | | object; its keys are written over the stored ones, whole values |
//!
//! Answers 404 when there is no such contact. A call that changes nothing leaves `updated_at`
//! alone; the header `X-Contact-Outcome` says whether it did.

use contacts::access::Tenant;
use contacts::contact::{ContactId, Email, Metadata, Name, Patch, Phone, Tags};
use contacts::table::Table;
use contacts::time::Timestamp;
use contacts::{Action, Answer, Error, Fields, Flawed, Who};
use serde::Serialize;

struct UpdateContact {
    who: Who,
    name: Patch<Name>,
    email: Patch<Email>,
    tags: Patch<Tags>,
    metadata: Patch<Metadata>,
}

#[derive(Serialize)]
struct Updated {
    id: ContactId,
    phone: Phone,
    name: Option<Name>,
    email: Option<Email>,
    tags: Tags,
    updated_at: Timestamp,
}

impl Action for UpdateContact {
    const NAME: &'static str = "update-contact";
    const CHANGES: bool = true;
    type Answer = Updated;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let who = fields.who();
        let name = fields.patch("name");
        let email = fields.patch("email");
        let tags = fields.patch("tags");
        let metadata = fields.metadata("metadata");
        Ok(UpdateContact { who: who?, name: name?, email: email?, tags: tags?, metadata: metadata? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Updated>, Error> {
        let id = self.who.id(tenant)?;
        let (contact, outcome) = table
            .update(tenant, id, self.tags.value(), |mut contact| {
                self.name.apply(&mut contact.name);
                self.email.apply(&mut contact.email);
                self.tags.apply_or_default(&mut contact.tags);
                if let Some(given) = self.metadata.value() {
                    let merged = contact.metadata.merged(given);
                    contact.metadata = merged.map_err(|flaw| Error::invalid("metadata", flaw))?;
                }
                Ok(contact)
            })
            .await?;
        let updated = Updated {
            id: contact.id,
            phone: contact.phone,
            name: contact.name,
            email: contact.email,
            tags: contact.tags,
            updated_at: contact.updated_at,
        };
        Ok(Answer::changed(updated, outcome))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<UpdateContact>().await
}
