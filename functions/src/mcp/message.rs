//! JSON-RPC 2.0: reading messages, and writing responses.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::value::RawValue;

/// The longest id of a request, in bytes of JSON. It is repeated in the answer.
const MAX_ID: usize = 1_024;

/// The members of a JSON object, as texts.
pub(super) type Members<'a> = IndexMap<String, &'a RawValue>;

/// A message of a client.
pub(super) enum Incoming<'a> {
    Request(Request<'a>),
    /// A notification, or a response to a request that the server has not sent.
    NoReply,
}

/// A message that gets a response with the same id.
pub(super) struct Request<'a> {
    /// A string or a number, as the client has spelled it.
    pub(super) id: &'a RawValue,
    pub(super) method: String,
    pub(super) params: Members<'a>,
}

/// Why a request has no result. The texts never repeat what a client has sent, except the name of a revision.
#[derive(Debug)]
pub(super) enum ProtocolError {
    /// The body is not JSON.
    Malformed,
    /// The body is not one message.
    InvalidRequest(&'static str),
    /// The server does not have the method.
    UnknownMethod,
    /// The parameters are not those of the method.
    InvalidParams(&'static str),
    /// An unexpected error, which was logged.
    Internal,
    /// A header is missing, or does not repeat what the message says.
    HeaderMismatch(&'static str),
    /// The server does not have the revision of the protocol.
    UnsupportedRevision {
        /// The revision that the client has asked for.
        requested: String,
        /// Those that the server has.
        supported: &'static [&'static str],
    },
}

/// Reads one message.
///
/// # Errors
/// [`ProtocolError::Malformed`], [`ProtocolError::InvalidRequest`], [`ProtocolError::InvalidParams`].
pub(super) fn read(body: &[u8]) -> Result<Incoming<'_>, ProtocolError> {
    use ProtocolError::InvalidRequest;
    let text = std::str::from_utf8(body).map_err(|_| ProtocolError::Malformed)?;
    let message: &RawValue = serde_json::from_str(text).map_err(|_| ProtocolError::Malformed)?;
    if message.get().starts_with('[') {
        return Err(InvalidRequest("Batches are not supported: send each message in a request of its own."));
    }
    let object = members(message).ok_or(InvalidRequest("A message has to be a JSON object."))?;
    if text_of(&object, "jsonrpc").as_deref() != Some("2.0") {
        return Err(InvalidRequest("The member jsonrpc has to be \"2.0\"."));
    }
    let id = match object.get("id") {
        None => None,
        Some(id) if is_id(id.get()) => Some(*id),
        Some(_) => return Err(InvalidRequest("The member id has to be a string or a number of at most 1,024 bytes.")),
    };
    if !object.contains_key("method") && (object.contains_key("result") || object.contains_key("error")) {
        return Ok(Incoming::NoReply);
    }
    let method = text_of(&object, "method").ok_or(InvalidRequest("The member method has to be a string."))?;
    let Some(id) = id else { return Ok(Incoming::NoReply) };
    let params = match object.get("params") {
        None => Members::new(),
        Some(params) => members(params).ok_or(InvalidRequest("The member params has to be an object."))?,
    };
    Ok(Incoming::Request(Request { id, method, params }))
}

/// The members of a value, if it is an object.
pub(super) fn members(value: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(value.get()).ok()
}

/// A member that is a string.
pub(super) fn text_of(members: &Members<'_>, name: &str) -> Option<String> {
    serde_json::from_str(members.get(name)?.get()).ok()
}

fn is_id(json: &str) -> bool {
    json.len() <= MAX_ID && json.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
}

/// A response. It has either a result or an error.
#[derive(Serialize)]
struct Response<'a, R> {
    jsonrpc: &'static str,
    /// Absent if the id of the request could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<R>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorMember<'a>>,
}

#[derive(Serialize)]
struct ErrorMember<'a> {
    code: i32,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<RevisionData<'a>>,
}

/// What a client needs to choose another revision.
#[derive(Serialize)]
struct RevisionData<'a> {
    supported: &'a [&'static str],
    requested: &'a str,
}

/// The response to a request that has a result.
///
/// # Errors
/// [`ProtocolError::Internal`] if the result cannot be serialized.
pub(super) fn result<R: Serialize>(id: &RawValue, result: R) -> Result<String, ProtocolError> {
    let response = Response { jsonrpc: "2.0", id: Some(id), result: Some(result), error: None };
    serde_json::to_string(&response).map_err(|error| {
        tracing::error!(%error, "an answer could not be serialized");
        ProtocolError::Internal
    })
}

/// The response to a request that has none.
pub(super) fn error(id: Option<&RawValue>, error: &ProtocolError) -> String {
    let (code, message) = error.code_and_message();
    let data = match error {
        ProtocolError::UnsupportedRevision { requested, supported } => Some(RevisionData { supported, requested }),
        _ => None,
    };
    let error = Some(ErrorMember { code, message, data });
    let response: Response<'_, ()> = Response { jsonrpc: "2.0", id, result: None, error };
    // Serializing strings cannot fail.
    serde_json::to_string(&response).unwrap_or_default()
}

impl ProtocolError {
    fn code_and_message(&self) -> (i32, &'static str) {
        match self {
            ProtocolError::Malformed => (-32_700, "The body is not JSON."),
            ProtocolError::InvalidRequest(message) => (-32_600, message),
            ProtocolError::UnknownMethod => {
                (-32_601, "Method not found. This server has tools only: tools/list lists them.")
            }
            ProtocolError::InvalidParams(message) => (-32_602, message),
            ProtocolError::Internal => (-32_603, "Server Error."),
            ProtocolError::HeaderMismatch(message) => (-32_020, message),
            ProtocolError::UnsupportedRevision { .. } => (-32_022, "Unsupported protocol version."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The id of a request, or the code of the error.
    fn id(body: &str) -> Result<Option<String>, i32> {
        match read(body.as_bytes()) {
            Ok(Incoming::Request(request)) => Ok(Some(request.id.get().to_owned())),
            Ok(Incoming::NoReply) => Ok(None),
            Err(error) => Err(error.code_and_message().0),
        }
    }

    #[test]
    fn ids_keep_their_spelling() {
        for spelling in ["1", "-7", "1.50", "1e400", "123456789012345678901234567890", r#""a\u0062""#, r#""""#] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":{spelling},"method":"ping"}}"#);
            assert_eq!(id(&body), Ok(Some(spelling.to_owned())), "{body}");
        }
        for id_of_other_type in ["null", "true", "[1]", "{}", &format!("\"{}\"", "x".repeat(MAX_ID))] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":{id_of_other_type},"method":"ping"}}"#);
            assert_eq!(id(&body), Err(-32_600), "{body}");
        }
    }

    #[test]
    fn messages_without_an_id_get_no_response() {
        for body in [
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","method":"ping","params":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":"1","error":{"code":1,"message":""}}"#,
        ] {
            assert_eq!(id(body), Ok(None), "{body}");
        }
    }

    #[test]
    fn anything_but_one_message_is_refused() {
        for (body, code) in [
            ("", -32_700),
            ("nonsense", -32_700),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"} {}"#, -32_700),
            ("[]", -32_600),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32_600),
            ("1", -32_600),
            ("{}", -32_600),
            (r#"{"id":1,"method":"ping"}"#, -32_600),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32_600),
            (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, -32_600),
            (r#"{"jsonrpc":"2.0","id":1}"#, -32_600),
            (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32_600),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#, -32_600),
        ] {
            assert_eq!(id(body), Err(code), "{body}");
        }
        assert!(matches!(read(b"\xff"), Err(ProtocolError::Malformed)));
    }
}
