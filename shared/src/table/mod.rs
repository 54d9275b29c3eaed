//! The table of contacts, and the only module that speaks DynamoDB.
//!
//! Every call takes a [`Tenant`](crate::access::Tenant), which is the partition: no request can
//! reach over it. There is no scan. Contacts are written by one function, `save`, together with
//! everything the indexes know of them.
//!
//! | item | holds |
//! |---|---|
//! | `contact#<id>` | the contact, and its index attributes |
//! | `tag#<label>#<id>` | membership: the contact's search row once more, under a tag |
//! | `tagdef#<tag>` | a tag the tenant has used: id, name, since when |
//! | `event#<kind>#<id>` | that an event was applied: it is not applied again |
//!
//! | index | keys | serves |
//! |---|---|---|
//! | `phone` | tenant / phone | search by the start of a number |
//! | `email` | tenant / address in lower case | get and search by address |
//! | `tag` | (tenant, label) / (active_at, id) | every other search |

mod access;
mod client;
mod fault;
mod items;
mod keys;
mod read;
mod retry;
mod save;
mod search;
mod stream;
mod tags;

pub use access::AccessTable;
pub(crate) use access::{Call, Logged, Room};
pub use client::Client;
pub use save::Outcome;
pub use search::Search;
pub use stream::Change;

/// The contacts of all tenants.
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// The table of that name.
    pub fn new(client: Client, name: String) -> Self {
        Table { client, name }
    }
}
