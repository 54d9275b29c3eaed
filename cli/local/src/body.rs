//! Reading a request's body up to a limit.

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;

/// The largest event and the largest answer of a function, in bytes, as in Lambda.
pub(crate) const FUNCTION_LIMIT: usize = 6 * 1024 * 1024;

/// Why a body was not read.
pub(crate) enum Unread {
    /// It is longer than allowed: this many bytes.
    TooLarge(usize),
    /// The sender closed the connection.
    Aborted,
}

/// Reads a body of at most `limit` bytes. A longer one is read to its end and dropped: a client that is still sending
/// would not see the refusal.
pub(crate) async fn read(mut body: Body, limit: usize) -> Result<Bytes, Unread> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Aborted)?.into_data() else {
            continue;
        };
        length += data.len();
        if length <= limit {
            bytes.extend_from_slice(&data);
        }
    }
    if length > limit { Err(Unread::TooLarge(length)) } else { Ok(bytes.into()) }
}
