//! Reading a request's body up to a limit.

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;

/// The largest event and the largest answer of a function.
pub(super) const FUNCTION_LIMIT: usize = 6 * 1024 * 1024;

/// Why there is no body.
pub(super) enum Unread {
    /// It has more bytes than allowed: so many.
    TooLarge(usize),
    /// The sender went away.
    Cut,
}

/// Reads a body. One that is too large is read to its end and thrown away: a client that is still
/// sending wouldn't see the refusal.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, Unread> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Cut)?.into_data() else {
            continue;
        };
        length += data.len();
        if length <= limit {
            bytes.extend_from_slice(&data);
        }
    }
    if length > limit { Err(Unread::TooLarge(length)) } else { Ok(bytes.into()) }
}
