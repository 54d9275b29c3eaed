//! Errors as Qyvo words them.

use indexmap::IndexMap;
use lambda_http::http::StatusCode;
use serde::Serialize;

use crate::error::Error;

/// The body of an error. The keys of each are the contract's: its literal samples, where they
/// differ from its rules, win.
#[derive(Default, Serialize)]
pub(super) struct Failure<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    /// The fields, in the order they were looked at.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    errors: IndexMap<&'static str, [String; 1]>,
}

impl<'a> Failure<'a> {
    /// The same text for clients that look for a `message` and for those that look for an `error`.
    pub(super) fn both(text: &'a str) -> Self {
        Failure { message: Some(text), error: Some(text), errors: IndexMap::new() }
    }

    pub(super) fn json(&self) -> String {
        // Texts and a map of texts can't fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The status and body of an error.
pub(super) fn failure(error: &Error) -> (StatusCode, String) {
    let message = |text| Failure { message: Some(text), ..Failure::default() };
    let rule = |text| Failure { error: Some(text), ..Failure::default() };
    let both = Failure::both;
    let (status, body) = match error {
        Error::NoToken | Error::Unauthenticated | Error::OtherTenant => {
            (StatusCode::UNAUTHORIZED, message("Unauthenticated."))
        }
        Error::TooManyCalls(_) => (StatusCode::TOO_MANY_REQUESTS, both("Too Many Attempts.")),
        Error::NoTenant => (StatusCode::UNPROCESSABLE_ENTITY, rule("No workspace configured for this account.")),
        Error::Malformed => (StatusCode::UNPROCESSABLE_ENTITY, both("Malformed JSON.")),
        Error::Invalid(flaws) => {
            let errors = flaws.iter().map(|(field, flaw)| (*field, [flaw.about(field)])).collect();
            (StatusCode::UNPROCESSABLE_ENTITY, Failure { errors, ..message("The given data was invalid.") })
        }
        Error::Rule(text) | Error::Missing { what: text, .. } => (StatusCode::UNPROCESSABLE_ENTITY, rule(text)),
        Error::NotFound | Error::NobodyAt(_) => (StatusCode::NOT_FOUND, rule("Contact not found")),
        Error::SomebodyAt(_) => (StatusCode::CONFLICT, rule("Contact already exists")),
        Error::Conflict | Error::Throttled | Error::TimedOut | Error::OutOfTurn => {
            (StatusCode::SERVICE_UNAVAILABLE, both("Service Unavailable."))
        }
        // What is said of events comes to nobody who sends requests.
        Error::UnknownTenant | Error::UnknownEvent(_) | Error::Internal(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, both("Server Error."))
        }
    };
    (status, body.json())
}
