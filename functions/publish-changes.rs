//! Publishes the changes of contacts on EventBridge (the change feed).
//!
//! Event: records of the contacts table's DynamoDB stream, from an event source mapping.
//!
//! # Input
//! | environment variable | values |
//! |---|---|
//! | `CONTACTS_TABLE`, `ACCESS_TABLE`, `RATE_LIMIT` | as for every function |
//! | `EVENT_BUS` | the name of the event bus |
//! | `EVENT_DETAIL` | `names` (the template's default): ids and names of changed fields; `contact`: also the contact in `created` and `updated`, and the tags in `tagged` and `untagged` (personal data) |
//!
//! # Answer
//! A partial batch response, `{"batchItemFailures":[{"itemIdentifier":"<sequence number>"}]}`; the list is empty
//! if all changes were published. Published are `contact.created`, `contact.updated`, `contact.tagged`,
//! `contact.untagged`, `contact.opted_in`, `contact.opted_out` and `contact.deleted`, with source
//! `carnet`: at most one event of each kind per change, with the ids of all its tags in `tag_ids`. A change
//! that no endpoint exposes publishes nothing. The detail of an update:
//! ```json
//! {"event_id":"5a0c…","tenant_id":"6c1f8a57-…","contact_id":"d6f0d85e-…","version":3,"time":"2026-11-20T10:58:35+00:00","changed":["name"]}
//! ```
//!
//! # Errors
//! | error | when |
//! |---|---|
//! | `batchItemFailures` names a record | it could not be read, or was not published after 4 attempts; Lambda redelivers it and all later records |
//! | `UnknownEvent` | the event is not one of a DynamoDB stream |
//!
//! # Guarantees
//! At-least-once for 23 hours; after that, the dead-letter queue receives only the position of the records.
//! Events are sent in stream order, but an entry that EventBridge refuses is sent again after later ones.
//! `event_id` stays the same when an event is redelivered. `version` orders the changes of a contact: events
//! of one change share it, and it starts again at 1 if a deleted contact is created again.
//!
//! # Cost
//! 1 PutEvents per 10 events or 256 KB. On a tenant-cache miss (60 s) 1 GetItem for changes of tags.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_change_feed("publish-changes").await
}
