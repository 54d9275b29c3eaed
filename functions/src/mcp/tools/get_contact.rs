//! `get_contact`: returns one contact, by id, phone number or email address.

use contacts::model::{ContactId, Email, Phone};
use contacts::store::ContactsTable;

use super::contact::ContactView;
use crate::action::{Action, Call, Reply};
use crate::error::Error;
use crate::input::{Input, Invalid};

pub(super) struct GetContact {
    id: Option<ContactId>,
    phone: Option<Phone>,
    email: Option<Email>,
}

impl Action for GetContact {
    const NAME: &'static str = "get_contact";
    type Answer = ContactView;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let id = input.optional("id");
        let phone = input.optional("phone");
        let email = input.optional("email");
        Ok(GetContact { id: id?, phone: phone?, email: email? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<ContactView>, Error> {
        let tenant = &call.tenant;
        let contact = match (self.id, self.phone, self.email) {
            (Some(id), None, None) => table.get(tenant, id).await?,
            (None, Some(phone), None) => table.get(tenant, tenant.contact_id(&phone)).await?,
            (None, None, Some(email)) => table.oldest_with_email(tenant, &email).await?,
            (None, None, None) => return Err(Error::Rule("None of id, phone, email provided")),
            _ => return Err(Error::Rule("Provide exactly one of id, phone, email")),
        };
        let contact = contact.ok_or(Error::NotFound { digits: None })?;
        Ok(Reply::read(ContactView::read(contact)))
    }
}
