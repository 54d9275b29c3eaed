//! Finding the one contact that a request is about to read.

use contacts::model::{Contact, ContactId, ContactKey, Email, Phone, Tenant};
use contacts::store::ContactsTable;

use crate::error::Error;
use crate::input::{Input, Invalid};

/// A contact, referred to by id, phone number, email address, or several of them. It is found by the first that is given,
/// in this order, and has to have the others.
#[derive(Debug)]
pub struct ContactLookup {
    id: Option<ContactId>,
    phone: Option<Phone>,
    email: Option<Email>,
}

/// The texts of the errors, which name the fields as the caller knows them.
#[derive(Debug, Clone, Copy)]
pub struct LookupErrors {
    /// No field was given.
    pub none: &'static str,
    /// The fields are those of different contacts.
    pub different: &'static str,
}

impl ContactLookup {
    /// Reads the id from this field, and `phone` and `email`.
    ///
    /// # Errors
    /// [`Invalid`], recorded in `input`.
    pub fn parse(input: &mut Input, id: &'static str) -> Result<Self, Invalid> {
        let id = input.optional(id);
        let phone = input.optional("phone");
        let email = input.optional("email");
        Ok(ContactLookup { id: id?, phone: phone?, email: email? })
    }

    /// The contact. By email address alone it is the oldest contact with the address.
    ///
    /// Cost: one GetItem; by email address alone a Query before it.
    ///
    /// # Errors
    /// [`Error::NoKey`] if no field was given; [`Error::NotFound`]; [`Error::Rule`] if the fields are those of different
    /// contacts; [`Error::Store`].
    pub async fn find(&self, table: &ContactsTable, tenant: &Tenant, errors: LookupErrors) -> Result<Contact, Error> {
        let contact = match (self.id, &self.phone, &self.email) {
            (Some(id), ..) => table.get(tenant, id).await?,
            (None, Some(phone), _) => table.get(tenant, ContactKey::Number(tenant.contact_id(phone))).await?,
            (None, None, Some(email)) => table.oldest_with_email(tenant, email).await?,
            (None, None, None) => return Err(Error::NoKey(errors.none)),
        };
        let contact = contact.ok_or(Error::NotFound { digits: None })?;
        let is_its_phone = |phone: &Phone| phone.canonical() == contact.phone.canonical();
        let is_its_email = |email: &Email| contact.email.as_ref().is_some_and(|stored| stored.same_as(email));
        if !self.phone.as_ref().is_none_or(is_its_phone) || !self.email.as_ref().is_none_or(is_its_email) {
            return Err(Error::Rule(errors.different));
        }
        Ok(contact)
    }
}
