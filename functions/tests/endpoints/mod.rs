//! One file per endpoint, or per group of endpoints: its documented sample, and what it does with contacts step by
//! step. What its answers look like in general, and which inputs it rejects, is in `contract/`.

mod batch_upsert_contacts;
mod create_contact;
mod delete_contact;
mod get_contact;
mod paging;
mod search_contacts;
mod tags;
mod update_contact;

use serde_json::Value;

use crate::support::{Bundle, Reply};

/// How often a call is made that fails because a busy machine is too slow for it.
const ATTEMPTS: usize = 10;

/// Calls an action until it does not answer 503, as a client does.
async fn call_until_served(bundle: &Bundle, action: &str, body: Value) -> Reply {
    for _ in 1..ATTEMPTS {
        let reply = bundle.call(action, body.clone()).await;
        if reply.status != 503 {
            return reply;
        }
    }
    bundle.call(action, body).await
}
