//! Which contact a call is about.

use super::{Fields, Flawed};
use crate::access::Tenant;
use crate::contact::{ContactId, Phone};
use crate::error::Error;

/// A contact by id or by phone; the id decides when both are given.
#[derive(Debug)]
pub struct Who {
    /// The id that was given.
    pub contact_id: Option<ContactId>,
    /// The phone that was given.
    pub phone: Option<Phone>,
}

impl Who {
    /// The id of the contact, whether there is one or not.
    ///
    /// # Errors
    /// [`Error::Rule`] when neither was given.
    pub fn id(&self, tenant: &Tenant) -> Result<ContactId, Error> {
        match (self.contact_id, &self.phone) {
            (Some(id), _) => Ok(id),
            (None, Some(phone)) => Ok(tenant.contact_id(phone)),
            (None, None) => Err(Error::Rule("Neither contact_id nor phone provided")),
        }
    }

    /// The phone, where it decides: then a contact can be made.
    pub fn new_phone(&self) -> Option<&Phone> {
        if self.contact_id.is_none() { self.phone.as_ref() } else { None }
    }
}

impl Fields {
    /// The fields `contact_id` and `phone`.
    ///
    /// # Errors
    /// [`Flawed`], noted.
    pub fn who(&mut self) -> Result<Who, Flawed> {
        let contact_id = self.optional("contact_id");
        let phone = self.optional("phone");
        Ok(Who { contact_id: contact_id?, phone: phone? })
    }
}
