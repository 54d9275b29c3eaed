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
//! | `cursor` | | where to continue: the `X-Next-Cursor` of an answer to the same `query`, `tag` and `email`; it can also be in the query string, which takes precedence |
//! | `limit` | | whole number from 1 to 100, the most contacts to return; 50 by default; it can differ from page to page |
//!
//! All given criteria must match. Without any, the most recently active contacts are returned. A phone
//! number in `query` also matches without its separators; `%`, `_` and `\` are literal characters.
//!
//! # Answer
//! 200, a bare array of at most `limit` contacts: by `last_message_at` descending, then contacts without
//! messages by `created_at` descending, those with the same time by `id` descending. `[]` if none match.
//! ```json
//! [{"id":"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434","phone":"+5511987654321","name":"José","email":null,"source":"api","tags":["vip"],"last_message_at":null,"created_at":"2026-11-20T10:58:35+00:00"}]
//! ```
//!
//! While there are more, the header `X-Next-Cursor` has the cursor of the next page, and `Link` is `<?cursor=…>; rel="next"`: POST
//! the same body to this target, which is relative to the address of the request. Events have no headers, so a direct
//! invocation returns the first page only. A cursor contains the activity time and the id of the page's last contact, encrypted,
//! and does not expire.
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"message":"Unauthenticated."}` | the token is missing, unknown, expired or revoked, or its tenant does not exist or is being deleted |
//! | 422 | `{"error":"No workspace configured for this account."}` | the token's user has no tenant |
//! | 422 | `{"message":"Malformed JSON.","error":"Malformed JSON."}` | the body is not a JSON object; an empty body and `[]` count as `{}` |
//! | 422 | `{"message":"The given data was invalid.","errors":{"<field>":["<message>"]}}` | fields are invalid; all are listed. A cursor that no answer has had, or only one to other criteria or of another tenant, is invalid |
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
//! Following the cursors to the end returns every matching contact exactly once whose place in the order does not change
//! meanwhile, whatever else is created, changed or deleted. A message moves its contact to the front: if it was returned before, it
//! is not returned again; if not, it is missed, and is among the first of a new search. A contact that starts or ceases to
//! match, or is deleted and created again, may be returned or not.
//!
//! Only the last page is shorter than `limit`. It is empty if nothing matches, or if nothing is left of what followed the page
//! before. There is one exception: a call with `cursor` or `limit` that takes longer than 20 s returns what it has found, perhaps nothing, with a
//! cursor that continues there.
//!
//! # Cost
//! | criteria | requests |
//! |---|---|
//! | none, or `tag` alone | 1 Query (about 3 read units for 50 contacts of 350 bytes) |
//! | text | 1 Query per page of 250, 1,000, 4,000, … contacts until 50 match: 44–47 read units per 1,000 contacts |
//! | `email` | 1 Query, 1 BatchGetItem per 100 contacts with that address (0.5 read units per 4 KB of each contact, metadata included); with 500 or more, as for a text |
//! | beginning of a number with `+` | 2 Query, 1 BatchGetItem; with 100 or more matches, the text search |
//! | 7–15 digits | 1 GetItem more |
//! | `cursor` | the same for each page; the walk over the index begins at the cursor |
//!
//! A search looks for one contact more than `limit`, to know whether there is another page.
//!
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use contacts::model::{
    ContactId, Cursor, Email, Name, Phone, SearchQuery, SearchRow, Source, Tags, Timestamp, Violation,
};
use contacts::store::{ContactsTable, Search, Window};
use functions::{Action, Call, Error, Input, InputSource, Invalid, Reply, TagFilter};
use serde::Serialize;

struct SearchContacts {
    query: Option<SearchQuery>,
    tag: Option<TagFilter>,
    email: Option<Email>,
    cursor: Option<Cursor>,
    limit: Option<u32>,
}

/// The maximum of `limit`, and its default.
const MAX_LIMIT: u32 = 100;
const DEFAULT_LIMIT: u32 = 50;

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
    const INPUT: InputSource = InputSource::BodyAndCursor;
    type Answer = Vec<Match>;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let query = input.optional("query");
        let tag = input.optional("tag");
        let email = input.optional("email");
        let cursor = input.optional("cursor");
        let limit = input.count("limit", MAX_LIMIT);
        Ok(SearchContacts { query: query?, tag: tag?, email: email?, cursor: cursor?, limit: limit? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Vec<Match>>, Error> {
        let Ok(tag) = TagFilter::tag(self.tag) else {
            // No answer to such a search has a cursor.
            return match self.cursor {
                Some(_) => Err(not_cursor(Violation::NotCursor)),
                None => Ok(Reply::read(Vec::new())),
            };
        };
        let search = Search { query: self.query, tag, email: self.email, ..Search::default() };
        let after = self.cursor.as_ref().map(|cursor| search.position(&call.tenant, cursor));
        let window = Window {
            after: after.transpose().map_err(not_cursor)?,
            limit: self.limit.unwrap_or(DEFAULT_LIMIT) as usize,
            // Clients that know neither field do not look for the cursor of a short page.
            may_be_short: self.cursor.is_some() || self.limit.is_some(),
        };
        let page = table.search(&call.tenant, &search, window).await?;
        let next = page.next.map(|position| search.cursor(&call.tenant, &position));
        Ok(Reply::read(page.rows.into_iter().map(Match::from).collect()).with_next_cursor(next))
    }
}

fn not_cursor(violation: Violation) -> Error {
    Error::invalid("cursor", violation)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<SearchContacts>().await
}
