//! Returns the contacts that match, most recently active first.
//!
//! Route: `POST /api/v1/actions/search-contacts`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `query` | | substring of name, phone number or email address, ignoring case and accents |
//! | `tag` | | exact tag, case-sensitive |
//! | `email` | | exact email address, ignoring case |
//!
//! All given criteria must match. Without any, the most recently active contacts are returned. A phone
//! number in `query` also matches without its separators; `%`, `_` and `\` are literal characters.
//!
//! # Answer
//! 200, a bare array of at most 50 contacts: by `last_message_at` descending, then contacts without
//! messages by `created_at` descending. `[]` if none match.
//! ```json
//! [{"id":"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434","phone":"+5511987654321","name":"José","email":null,"source":"api","tags":["vip"],"last_message_at":null,"created_at":"2026-11-20T10:58:35+00:00"}]
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
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles or cannot be reached, or the call takes 28.5 s; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! As an event: `ValidationFailed`, `UnknownTenant`, `UnknownEvent`,
//! `Throttled`, `Unavailable`, `TimedOut` or `InternalError`. The rate limit does not apply to events.
//!
//! # Guarantees
//! The search examines contacts until 50 match or all have been examined; there is no other limit than the
//! time of the call. Eventually consistent: for a moment after a write, a contact may be missing or appear
//! with its old values, and one that becomes active during a search of several pages may be missed. A
//! complete phone number is also looked up with a strongly consistent read.
//!
//! # Cost
//! | criteria | requests |
//! |---|---|
//! | none, or `tag` alone | 1 Query (about 3 read units for 50 contacts of 350 bytes) |
//! | text | 1 Query per page of 250, 1,000, 4,000, … contacts until 50 match: 44–47 read units per 1,000 contacts |
//! | `email` | 1 Query, 1 BatchGetItem per 100 contacts with that address (0.5 read units per 4 KB of each contact, metadata included); with 500 or more, as for a text |
//! | beginning of a number with `+` | 2 Query, 1 BatchGetItem; with 100 or more matches, the text search |
//! | 7–15 digits | 1 GetItem more |
//!
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use contacts::model::{ContactId, Email, Name, Phone, SearchQuery, SearchRow, Source, Tags, Timestamp};
use contacts::store::{ContactsTable, Search};
use functions::{Action, Call, Error, Input, Invalid, Reply, TagFilter};
use serde::Serialize;

struct SearchContacts {
    query: Option<SearchQuery>,
    tag: Option<TagFilter>,
    email: Option<Email>,
}

#[derive(Serialize)]
struct Match {
    id: ContactId,
    phone: Phone,
    name: Option<Name>,
    email: Option<Email>,
    source: Source,
    tags: Tags,
    last_message_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<SearchRow> for Match {
    fn from(row: SearchRow) -> Self {
        Match {
            id: row.id,
            phone: row.phone,
            name: row.name,
            email: row.email,
            source: row.source,
            tags: row.tags,
            last_message_at: row.last_message_at,
            created_at: row.created_at,
        }
    }
}

impl Action for SearchContacts {
    const NAME: &'static str = "search-contacts";
    type Answer = Vec<Match>;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let query = input.optional("query");
        let tag = input.optional("tag");
        let email = input.optional("email");
        Ok(SearchContacts { query: query?, tag: tag?, email: email? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Vec<Match>>, Error> {
        let tag = match self.tag {
            Some(TagFilter::MatchesNothing) => return Ok(Reply::read(Vec::new())),
            Some(TagFilter::Tag(tag)) => Some(tag),
            None => None,
        };
        let search = Search { query: self.query, tag, email: self.email, ..Search::default() };
        let rows = table.search(&call.tenant, &search).await?;
        Ok(Reply::read(rows.into_iter().map(Match::from).collect()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<SearchContacts>().await
}
