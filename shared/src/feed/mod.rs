//! The change feed: what has happened to contacts, for other services to act on.
//!
//! | event | when | says |
//! |---|---|---|
//! | `contact.created` | there is one more | |
//! | `contact.updated` | something a client can see is another | the names of the fields |
//! | `contact.tagged`, `contact.untagged` | a tag is on it, or off it | the tag's id |
//! | `contact.opted_in`, `contact.opted_out` | the person wants to be written to, or not | |
//! | `contact.deleted` | it is gone | |
//!
//! Every event says tenant, contact, version and time, and has an id that stays the same however
//! often it is published. It says nothing personal; asked to, the contact as it is now, or the tag.

mod bus;
mod event;

pub use bus::Bus;
pub use event::{Detail, Event, Kind, events};
