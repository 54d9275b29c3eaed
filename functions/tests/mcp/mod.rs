//! The MCP server.
//!
//! | file | owns |
//! |---|---|
//! | `protocol.rs` | messages, revisions, statuses, tokens, the rate limit |
//! | `descriptions.rs` | the tools as clients see them |
//! | `tools.rs` | what each tool does |
//! | `listing.rs` | `list_contacts`: filters and pages, and what they cost |
//! | `failures.rs` | faults of DynamoDB, and what is logged |

mod descriptions;
mod failures;
mod listing;
mod protocol;
mod tools;
