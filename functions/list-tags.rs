//! Returns the tenant's tag catalogue.
//!
//! Route: `POST /api/v1/actions/list-tags`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `name` | | substring of the tag, ignoring case and accents; it narrows a list of more than 1,000 tags |
//!
//! # Answer
//! 200, a bare array of at most 1,000 tags, sorted by name (code point order). A tag enters the catalogue
//! when a contact first has it, and stays when it is removed from all contacts.
//! ```json
//! [{"id":"3f6c1f6e-8a4f-5f0e-9b7a-0c6f3f1f9d2b","name":"vip","created_at":"2026-11-20T10:58:35+00:00"}]
//! ```
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"message":"Unauthenticated."}` | the token is missing, unknown, expired or revoked, or its tenant does not exist or is being deleted |
//! | 422 | `{"error":"No workspace configured for this account."}` | the token's user has no tenant |
//! | 422 | `{"message":"Malformed JSON.","error":"Malformed JSON."}` | the body is not a JSON object; an empty body and `[]` count as `{}` |
//! | 422 | `{"message":"The given data was invalid.","errors":{"<field>":["<message>"]}}` | fields are invalid; all are listed |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 120); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles or cannot be reached, or the call takes 9.5 s; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! As an event: `ValidationFailed`, `UnknownTenant`, `UnknownEvent`,
//! `Throttled`, `Unavailable`, `TimedOut` or `InternalError`. The rate limit does not apply to events.
//!
//! # Guarantees
//! Strongly consistent.
//!
//! # Cost
//! 1 Query (1 read unit per 4 KB) for up to 1,000 tags; with `name`, 1 Query per MB of catalogue until 1,000 tags are found.
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use contacts::model::{SearchQuery, Tag, TagDefinition, Timestamp};
use contacts::store::ContactsTable;
use functions::{Action, Call, Error, Input, Invalid, Reply};
use serde::Serialize;
use uuid::Uuid;

struct ListTags {
    name: Option<SearchQuery>,
}

#[derive(Serialize)]
struct TagEntry {
    id: Uuid,
    name: Tag,
    created_at: Timestamp,
}

impl From<TagDefinition> for TagEntry {
    fn from(tag: TagDefinition) -> Self {
        TagEntry { id: tag.id, name: tag.name, created_at: tag.created_at }
    }
}

impl Action for ListTags {
    const NAME: &'static str = "list-tags";
    type Answer = Vec<TagEntry>;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let name = input.optional("name");
        Ok(ListTags { name: name? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Vec<TagEntry>>, Error> {
        let tags = table.tags(&call.tenant, self.name.as_ref()).await?;
        Ok(Reply::read(tags.into_iter().map(TagEntry::from).collect()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<ListTags>().await
}
