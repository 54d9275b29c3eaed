//! The table's stream: every change of a contact leaves as an event, on the bus.
//!
//! | variable | |
//! |---|---|
//! | `EVENT_BUS` | the bus |
//! | `EVENT_DETAIL` | `names`: the names of changed fields; `contact`: the contact as well |
//!
//! What has happened, and what each event says, is in [`contacts::feed`]. A change no client can see
//! is no event. What can't be published comes again, with everything after it: nothing is skipped,
//! and an event that comes twice has the same id.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve_feed("publish-changes").await
}
