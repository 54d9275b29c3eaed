//! Tenants.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::id::ContactId;
use super::phone::Phone;
use super::tag::Tag;

/// A tenant on whose behalf a call runs.
///
/// Every function of the [store](crate::store) that reads or writes contacts takes one. Only
/// [`access`](crate::access) creates one, for a valid token or for the tenant id in an event whose sender IAM authorises;
/// other crates cannot construct it or deserialize it from a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Tenant(Arc<TenantRecord>);

/// The id of a tenant: the partition key of its items, and the id that clients see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TenantId(Uuid);

/// The stored description of a tenant. It does not authorise anything: the store requires a [`Tenant`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Random; never changes.
    pub id: TenantId,
    /// Display name.
    pub name: String,
    /// The name used in URLs (FlowIQ's `tenantId`).
    pub slug: String,
    /// The namespace from which contact ids are derived. Secret: whoever knows it can compute the ids
    /// of all phone numbers, and so find the number behind an id.
    namespace: Uuid,
}

impl TenantRecord {
    /// A new tenant with a random id and a random namespace.
    pub fn new(name: &str, slug: &str) -> Self {
        TenantRecord {
            id: TenantId(Uuid::new_v4()),
            name: name.to_owned(),
            slug: slug.to_owned(),
            namespace: Uuid::new_v4(),
        }
    }

    /// Whether both derive the same contact ids.
    pub(crate) fn same_namespace(&self, other: &TenantRecord) -> bool {
        self.namespace == other.namespace
    }
}

impl Tenant {
    /// The tenant of a valid token, or of the id in an event. Only `access` may call this.
    pub(crate) fn authenticated(record: TenantRecord) -> Self {
        Tenant(Arc::new(record))
    }

    /// The tenant's id.
    pub fn id(&self) -> TenantId {
        self.0.id
    }

    /// The display name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The name used in URLs.
    pub fn slug(&self) -> &str {
        &self.0.slug
    }

    /// The id that a contact with `phone` has in this tenant. The contact need not exist.
    pub fn contact_id(&self, phone: &Phone) -> ContactId {
        ContactId::derive(&self.0.namespace, phone)
    }

    /// The id that `tag` has in this tenant's tag catalogue. The tag need not exist.
    pub fn tag_id(&self, tag: &Tag) -> Uuid {
        // Contact ids are derived from digits; the prefix keeps the two kinds of id distinct.
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
    /// Parses the hyphenated form. An id does not authorise anything: the store requires a
    /// [`Tenant`].
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == 36 { Uuid::try_parse(text).ok().map(TenantId) } else { None }
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}
