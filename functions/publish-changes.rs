//! Publishes the changes of contacts on EventBridge (the change feed).
//!
//! Event: records of the contacts table's DynamoDB stream, from an event source mapping.
//!
//! # Input
//! | environment variable | values |
//! |---|---|
//! | `EVENT_BUS` | the name of the event bus |
//! | `EVENT_DETAIL` | `names`: ids and names of changed fields; `contact`: the contact and the tag too (personal data) |
//!
//! # Answer
//! A partial batch response. Published are `contact.created`, `contact.updated`, `contact.tagged`,
//! `contact.untagged`, `contact.opted_in`, `contact.opted_out` and `contact.deleted`, with source
//! `carnet`. A change that no endpoint exposes publishes nothing. The detail of an update:
//! ```json
//! {"event_id":"5a0c…","tenant_id":"6c1f8a57-…","contact_id":"d6f0d85e-…","version":3,"time":"2026-11-20T10:58:35+00:00","changed":["name"]}
//! ```
//!
//! # Errors
//! | error | when |
//! |---|---|
//! | `batchItemFailures` names a record | it could not be published; Lambda redelivers it and all later records |
//! | `UnknownEvent` | the event is not one of a DynamoDB stream |
//!
//! # Guarantees
//! At-least-once, in the order of the stream. `event_id` stays the same when an event is redelivered, and
//! `version` orders the events of a contact.
//!
//! # Cost
//! 1 PutEvents per 10 events or 256 KB. On a tenant-cache miss (60 s) 1 GetItem for changes of tags.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_change_feed("publish-changes").await
}
