//! The contacts table.

use std::sync::Arc;

use tokio::sync::SetOnce;

use super::client::Client;
use super::once::Once;

/// The table that holds the contacts of all tenants.
///
/// Reading is in `read.rs`, `search.rs` and `tags.rs`, writing in `write.rs` and `delete.rs`.
pub struct ContactsTable {
    pub(super) client: Client,
    pub(super) name: String,
    permission: Option<Arc<SetOnce<()>>>,
    /// The idempotency key of the call.
    pub(super) once: Option<Once>,
}

/// Permission for the writes of a [`ContactsTable`]. If it is dropped without [`allow`](WritePermit::allow), waiting
/// writes never finish.
pub struct WritePermit(Arc<SetOnce<()>>);

impl ContactsTable {
    /// The table with this name.
    pub fn new(client: Client, name: String) -> Self {
        ContactsTable { client, name, permission: None, once: None }
    }

    /// The same table for one call: reads start at once, writes wait until the permit allows them. So a call
    /// reads while its rate-limit check is still running.
    pub fn with_held_writes(&self) -> (Self, WritePermit) {
        let permission = Arc::new(SetOnce::new());
        let table = ContactsTable { permission: Some(Arc::clone(&permission)), ..self.with_once(self.once.clone()) };
        (table, WritePermit(permission))
    }

    /// The same table for the same call, with this idempotency key.
    pub(super) fn with_once(&self, once: Option<Once>) -> Self {
        let (client, name) = (self.client.clone(), self.name.clone());
        ContactsTable { client, name, permission: self.permission.clone(), once }
    }

    /// Waits until writes are permitted.
    pub(super) async fn permission_to_write(&self) {
        if let Some(permission) = &self.permission {
            permission.wait().await;
        }
    }
}

impl WritePermit {
    /// Lets the writes proceed, those that are waiting and later ones.
    pub fn allow(self) {
        // It fails only if the permission has been granted before, which consumed the permit.
        let _ = self.0.set(());
    }
}
