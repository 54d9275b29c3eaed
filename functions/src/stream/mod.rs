//! The contacts table's stream: its records as typed changes, and the functions that consume them.
//!
//! There is one consumer: the change feed, which publishes every change as events on EventBridge. This
//! module must not know HTTP or the actions. Start reading at `publisher.rs`.
//!
//! | file | owns |
//! |---|---|
//! | `records.rs` | the stream event: its records, decoded one by one |
//! | `change_event.rs` | which events a change amounts to, and what they contain |
//! | `feed_event.rs` | what is published: change events, and dead letters for what cannot be published |
//! | `event_bus.rs` | PutEvents to EventBridge, with retries; which refusals are final |
//! | `publisher.rs` | the change feed: records in, events out, a partial batch response |

mod change_event;
mod event_bus;
mod feed_event;
mod publisher;
mod records;

pub(crate) use event_bus::EventBus;
pub(crate) use publisher::{ChangeFeed, publish};
