//! The reference to a contact in a request.

use contacts::model::{ContactId, ContactKey, Phone, Tenant};

use crate::error::Error;
use crate::input::{Input, Invalid};

/// A contact, referred to by id or by phone number. The id takes precedence if both are given.
#[derive(Debug)]
pub struct ContactRef {
    contact_id: Option<ContactId>,
    phone: Option<Phone>,
}

impl ContactRef {
    /// Reads the fields `contact_id` and `phone`.
    ///
    /// # Errors
    /// [`Invalid`], recorded in `input`.
    pub fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let contact_id = input.optional("contact_id");
        let phone = input.optional("phone");
        Ok(ContactRef { contact_id: contact_id?, phone: phone? })
    }

    /// The key by which the store finds the contact. The contact need not exist.
    ///
    /// # Errors
    /// [`Error::NoKey`] if neither field was given.
    pub fn id(&self, tenant: &Tenant) -> Result<ContactKey, Error> {
        match (self.contact_id, &self.phone) {
            (Some(id), _) => Ok(ContactKey::Id(id)),
            (None, Some(phone)) => Ok(ContactKey::Number(tenant.contact_id(phone))),
            (None, None) => Err(Error::NoKey("Neither contact_id nor phone provided")),
        }
    }

    /// The phone number of the contact to create, if it does not exist. `None` if the contact is referred
    /// to by id.
    pub fn phone_to_create(&self) -> Option<&Phone> {
        if self.contact_id.is_none() { self.phone.as_ref() } else { None }
    }
}
