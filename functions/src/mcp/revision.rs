//! The revisions of the protocol.
//!
//! Clients of the revisions up to 2025-11-25 begin with `initialize`. As the server remembers nothing, what they have
//! agreed on there is only in the header `MCP-Protocol-Version` of later requests, which 2025-03-26 does not have. Since
//! 2026-07-28, each request names its revision in `_meta` and in that header, and repeats method and tool in two further
//! headers. [`check`] finds out which of the two kinds a request is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::message::{Members, ProtocolError, Request, members, text_of};

/// All revisions that the server has, the latest first.
const SUPPORTED: [&str; 4] = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"];

/// The revisions without `initialize`.
pub(super) const PER_REQUEST: &[&str] = SUPPORTED.split_at(1).0;

/// The revisions with `initialize`, the latest first.
const INITIALIZED: &[&str] = SUPPORTED.split_at(1).1;

/// The members of `_meta` in which a request names its revision and the client's capabilities.
const REVISION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// The headers of a request that belong to the protocol.
#[derive(Debug, Default)]
pub(crate) struct Headers<'a> {
    /// `MCP-Protocol-Version`.
    pub(crate) revision: Option<&'a str>,
    /// `Mcp-Method`.
    pub(crate) method: Option<&'a str>,
    /// `Mcp-Name`.
    pub(crate) name: Option<&'a str>,
}

/// How a client has agreed with the server on a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// With `initialize`, up to 2025-11-25.
    Initialized,
    /// In each request, since 2026-07-28.
    PerRequest,
}

impl Era {
    pub(super) fn is_per_request(self) -> bool {
        self == Era::PerRequest
    }
}

