//! Tenants.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cursor::CursorKey;
use super::event::EventId;
use super::id::ContactId;
use super::phone::Phone;
use super::slug::Slug;
use super::tag::Tag;
use super::time::Timestamp;

/// A tenant on whose behalf a call runs.
///
/// Every function of the [store](crate::store) that reads or writes contacts takes one. Only
/// [`access`](crate::access) creates one, for a valid token or for the tenant id in an event whose sender IAM authorises;
/// other crates cannot construct it or deserialize it from a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Tenant(Arc<StoredTenant>);

/// The id of a tenant: the partition key of its items, and the id that clients see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TenantId(Uuid);

/// What operators see of a tenant. It does not authorise anything: the store requires a [`Tenant`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Random; never changes.
    #[serde(rename = "tenant_id")]
    pub id: TenantId,
    /// Display name.
    pub name: String,
    /// The name used in URLs (FlowIQ's `tenantId`), unique among all tenants.
    pub slug: Slug,
    /// When the tenant was created.
    pub created_at: Timestamp,
    /// The rate limit in calls per 60 s of each of the tenant's tokens that has none of its own: 0 means unlimited,
    /// at most 1,000. `None` uses the template's parameter `RateLimit`.
    pub rate_limit: Option<u32>,
    /// When its deletion began; `None` unless it is being deleted. Its tokens and events are refused from then on.
    pub deleting_since: Option<Timestamp>,
}

/// What the tenant's item holds: the record and the secret namespace. The namespace is generated here and has no
/// accessor, so that it cannot be chosen, changed or shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredTenant {
    #[serde(flatten)]
    pub(crate) record: TenantRecord,
    /// The namespace from which contact ids are derived. Secret: with it, the ids of all phone
    /// numbers can be computed, and so the number behind an id be found.
    namespace: Uuid,
}

impl StoredTenant {
    /// A new tenant with a random id and a random namespace.
    pub(crate) fn new(name: &str, slug: Slug, rate_limit: Option<u32>) -> Self {
        let id = TenantId(Uuid::new_v4());
        let record = TenantRecord {
            id,
            name: name.to_owned(),
            slug,
            created_at: Timestamp::now(),
            rate_limit,
            deleting_since: None,
        };
        StoredTenant { record, namespace: Uuid::new_v4() }
    }
}

impl Tenant {
    /// The tenant of a valid token, or of the id in an event. Only `access` may call this.
    pub(crate) fn authenticated(tenant: StoredTenant) -> Self {
        Tenant(Arc::new(tenant))
    }

    /// The tenant's id.
    pub fn id(&self) -> TenantId {
        self.0.record.id
    }

    /// The display name.
    pub fn name(&self) -> &str {
        &self.0.record.name
    }

    /// The name used in URLs.
    pub fn slug(&self) -> &str {
        self.0.record.slug.as_str()
    }

    /// The rate limit of the tenant's tokens that have none of their own.
    pub(crate) fn rate_limit(&self) -> Option<u32> {
        self.0.record.rate_limit
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

    /// What stands for a call with an idempotency key, and for a request's body, where results of calls are stored: hashes
    /// that cannot be computed without the namespace. `token` is the digest of the caller's token.
    pub(crate) fn call_ids(&self, token: &str, function: &str, key: &str, body: &[u8]) -> (Uuid, Uuid) {
        let call = Uuid::new_v5(&self.0.namespace, format!("call#{token}#{function}#{key}").as_bytes());
        (call, Uuid::new_v5(&self.0.namespace, &[b"body#", body].concat()))
    }

    /// The key of the cursors of a list of this tenant: see [`CursorKey::derive`].
    pub(crate) fn cursor_key(&self, list: &str, filters: &[Option<&str>]) -> CursorKey {
        CursorKey::derive(&self.0.namespace, list, filters)
    }

    /// What stands for an event id where events are recorded: a hash that cannot be computed without the namespace.
    pub(crate) fn event_id(&self, kind: &str, id: &EventId) -> Uuid {
        Uuid::new_v5(&self.0.namespace, format!("event#{kind}#{}", id.as_str()).as_bytes())
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant({})", self.0.record.id)
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
