//! Returns the tenant's tag catalogue.
//!
//! Route: `POST /api/v1/actions/list-tags`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `name` | | substring of the tag, ignoring case and accents |
//! | `cursor` | | where to continue: the `X-Next-Cursor` of an answer to the same `name`; it can also be in the query string, which takes precedence |
//! | `limit` | | whole number from 1 to 1,000, the most tags to return; 1,000 by default |
//!
//! # Answer
//! 200, a bare array of at most `limit` tags, sorted by name without regard to case; names that differ only in case are in
//! code point order. A tag enters the catalogue when a contact first has it, and stays when it is removed from all contacts.
//! ```json
//! [{"id":"3f6c1f6e-8a4f-5f0e-9b7a-0c6f3f1f9d2b","name":"vip","created_at":"2026-11-20T10:58:35+00:00"}]
//! ```
//!
//! While there are more, the header `X-Next-Cursor` has the cursor of the next page, and `Link` is `<?cursor=…>; rel="next"`: POST
//! the same body to this target, which is relative to the address of the request. Events have no headers. A cursor contains
//! the page's last tag, encrypted, and does not expire.
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"message":"Unauthenticated."}` | the token is missing, unknown, expired or revoked, or its tenant does not exist or is being deleted |
//! | 422 | `{"error":"No workspace configured for this account."}` | the token's user has no tenant |
//! | 422 | `{"message":"Malformed JSON.","error":"Malformed JSON."}` | the body is not a JSON object; an empty body and `[]` count as `{}` |
//! | 422 | `{"message":"The given data was invalid.","errors":{"<field>":["<message>"]}}` | fields are invalid; all are listed. A cursor that no answer has had, or only one to another `name` or of another tenant, is invalid |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 120); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles or cannot be reached, or the call takes 9.5 s; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! As an event: `ValidationFailed`, `UnknownTenant`, `UnknownEvent`,
//! `Throttled`, `Unavailable`, `TimedOut` or `InternalError`. The rate limit does not apply to events.
//!
//! # Guarantees
//! Strongly consistent. Following the cursors to the end returns every tag exactly once that was in the catalogue before the
//! first page; tags that are added meanwhile may be returned or not.
//!
//! # Cost
//! 1 Query per MB of catalogue (1 read unit per 4 KB, some 40 for 1,000 tags). Each page costs as much, because the catalogue is
//! stored in code point order.
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use contacts::model::{Cursor, SearchQuery, Tag, TagDefinition, Timestamp};
use contacts::store::{ContactsTable, TagSearch};
use functions::{Action, Call, Error, Input, InputSource, Invalid, Reply};
use serde::Serialize;
use uuid::Uuid;

struct ListTags {
    name: Option<SearchQuery>,
    cursor: Option<Cursor>,
    limit: Option<u32>,
}

/// The maximum of `limit`, and its default.
const MAX_LIMIT: u32 = 1_000;

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
    const INPUT: InputSource = InputSource::BodyAndCursor;
    type Answer = Vec<TagEntry>;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let name = input.optional("name");
        let cursor = input.optional("cursor");
        let limit = input.count("limit", MAX_LIMIT);
        Ok(ListTags { name: name?, cursor: cursor?, limit: limit? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Vec<TagEntry>>, Error> {
        let search = TagSearch { part: self.name };
        let after = self.cursor.as_ref().map(|cursor| search.position(&call.tenant, cursor));
        let after = after.transpose().map_err(|violation| Error::invalid("cursor", violation))?;
        let limit = self.limit.unwrap_or(MAX_LIMIT) as usize;
        let page = table.tags(&call.tenant, &search, after.as_ref(), limit).await?;
        let next = page.next.map(|tag| search.cursor(&call.tenant, &tag));
        Ok(Reply::read(page.tags.into_iter().map(TagEntry::from).collect()).with_next_cursor(next))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<ListTags>().await
}
