//! Qyvo's error statuses and bodies.

use contacts::store;
use indexmap::IndexMap;
use lambda_http::http::StatusCode;
use serde::Serialize;

use super::error::{BAD_KEY, HttpError};
use crate::error::{Error, FieldViolation};

/// The body of an error. Qyvo's own errors have different keys by kind; see `openapi.yaml`.
#[derive(Default, Serialize)]
pub(super) struct ErrorBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    /// `message` of a body that begins with `error`, as the wire contract prints it.
    #[serde(rename = "message", skip_serializing_if = "Option::is_none")]
    explanation: Option<&'a str>,
    /// One message per field, in the order in which the fields were read.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    errors: IndexMap<&'a str, [String; 1]>,
}

impl<'a> ErrorBody<'a> {
    /// The same text under `message` and `error`, for clients that read either key.
    pub(super) fn both(text: &'a str) -> Self {
        ErrorBody { message: Some(text), error: Some(text), ..ErrorBody::default() }
    }

    /// `error`, and then `message`.
    fn explained(error: &'a str, message: &'a str) -> Self {
        ErrorBody { error: Some(error), explanation: Some(message), ..ErrorBody::default() }
    }

    /// The body about one of several items: with `errors`, nothing else is needed.
    pub(super) fn of_item(self) -> Self {
        if self.errors.is_empty() { self } else { ErrorBody { message: None, ..self } }
    }

    pub(super) fn json(&self) -> String {
        // Serializing strings cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The status and body of an error, as JSON.
pub(super) fn error_response(error: &HttpError) -> (StatusCode, String) {
    let (status, body) = error_parts(error);
    (status, body.json())
}

/// The status and body of an error.
pub(super) fn error_parts(error: &HttpError) -> (StatusCode, ErrorBody<'_>) {
    let message = |text| ErrorBody { message: Some(text), ..ErrorBody::default() };
    // Without `message`, as Qyvo's pages print these errors.
    let rule = |text| ErrorBody { error: Some(text), ..ErrorBody::default() };
    let both = ErrorBody::both;
    match error {
        HttpError::NoToken | HttpError::Unauthenticated | HttpError::OtherTenant => {
            (StatusCode::UNAUTHORIZED, message("Unauthenticated."))
        }
        HttpError::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, both("Too Many Attempts.")),
        HttpError::NoTenant => (StatusCode::UNPROCESSABLE_ENTITY, rule("No workspace configured for this account.")),
        HttpError::BadKey => (StatusCode::UNPROCESSABLE_ENTITY, both(BAD_KEY)),
        HttpError::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, both("Service Unavailable.")),
        HttpError::Action(error) => match error {
            Error::Malformed => (StatusCode::UNPROCESSABLE_ENTITY, both("Malformed JSON.")),
            Error::Invalid(violations) => {
                let errors = violations.iter().map(|each: &FieldViolation| (each.path.as_str(), [each.message()]));
                let errors = errors.collect();
                (StatusCode::UNPROCESSABLE_ENTITY, ErrorBody { errors, ..message("The given data was invalid.") })
            }
            Error::NoKey(text) => (StatusCode::UNPROCESSABLE_ENTITY, rule(text)),
            Error::Rule(text) | Error::Missing { what: text, .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, ErrorBody::explained(text, text))
            }
            Error::NotFound { .. } | Error::Deleted => (StatusCode::NOT_FOUND, rule("Contact not found")),
            Error::AlreadyExists { .. } => (StatusCode::CONFLICT, both("Contact already exists")),
            Error::PreconditionFailed(text) => {
                (StatusCode::PRECONDITION_FAILED, ErrorBody::explained("Precondition Failed", text))
            }
            Error::Store(store::Error::Conflict | store::Error::Throttled | store::Error::Unavailable(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, both("Service Unavailable."))
            }
            Error::Store(store::Error::KeyReused) => {
                (StatusCode::UNPROCESSABLE_ENTITY, both("The Idempotency-Key was used with another body."))
            }
            Error::Store(store::Error::AnswerGone) => {
                let text = "The call was carried out before. Its answer was deleted with the contact.";
                (StatusCode::GONE, both(text))
            }
            Error::Store(
                store::Error::NotFound
                | store::Error::NumberTaken
                | store::Error::Unreadable(_)
                | store::Error::Internal(_),
            )
            | Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, both("Server Error.")),
        },
    }
}
