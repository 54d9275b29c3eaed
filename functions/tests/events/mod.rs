//! Functions that are invoked with events: directly, by SQS, by EventBridge, by the table's stream.
//!
//! | file | owns |
//! |---|---|
//! | `asyncapi.rs` | the AsyncAPI document: its examples, what it requires |
//! | `event_sources.rs` | the event sources: envelopes, batches, FIFO groups, error types |
//! | `recorded_events.rs` | events that AWS tools and `lambda_http` have recorded |
//! | `record_message.rs` | the function `record-message` |
//! | `consent_and_state.rs` | the functions `record-consent` and `set-contact-state` |
//! | `batches_of_contacts.rs` | the function `batch-upsert-contacts` |
//! | `import_contacts.rs` | the function `import-contacts` |
//! | `change_feed.rs` | the change events that `publish-changes` puts on the bus |
//! | `unpublished_changes.rs` | changes that cannot be published: dead letters and retries |

mod asyncapi;
mod batches_of_contacts;
mod change_feed;
mod consent_and_state;
mod event_sources;
mod import_contacts;
mod record_message;
mod recorded_events;
mod unpublished_changes;
