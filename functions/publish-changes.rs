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
//! When a contact's number is changed, the `contact.updated` has the contact's new id in `contact_id` and the old one in
//! `previous_id`; nothing else is published, and later changes have the new id:
//! ```json
//! {"event_id":"71b2…","tenant_id":"6c1f8a57-…","contact_id":"8be1c0f4-…","previous_id":"d6f0d85e-…","version":4,"time":"2026-11-20T10:59:02+00:00","changed":["phone"]}
//! ```
//!
//! A change that can never be published is reported by an event of the type `stream-record.unpublished`, which a rule
//! sends to the dead-letter queue. Its detail says where the change is and contains no personal data. `item` and
//! `tenant_id` are the keys in the contacts table; a key that is not an id is omitted. `detail_type`, `event_id` and
//! `error_code` (EventBridge's) are present if one event of the change was refused:
//! ```json
//! {"tenant_id":"6c1f8a57-…","item":"contact#d6f0d85e-…","sequence_number":"1000…","event_name":"MODIFY","time":"2026-11-20T10:58:35+00:00","reason":"EventBridge refused the event","detail_type":"contact.updated","event_id":"5a0c…","error_code":"MalformedDetail"}
//! ```
//!
//! # Errors
//! | what fails | then |
//! |---|---|
//! | the record cannot be read: its keys are not those of a contact, or an image is not a valid contact | a `stream-record.unpublished`; the record is done |
//! | the change is of tags, and the tenant's item in the access table cannot be read | as above |
//! | EventBridge refuses an event with a code that it documents as not retryable, or the event is larger than 256 KB or cannot be serialized | the event is sent once more without the contact and the tags; if it has neither, or is refused again, a `stream-record.unpublished` |
//! | EventBridge or DynamoDB throttles, fails, denies access or cannot be reached, after 4 attempts; the time limit | `batchItemFailures` names the record; Lambda redelivers it and all later records |
//! | EventBridge refuses a `stream-record.unpublished` | as above |
//! | the event is not one of a DynamoDB stream | the error `UnknownEvent` |
//!
//! # Guarantees
//! A record is done when each of its events, or the `stream-record.unpublished` in its place, is on the bus.
//! At-least-once for 23 hours; after that, the dead-letter queue receives only the position of the records.
//! Events are sent in stream order, but an entry that EventBridge refuses is sent again after later ones.
//! `event_id` stays the same when an event is redelivered, and when it is sent without the contact. `version` orders the
//! changes of a contact, also over a deletion: events of one change share it, and a contact that is created again
//! continues the versions of the deleted one.
//!
//! # Cost
//! 1 PutEvents per 10 events or 256 KB. On a tenant-cache miss (60 s) 1 GetItem for changes of tags.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_change_feed("publish-changes").await
}
