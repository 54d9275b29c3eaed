//! Messages of the Model Context Protocol in requests and responses. What they mean is in `crate::mcp`.

use lambda_http::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use lambda_http::{Body, Request};

use super::response;
use crate::mcp::{Answer, Headers};

/// The headers that belong to the protocol.
pub(super) fn headers(request: &Request) -> Headers<'_> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    Headers { revision: header("mcp-protocol-version"), method: header("mcp-method"), name: header("mcp-name") }
}

/// The statuses that the protocol asks for.
pub(super) fn to_response(answer: Answer) -> Response<Body> {
    match answer {
        Answer::Response(body) => response::json(StatusCode::OK, body),
        Answer::Refused(body) => response::json(StatusCode::BAD_REQUEST, body),
        Answer::UnknownMethod(body) => response::json(StatusCode::NOT_FOUND, body),
        Answer::Accepted => {
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
    }
}

/// Says to a caller without a valid token which kind of token is needed.
pub(super) fn add_challenge(status: StatusCode, headers: &mut HeaderMap) {
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
}
