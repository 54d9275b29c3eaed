//! EventBridge: event buses, PutEvents, and the rules that pass events to functions and queues.
//!
//! This module owns what is published. It knows nothing of who publishes, and invokes functions only asynchronously,
//! through [`lambda`](crate::lambda), which also keeps the messages for queues. Its invariant: an event that PutEvents
//! accepted is in `events.jsonl`, in the shape a subscriber gets, before its targets get it. Start reading at `bus`.

pub(crate) mod bus;
