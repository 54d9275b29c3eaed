//! `get_contact`: returns one contact, by id, phone number or email address.

use contacts::store::ContactsTable;

use super::contact::ContactView;
use crate::action::{Action, Call, Reply};
use crate::contact_lookup::{ContactLookup, LookupErrors};
use crate::error::Error;
use crate::input::{Input, Invalid};

pub(super) struct GetContact(ContactLookup);

const ERRORS: LookupErrors = LookupErrors {
    none: "None of id, phone, email provided",
    different: "id, phone and email name different contacts",
};

impl Action for GetContact {
    const NAME: &'static str = "get_contact";
    type Answer = ContactView;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        ContactLookup::parse(input, "id").map(GetContact)
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<ContactView>, Error> {
        Ok(Reply::read(ContactView::read(self.0.find(table, &call.tenant, ERRORS).await?)))
    }
}
