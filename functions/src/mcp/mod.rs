//! The event source MCP: tools for agents over the Model Context Protocol, in streamable HTTP without sessions.
//!
//! One message comes in, and one answer goes out. Nothing is remembered between messages, and the server sends no messages
//! of its own. `http` reads the request, checks its token and the rate limit, and maps an [`Answer`] to a status. This module
//! must not know statuses or headers other than the three of MCP. Start reading at [`answer`].
//!
//! | file | owns |
//! |---|---|
//! | `message.rs` | JSON-RPC: messages, answers, protocol errors |
//! | `revision.rs` | the revisions of the protocol: what a message claims, and what its headers have to repeat |
//! | `methods.rs` | the methods: `initialize`, `ping`, `server/discover`, `tools/list`, `tools/call` |
//! | `tools.yaml` | names, descriptions, schemas and annotations of the tools, as clients see them |
//! | `tools/` | what the tools do: each is an [`Action`](crate::action::Action) |
//!
//! Invariant: texts of a message stay texts until a tool parses them, so that ids and the numbers in metadata keep their
//! spelling.

mod message;
mod methods;
mod revision;
mod tools;

use contacts::store::ContactsTable;

use crate::action::Call;
use message::{Incoming, ProtocolError};
pub(crate) use revision::Headers;
pub use tools::TOOLS;

/// What a message is answered with.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A result, or an error within a valid request: a JSON-RPC response.
    Response(String),
    /// The message needs no answer: it is a notification.
    Accepted,
    /// The message is not a valid one: a JSON-RPC error response.
    Refused(String),
    /// The server has no such method, by the rules of the revision 2026-07-28: a JSON-RPC error response.
    UnknownMethod(String),
}

/// Answers one message. A call of a tool runs for the tenant of `call`.
///
/// Errors of a tool are answers, too: results that say so, from which an agent learns what to do.
pub(crate) async fn answer(table: &ContactsTable, call: &Call, headers: &Headers<'_>, body: &[u8]) -> Answer {
    let request = match message::read(body) {
        Ok(Incoming::Request(request)) => request,
        Ok(Incoming::NoReply) => return Answer::Accepted,
        Err(error) => return Answer::Refused(message::error(None, &error)),
    };
    let id = Some(request.id);
    let era = match revision::check(&request, headers) {
        Ok(era) => era,
        Err(error) => return Answer::Refused(message::error(id, &error)),
    };
    match methods::respond(table, call, &request, era).await {
        Ok(response) => Answer::Response(response),
        Err(error @ ProtocolError::UnknownMethod) if era.is_per_request() => {
            Answer::UnknownMethod(message::error(id, &error))
        }
        Err(error) => Answer::Response(message::error(id, &error)),
    }
}
