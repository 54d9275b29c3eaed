//! `update_contact`: changes the given values of a contact. Unlike update-contact, it can change the phone number, which
//! gives the contact another id; the former id leads to it.

use contacts::model::{Contact, ContactId, Email, Locale, Metadata, Name, Patch, Phone, Timestamp};
use contacts::store::ContactsTable;

use super::contact::ContactView;
use crate::action::{Action, Call, Reply};
use crate::error::Error;
use crate::input::{Input, Invalid};

pub(super) struct UpdateContact {
    id: ContactId,
    name: Patch<Name>,
    email: Patch<Email>,
    phone: Option<Phone>,
    locale: Patch<Locale>,
    metadata: Patch<Metadata>,
}

impl Action for UpdateContact {
    const NAME: &'static str = "update_contact";
    type Answer = ContactView;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let id = input.required("id");
        let name = input.patch("name");
        let email = input.patch("email");
        let phone = input.optional("phone");
        let locale = input.patch("locale");
        let metadata = input.metadata("metadata");
        Ok(UpdateContact { id: id?, name: name?, email: email?, phone: phone?, locale: locale?, metadata: metadata? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<ContactView>, Error> {
        let now = Timestamp::now();
        let change = |mut contact: Contact| {
            self.name.apply(&mut contact.name);
            self.email.apply(&mut contact.email);
            contact.set_locale(&self.locale, now);
            if let Some(given) = self.metadata.value() {
                let merged = contact.metadata.merged(given);
                contact.metadata = merged.map_err(|violation| Error::invalid("metadata", violation))?;
            }
            Ok::<_, Error>(contact)
        };
        let written = match &self.phone {
            Some(phone) => table.change_phone(&call.tenant, self.id, phone, change).await?,
            None => table.update(&call.tenant, self.id, None, change).await?,
        };
        Ok(Reply::read(ContactView::written(written)))
    }
}
