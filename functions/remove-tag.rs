//! `POST /api/v1/actions/remove-tag`: takes a tag off a contact, and leaves it the others.
//!
//! | field | | |
//! |---|---|---|
//! | `contact_id` | one of the two | UUID; decides when both are given |
//! | `phone` | one of the two | international format, any spelling |
//! | `tag` | required | one tag, in its own case |
//!
//! Answers 404 when there is no such contact. A tag the contact does not have is no error: the
//! header `X-Contact-Outcome` says that nothing changed. The tag itself stays among the tenant's.

use contacts::access::Tenant;
use contacts::contact::{ContactId, Phone, Tag, Tags};
use contacts::table::Table;
use contacts::{Action, Answer, Error, Fields, Flawed, Who};
use serde::Serialize;

struct RemoveTag {
    who: Who,
    tag: Tag,
}

#[derive(Serialize)]
struct Removed {
    id: ContactId,
    phone: Phone,
    tag_removed: Tag,
    tags: Tags,
}

impl Action for RemoveTag {
    const NAME: &'static str = "remove-tag";
    const CHANGES: bool = true;
    type Answer = Removed;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let who = fields.who();
        let tag = fields.required("tag");
        Ok(RemoveTag { who: who?, tag: tag? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Removed>, Error> {
        let id = self.who.id(tenant)?;
        let (contact, outcome) = table
            .update(tenant, id, None, |mut contact| {
                contact.tags.remove(&self.tag);
                Ok(contact)
            })
            .await?;
        let removed = Removed { id: contact.id, phone: contact.phone, tag_removed: self.tag, tags: contact.tags };
        Ok(Answer::changed(removed, outcome))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<RemoveTag>().await
}
