//! `POST /api/v1/actions/add-tag`: puts a tag on a contact, beside those it has.
//!
//! | field | | |
//! |---|---|---|
//! | `contact_id` | one of the two | UUID; decides when both are given |
//! | `phone` | one of the two | international format, any spelling |
//! | `tag` | required | one tag, without a comma; need not have been used before |
//!
//! Answers 404 when there is no such contact. A tag the contact has already stays where it is, and
//! the header `X-Contact-Outcome` says that nothing changed. However many tags are added at the
//! same moment, all are there afterwards.

use contacts::access::Tenant;
use contacts::contact::{ContactId, Phone, Tag, Tags};
use contacts::table::Table;
use contacts::{Action, Answer, Error, Fields, Flawed, Who};
use serde::Serialize;

struct AddTag {
    who: Who,
    tag: Tag,
}

#[derive(Serialize)]
struct Added {
    id: ContactId,
    phone: Phone,
    tag_added: Tag,
    tags: Tags,
}

impl Action for AddTag {
    const NAME: &'static str = "add-tag";
    const CHANGES: bool = true;
    type Answer = Added;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let who = fields.who();
        let tag = fields.required("tag");
        Ok(AddTag { who: who?, tag: tag? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Added>, Error> {
        let id = self.who.id(tenant)?;
        let (contact, outcome) = table
            .update(tenant, id, Some(&self.tag.clone().into()), |mut contact| {
                contact.tags.add(&self.tag).map_err(|_| Error::Rule("A contact can have at most 45 tags."))?;
                Ok(contact)
            })
            .await?;
        let added = Added { id: contact.id, phone: contact.phone, tag_added: self.tag, tags: contact.tags };
        Ok(Answer::changed(added, outcome))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<AddTag>().await
}
