//! The contacts table.

use super::client::Client;

/// The table that holds the contacts of all tenants.
///
/// Reading is in `read.rs`, `search.rs` and `tags.rs`, writing in `save.rs`.
pub struct ContactsTable {
    pub(super) client: Client,
    pub(super) name: String,
}

impl ContactsTable {
    /// The table with this name.
    pub fn new(client: Client, name: String) -> Self {
        ContactsTable { client, name }
    }
}
