//! The store: the contacts table and the access table. The only module that names DynamoDB types,
//! operations or errors.
//!
//! Every function that reads or writes contacts takes a [`Tenant`](crate::model::Tenant), whose id is
//! the partition key, so no request can reach another tenant's items. No Lambda function uses `Scan`: the only one lists
//! tenants for operators, in `access_operators.rs`.
//! Contacts are written by one function, `save` in `save.rs`, together with all their index entries. `tenant_items.rs`
//! deletes all items of a tenant, for operators.
//!
//! This module must not depend on HTTP, event formats or tokens. Start reading at [`ContactsTable`], then `write.rs` (what
//! callers use), `locking.rs` (read, apply, save, and again if another writer was faster) and `save.rs` (one attempt).
//!
//! | item of the contacts table | holds |
//! |---|---|
//! | `contact#<id>` | the contact and its index attributes; or the tombstone of a deleted contact, or the redirect of one whose number was changed, which no index has |
//! | `tag#<label>#<id>` | a membership: the contact's search row under a tag, or under the built-in label `*+` |
//! | `tagdef#<tag>` | an entry of the tag catalogue: id, name, creation time |
//! | `answer#<hash of the call>` | the result of a call with an idempotency key, so that its repetition is answered without an effect (TTL 24 h) |
//! | `event#<kind>#<hash of the id>` | an applied event, so that its redelivery is ignored (TTL 31 days) |
//!
//! | index | keys | used by |
//! |---|---|---|
//! | `phone` | tenant / phone | search by the beginning of a number |
//! | `email` | tenant / (lower-case address, created_at, id) | get and search by email address, oldest contact first |
//! | `tag` | (tenant, label) / (active_at, id) | every search except by email address |

mod access_operators;
mod access_table;
mod access_usage;
mod batch;
mod change_phone;
mod client;
mod contact_change;
mod contacts_table;
mod delete;
mod earlier;
mod error;
mod items;
mod keys;
mod locking;
mod once;
mod outcome;
mod pages;
mod prefetch;
mod query;
mod read;
mod redirect;
mod repeat;
mod retry;
mod save;
mod seal;
mod search;
mod search_request;
mod snapshot;
mod tags;
mod tenant_items;
mod transaction;
mod units;
mod verification;
mod write;

pub(crate) use access_operators::{Changes, Created};
pub use access_table::AccessTable;
pub(crate) use access_table::{CallRecord, RecordedCall, Slot};
pub use client::Client;
pub use contact_change::{ChangedItem, ContactChange, Moved};
pub use contacts_table::{ContactsTable, WritePermit};
pub use delete::Deletion;
pub use error::Error;
pub use once::Once;
pub use outcome::Outcome;
pub use pages::Page;
pub use prefetch::Basis;
pub use search_request::{Search, SearchPage, TagPage, TagSearch, Window};
pub use tenant_items::{PAGE, TenantItems};
pub use units::ConsumedUnits;
pub use verification::{Counts, Finding, FindingKind, Pace, Place, Repair, TableSize, Verification};
