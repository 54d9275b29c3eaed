//! Tenants.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::contact::{ContactId, Phone, Tag};

/// A tenant: whose contacts a call is about.
///
/// Every call of the table takes one, and only [`access`](crate::access) produces one: for a token that
/// was granted, or for an event of a service that may send them. It can't be made, and not be read
/// from anything that comes over HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct Tenant(TenantRecord);

/// A tenant's id, as it stands in keys and in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TenantId(Uuid);

/// What is kept of a tenant. Describes one; to act for it takes a [`Tenant`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Random, never changes.
    pub id: TenantId,
    /// The name people know it by.
    pub name: String,
    /// The name it has in URLs.
    pub slug: String,
    /// What ids of contacts are derived with. Secret: with it they could be computed from phone
    /// numbers, and the numbers found by trying them all.
    namespace: Uuid,
}

impl TenantRecord {
    /// A new tenant, with an id and a namespace of its own.
    pub fn new(name: &str, slug: &str) -> Self {
        TenantRecord {
            id: TenantId(Uuid::new_v4()),
            name: name.to_owned(),
            slug: slug.to_owned(),
            namespace: Uuid::new_v4(),
        }
    }

    /// Whether ids are derived alike.
    pub(super) fn same_namespace(&self, other: &TenantRecord) -> bool {
        self.namespace == other.namespace
    }
}

impl Tenant {
    /// The tenant a token was granted for, or an event names.
    pub(super) fn granted(record: TenantRecord) -> Self {
        Tenant(record)
    }

    /// The tenant's id.
    pub fn id(&self) -> TenantId {
        self.0.id
    }

    /// The name people know it by.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The name it has in URLs.
    pub fn slug(&self) -> &str {
        &self.0.slug
    }

    /// The id of the contact behind `phone`, whether there is one or not.
    pub fn contact_id(&self, phone: &Phone) -> ContactId {
        ContactId::derive(&self.0.namespace, phone)
    }

    /// The id of the definition of `tag`, whether there is one or not.
    pub(crate) fn tag_id(&self, tag: &Tag) -> Uuid {
        // Contacts are digits; the prefix keeps the two apart.
        Uuid::new_v5(&self.0.namespace, format!("tag#{}", tag.as_str()).as_bytes())
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant({})", self.0.id)
    }
}

impl fmt::Debug for TenantRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantRecord({})", self.id)
    }
}

impl TenantId {
    /// Reads the hyphenated form. Describes a tenant; to act for it takes a [`Tenant`].
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() == 36 { Uuid::try_parse(text).ok().map(TenantId) } else { None }
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}
