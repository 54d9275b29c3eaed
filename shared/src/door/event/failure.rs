//! Errors as a state machine reads them: a type to catch, and a message that is JSON.
//!
//! | type | when |
//! |---|---|
//! | `ValidationFailed` | the input is wrong; `errors` lists the fields |
//! | `ContactNotFound` | there is no such contact |
//! | `ContactExists` | there is one already |
//! | `UnknownTenant` | there is no such tenant |
//! | `UnknownEvent` | it is no event this function knows |
//! | `Conflict`, `Throttled`, `TimedOut`, `OutOfTurn` | worth trying again |
//! | `InternalError` | ours to mend |

use std::fmt;

use lambda_http::lambda_runtime::Diagnostic;
use serde_json::{Map, Value, json};

use crate::error::Error;

/// What Lambda reports when an event fails.
#[derive(Debug)]
pub(in crate::door) struct Failed {
    kind: &'static str,
    message: String,
}

impl From<&Error> for Failed {
    fn from(error: &Error) -> Self {
        Failed { kind: kind(error), message: described(error).to_string() }
    }
}

impl From<Failed> for Diagnostic {
    fn from(failed: Failed) -> Self {
        Diagnostic { error_type: failed.kind.to_owned(), error_message: failed.message }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

/// An error's type, which is here to stay: state machines branch on it.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::Invalid(_) | Error::Malformed | Error::Rule(_) | Error::Missing { .. } => "ValidationFailed",
        Error::NotFound | Error::NobodyAt(_) => "ContactNotFound",
        Error::SomebodyAt(_) => "ContactExists",
        Error::UnknownTenant => "UnknownTenant",
        Error::UnknownEvent(_) => "UnknownEvent",
        Error::Conflict => "Conflict",
        Error::Throttled | Error::TooManyCalls(_) => "Throttled",
        Error::TimedOut => "TimedOut",
        Error::OutOfTurn => "OutOfTurn",
        Error::NoToken | Error::Unauthenticated | Error::NoTenant | Error::OtherTenant | Error::Internal(_) => {
            "InternalError"
        }
    }
}

/// Says in the log that an event failed: ours to mend is an error, the rest is the sender's.
pub(super) fn log(error: &Error) {
    let kind = kind(error);
    match error {
        Error::Internal(_) => tracing::error!(%error, kind, "failed"),
        _ => tracing::warn!(%error, kind, "failed"),
    }
}

/// The same of one record among several.
pub(super) fn log_record(message_id: &str, error: &Error) {
    let kind = kind(error);
    match error {
        Error::Internal(_) => tracing::error!(%error, kind, message_id, "a record failed"),
        _ => tracing::warn!(%error, kind, message_id, "a record failed"),
    }
}

/// An error as JSON: `message`, and `errors` by field where fields are wrong.
fn described(error: &Error) -> Value {
    let message = match error {
        Error::Invalid(_) => "The given data was invalid.".to_owned(),
        Error::Malformed => "The input must be an object.".to_owned(),
        Error::Internal(_) => "Server Error.".to_owned(),
        error => error.to_string(),
    };
    let mut description = json!({ "message": message });
    if let Error::Invalid(flaws) = error {
        let errors: Map<String, Value> =
            flaws.iter().map(|(field, flaw)| ((*field).to_owned(), json!([flaw.about(field)]))).collect();
        description["errors"] = errors.into();
    }
    description
}
