//! The values of a contact that is created, or changed if its number exists (upsert).

use contacts::model::{
    Contact, ContactId, Email, Locale, Metadata, Name, Patch, Phone, Source, Tags, Tenant, Timestamp,
};
use contacts::store::{Basis, ContactsTable, Outcome};
use serde::Serialize;

use crate::conditions::Conditions;
use crate::error::Error;
use crate::input::{Input, Invalid};

/// What a request says about the contact with a phone number. Fields that were left out keep their stored values.
#[derive(Debug, Clone)]
pub struct ContactFields {
    /// The number, which decides which contact it is. The spelling that is stored already stays.
    pub phone: Phone,
    /// Replaces the stored name.
    pub name: Patch<Name>,
    /// Replaces the stored address.
    pub email: Patch<Email>,
    /// Replaces the whole list.
    pub tags: Patch<Tags>,
    /// Replaces the whole object.
    pub metadata: Patch<Metadata>,
    /// Replaces the stored language.
    pub locale: Patch<Locale>,
    /// Where a new contact comes from. That of an existing contact never changes.
    pub source: Source,
}

/// A contact as `create-contact` answers it.
#[derive(Debug, Serialize)]
pub struct CreatedContact {
    id: ContactId,
    phone: Phone,
    name: Option<Name>,
    email: Option<Email>,
    tags: Tags,
    created_at: Timestamp,
}

impl From<Contact> for CreatedContact {
    fn from(contact: Contact) -> Self {
        CreatedContact {
            id: contact.id,
            phone: contact.phone,
            name: contact.name,
            email: contact.email,
            tags: contact.tags,
            created_at: contact.created_at,
        }
    }
}

impl ContactFields {
    /// Reads `phone`, `name`, `email`, `tags` and `metadata`, as create-contact takes them.
    ///
    /// # Errors
    /// [`Invalid`], recorded in `input`.
    pub fn parse(input: &mut Input) -> Result<Self, Invalid> {
        Self::parse_with(input, |input| input.patch_unless_null("tags"))
    }

    /// As [`parse`](ContactFields::parse), with tags in another form than a comma-separated string.
    ///
    /// # Errors
    /// [`Invalid`], recorded in `input`.
    pub fn parse_with(
        input: &mut Input,
        tags: impl FnOnce(&mut Input) -> Result<Patch<Tags>, Invalid>,
    ) -> Result<Self, Invalid> {
        let phone = input.required("phone");
        // Clients send `null` and an empty object for what they do not know, which must not erase what is stored.
        let name = input.patch_unless_null("name");
        let email = input.patch_unless_null("email");
        let tags = tags(input);
        let metadata = input.metadata_unless_empty("metadata");
        Ok(ContactFields {
            phone: phone?,
            name: name?,
            email: email?,
            tags: tags?,
            metadata: metadata?,
            locale: Patch::Keep,
            source: Source::Api,
        })
    }

    /// The id of the contact. The contact need not exist.
    pub fn id(&self, tenant: &Tenant) -> ContactId {
        tenant.contact_id(&self.phone)
    }

    /// Creates or changes the contact, if the conditions are met. Idempotent.
    ///
    /// Cost: that of [`ContactsTable::upsert`].
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`], [`Error::Store`].
    pub async fn upsert(
        &self,
        table: &ContactsTable,
        tenant: &Tenant,
        conditions: &Conditions,
    ) -> Result<(Contact, Outcome), Error> {
        self.upsert_on(table, tenant, conditions, None).await
    }

    /// As [`upsert`](ContactFields::upsert), based on what was read before, if it was.
    ///
    /// # Errors
    /// As [`upsert`](ContactFields::upsert).
    pub async fn upsert_on(
        &self,
        table: &ContactsTable,
        tenant: &Tenant,
        conditions: &Conditions,
        basis: Option<Basis>,
    ) -> Result<(Contact, Outcome), Error> {
        let id = self.id(tenant);
        let now = Timestamp::now();
        let rule = |stored: Option<Contact>| {
            conditions.check(stored.as_ref().map(|stored| stored.version))?;
            Ok::<_, Error>(self.applied_to(stored, id, now))
        };
        table.upsert_on(tenant, id, self.tags.value(), basis, rule).await
    }

    /// The contact after the request, for what is stored.
    fn applied_to(&self, stored: Option<Contact>, id: ContactId, now: Timestamp) -> Contact {
        let mut contact = stored.unwrap_or_else(|| Contact::new(id, self.phone.clone(), self.source, now));
        self.name.apply(&mut contact.name);
        self.email.apply(&mut contact.email);
        self.tags.apply_or_default(&mut contact.tags);
        self.metadata.apply_or_default(&mut contact.metadata);
        contact.set_locale(&self.locale, now);
        contact
    }
}
