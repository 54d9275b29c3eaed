//! Serves contacts to agents as tools of the Model Context Protocol (MCP).
//!
//! Route: `POST /mcp`, streamable HTTP without sessions. It takes no events. Any client of the protocol can use it:
//! docs/clients.md has configurations.
//!
//! # Input
//! One JSON-RPC 2.0 message. Its id and the numbers in metadata keep their spelling.
//!
//! | method | revisions | result |
//! |---|---|---|
//! | `initialize`, `ping` | 2025-03-26, 2025-06-18, 2025-11-25 | the revision that the client asks for, or 2025-11-25; capabilities, name, instructions |
//! | `server/discover` | 2026-07-28 | the same, in each request: there is no `initialize` |
//! | `tools/list` | all | the tools of `src/mcp/tools.yaml`, always in the same order; since 2026-07-28 with `ttlMs` (an hour) and `cacheScope` |
//! | `tools/call` | all | what the tool returns, as `structuredContent` and as text |
//!
//! A request of 2026-07-28 names its revision and the client's capabilities in `params._meta`, and repeats the revision, the
//! method and the name of the tool in the headers `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name`. Batches, which only
//! 2025-03-26 has, are refused: they would evade the rate limit.
//!
//! | tool | arguments (`*`: required) | returns |
//! |---|---|---|
//! | `list_contacts` | `search` (part of name, phone number or email address), `tag`, `opted_in_only` (default true), `page` (1), `per_page` (25, at most 100) | `{"data":[…],"meta":{"current_page","last_page","per_page","total","has_more"}}` |
//! | `get_contact` | `id`, `phone` or `email`; found by the first that is given, which has to have the others | the contact |
//! | `create_contact` | `phone`*, `name`, `email`, `tags` (a list), `metadata`, `locale`, `source` | the contact and `outcome`: `created`, `updated` or `unchanged` |
//! | `update_contact` | `id`*, `name`, `email`, `phone` (which changes the id), `locale`, `metadata` (merged) | the contact and `outcome` |
//! | `tag_contact` | `id`*, `add_tags`, `remove_tags` (lists, 45 each) | the contact and `outcome` |
//! | `delete_contact` | `id`* | `{"id":"…","deleted":true}` |
//! | `import_contacts` | `contacts`*: 1–100, each as for `create_contact` | `{"created":1,"updated":0,"unchanged":0,"failed":0,"results":[…]}`, a result for each in order |
//!
//! Values have the limits of create-contact and update-contact. `""` clears a name, an email address or a language; an empty list
//! of tags, and in `create_contact` and `import_contacts` `null` and empty metadata, count as left out. An unknown argument is an
//! error that names the nearest known one.
//!
//! # Answer
//! 200 with a JSON-RPC response; 202 without a body for a notification.
//! ```json
//! {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"id\":\"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434\",\"deleted\":true}"}],"structuredContent":{"id":"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434","deleted":true}}}
//! ```
//!
//! # Errors
//! An error of a tool is a result with `isError` and a text that says what to do: the validation messages of the HTTP
//! API, `Contact not found. …`, or `Service Unavailable. Try again in a second. …`.
//!
//! | status | body | when |
//! |---|---|---|
//! | 200 | JSON-RPC error -32601 | unknown method, up to 2025-11-25 |
//! | 200 | JSON-RPC error -32602 | unknown tool, or a cursor for the list of tools |
//! | 200 | JSON-RPC error -32603 | an unexpected error, which is logged |
//! | 400 | JSON-RPC error -32700, -32600, -32602 | not JSON; not one message; `_meta` of 2026-07-28 is missing |
//! | 400 | JSON-RPC error -32020, -32022 | headers contradict the message; a revision that the server does not have, with those it has |
//! | 401 | `{"message":"Unauthenticated."}` | the token is missing, unknown, expired or revoked, or its tenant does not exist or is being deleted; with `WWW-Authenticate: Bearer` |
//! | 404 | JSON-RPC error -32601 | unknown method, 2026-07-28 |
//! | 405 | `{"message":"Method Not Allowed.","error":"Method Not Allowed."}` | GET, which would open a stream, and DELETE, which would end a session |
//! | 422 | `{"error":"No workspace configured for this account."}` | the token's user has no tenant |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 300); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | the access table cannot be reached, or the call takes 28.5 s; a change may have been applied; `Retry-After: 1` |
//!
//! # Guarantees
//! Nothing is remembered between messages. All tools can be repeated: a repeated `delete_contact` says that the contact does not
//! exist, every other one changes nothing. Reads by id and phone number are strongly consistent; `list_contacts` and
//! look-ups by email address are eventually consistent. Each contact of `import_contacts` is written atomically, the list is not;
//! those with one number are applied in their order.
//!
//! The pages of `list_contacts` are those of the list at the time of each call: a contact that becomes active between
//! two calls moves the later ones by one. `total` and `last_page` are null until the last page is reached, because counting
//! would read all contacts.
//!
//! # Cost
//! | tool | requests |
//! |---|---|
//! | `list_contacts` | those of search-contacts; a page reads the contacts before it too, some 45 read units per 1,000, of which there can be 5,000 |
//! | `get_contact`, `create_contact`, `update_contact`, `delete_contact` | those of the action of that name |
//! | `tag_contact` | 1 BatchGetItem (GetItem if only tags are removed), 1 TransactWriteItems if something changes |
//! | `import_contacts` | those of batch-upsert-contacts |
//! | other messages | none |
//!
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem: 3 write units for a limit of 300, as the calls of the last minute are recorded.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_mcp("mcp").await
}