/// The revision that `initialize` agrees on: the one that the client asks for, or else the latest.
pub(super) fn negotiated(params: &Members<'_>) -> &'static str {
    let asked = text_of(params, "protocolVersion");
    let known = INITIALIZED.iter().find(|known| asked.as_deref() == Some(**known));
    known.copied().unwrap_or(INITIALIZED[0])
}

/// Finds out how the client of this request has agreed on a revision, and checks what the revision demands of the request.
///
/// # Errors
/// [`ProtocolError::UnsupportedRevision`], [`ProtocolError::HeaderMismatch`], [`ProtocolError::InvalidParams`].
pub(super) fn check(request: &Request<'_>, headers: &Headers<'_>) -> Result<Era, ProtocolError> {
    let header = headers.revision.map(str::trim);
    let meta = request.params.get("_meta").and_then(|meta| members(meta)).unwrap_or_default();
    if meta.contains_key(REVISION) {
        let claimed = text_of(&meta, REVISION);
        let claimed =
            claimed.ok_or(ProtocolError::InvalidParams("_meta has to name the protocol version in a string."))?;
        if header.is_some_and(|header| header != claimed) {
            return Err(ProtocolError::HeaderMismatch(
                "The header MCP-Protocol-Version differs from the version in _meta.",
            ));
        }
        if PER_REQUEST.contains(&claimed.as_str()) {
            check_meta(&meta)?;
            check_headers(request, headers)?;
            return Ok(Era::PerRequest);
        }
        return known(claimed);
    }
    match header {
        None => Ok(Era::Initialized),
        Some(header) if PER_REQUEST.contains(&header) && request.method == "initialize" => {
            Err(ProtocolError::HeaderMismatch("The revision in the header MCP-Protocol-Version has no initialize."))
        }
        Some(header) if PER_REQUEST.contains(&header) => Err(ProtocolError::InvalidParams(
            "params._meta has to have io.modelcontextprotocol/protocolVersion and io.modelcontextprotocol/clientCapabilities.",
        )),
        Some(header) => known(header.to_owned()),
    }
}

/// A revision with `initialize`, if the server has it.
fn known(revision: String) -> Result<Era, ProtocolError> {
    if INITIALIZED.contains(&revision.as_str()) {
        return Ok(Era::Initialized);
    }
    // A client may send any text here, so the answer does not repeat all of a long one.
    Err(ProtocolError::UnsupportedRevision { requested: revision.chars().take(64).collect(), supported: &SUPPORTED })
}

fn check_meta(meta: &Members<'_>) -> Result<(), ProtocolError> {
    let capabilities = meta.get(CAPABILITIES).and_then(|capabilities| members(capabilities));
    capabilities.map(drop).ok_or(ProtocolError::InvalidParams(
        "params._meta has to have io.modelcontextprotocol/clientCapabilities, an object.",
    ))
}

/// Intermediaries decide by the headers, so they must not say something else than the message.
fn check_headers(request: &Request<'_>, headers: &Headers<'_>) -> Result<(), ProtocolError> {
    use ProtocolError::HeaderMismatch;
    if headers.revision.is_none() {
        return Err(HeaderMismatch("The header MCP-Protocol-Version is missing."));
    }
    match headers.method.map(str::trim) {
        None => return Err(HeaderMismatch("The header Mcp-Method is missing.")),
        Some(method) if method != request.method => {
            return Err(HeaderMismatch("The header Mcp-Method differs from the method of the message."));
        }
        Some(_) => {}
    }
    if request.method != "tools/call" {
        return Ok(());
    }
    match (headers.name.map(|name| decoded(name.trim())), text_of(&request.params, "name")) {
        (None, Some(_)) => Err(HeaderMismatch("The header Mcp-Name is missing.")),
        (Some(None), _) => Err(HeaderMismatch("The header Mcp-Name is not valid base64.")),
        (Some(Some(header)), Some(name)) if header != name => {
            Err(HeaderMismatch("The header Mcp-Name differs from the name of the tool."))
        }
        _ => Ok(()),
    }
}

/// The value of a header that may be written as `=?base64?…?=`.
fn decoded(header: &str) -> Option<String> {
    let Some(encoded) = header.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Some(header.to_owned());
    };
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::message::{self, Incoming};
    use super::*;

    /// What [`check`] says of a call of a tool with these headers and this `_meta`.
    fn checked(revision: Option<&str>, method: Option<&str>, name: Option<&str>, meta: &str) -> String {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get_contact","arguments":{{}}{meta}}}}}"#
        );
        let Ok(Incoming::Request(request)) = message::read(body.as_bytes()) else { panic!("{body}") };
        match check(&request, &Headers { revision, method, name }) {
            Ok(era) => format!("{era:?}"),
            Err(error) => {
                let error: serde_json::Value = serde_json::from_str(&message::error(None, &error)).unwrap();
                error["error"]["code"].to_string()
            }
        }
    }

    #[test]
    fn a_request_is_held_to_the_revision_that_it_claims() {
        let claim = |revision: &str| {
            format!(
                r#","_meta":{{"io.modelcontextprotocol/protocolVersion":{revision},"io.modelcontextprotocol/clientCapabilities":{{}}}}"#
            )
        };
        let (latest, call, tool) = (claim(r#""2026-07-28""#), Some("tools/call"), Some("get_contact"));
        let now = Some("2026-07-28");
        let without_capabilities = r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
        let progress = r#","_meta":{"progressToken":1}"#;
        for (revision, method, name, meta, expected) in [
            (None, None, None, "", "Initialized"),
            (Some("2025-03-26"), None, None, "", "Initialized"),
            (Some(" 2025-11-25 "), None, None, progress, "Initialized"),
            (Some("2025-06-18"), Some("other"), Some("other"), "", "Initialized"),
            (Some("1900-01-01"), None, None, "", "-32022"),
            (Some(""), None, None, "", "-32022"),
            (None, None, None, &claim(r#""1900-01-01""#), "-32022"),
            (Some("2025-11-25"), None, None, &claim(r#""2025-11-25""#), "Initialized"),
            (now, call, tool, &latest, "PerRequest"),
            (now, Some(" tools/call "), Some("=?base64?Z2V0X2NvbnRhY3Q=?="), &latest, "PerRequest"),
            (now, call, tool, "", "-32602"),
            (now, call, tool, progress, "-32602"),
            (now, call, tool, without_capabilities, "-32602"),
            (now, call, tool, &claim("5"), "-32602"),
            (Some("2025-11-25"), call, tool, &latest, "-32020"),
            (None, call, tool, &latest, "-32020"),
            (now, None, tool, &latest, "-32020"),
            (now, Some("tools/list"), tool, &latest, "-32020"),
            (now, call, None, &latest, "-32020"),
            (now, call, Some("delete_contact"), &latest, "-32020"),
            (now, call, Some("=?base64?ZGVsZXRlX2NvbnRhY3Q=?="), &latest, "-32020"),
            (now, call, Some("=?base64?%?="), &latest, "-32020"),
        ] {
            assert_eq!(checked(revision, method, name, meta), expected, "{revision:?} {method:?} {name:?} {meta}");
        }
    }
}
