//! `create_contact`: creates a contact, or changes the one with the same phone number, as create-contact does.

use contacts::store::ContactsTable;

use super::arguments::new_contact;
use super::contact::ContactView;
use crate::action::{Action, Call, Reply};
use crate::conditions::Conditions;
use crate::contact_fields::ContactFields;
use crate::error::Error;
use crate::input::{Input, Invalid};

pub(super) struct CreateContact(ContactFields);

impl Action for CreateContact {
    const NAME: &'static str = "create_contact";
    type Answer = ContactView;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        new_contact(input).map(CreateContact)
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<ContactView>, Error> {
        Ok(Reply::read(ContactView::written(self.0.upsert(table, &call.tenant, &Conditions::default()).await?)))
    }
}
