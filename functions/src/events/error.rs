//! What can go wrong with an event, and the error types that Lambda reports.
//!
//! A caller such as a Step Functions state machine can catch an error by its type. The message is JSON:
//! `{"message":"The given data was invalid.","errors":{"phone":["The phone field is required."]}}`, with
//! `errors` only for invalid fields.
//!
//! | error type | when |
//! |---|---|
//! | `ValidationFailed` | the input is invalid |
//! | `ContactNotFound` | the contact does not exist, or was deleted after the event had occurred |
//! | `ContactExists` | the contact exists already |
//! | `UnknownTenant` | the tenant does not exist or is being deleted, or `tenant_id` is not a UUID |
//! | `UnknownEvent` | the function does not take this event, it is not JSON, or `tenant_id` or `input` is missing |
//! | `Conflict` | other writers changed the contact during every attempt; a write may have been applied; retry |
//! | `Throttled` | DynamoDB throttled the requests; a write may have been applied; retry |
//! | `Unavailable` | DynamoDB cannot be reached or has a fault; a write may have been applied; retry |
//! | `TimedOut` | the time limit was reached; a write may have been applied; retry |
//! | `OutOfTurn` | an earlier record of the FIFO message group failed; only in the log |
//! | `InternalError` | a fault that the caller cannot fix |

use std::fmt;

use contacts::{access, store};
use lambda_http::lambda_runtime::Diagnostic;
use serde_json::{Map, Value, json};

use crate::error::Error;

/// Why an event failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum EventError {
    /// The function does not take this event. Says what is missing or wrong.
    #[error("unknown event: {0}")]
    UnknownEvent(&'static str),
    /// The tenant that the event names does not exist.
    #[error("unknown tenant")]
    UnknownTenant,
    /// The event was not finished within the time limit. A write may have been applied.
    #[error("the time limit was reached")]
    TimedOut,
    /// An earlier event of the same FIFO message group failed, so this one was not tried.
    #[error("an earlier event of the same message group failed")]
    OutOfTurn,
    /// The action failed.
    #[error(transparent)]
    Action(#[from] Error),
}

impl From<access::Error> for EventError {
    fn from(error: access::Error) -> Self {
        match error {
            access::Error::UnknownTenant => EventError::UnknownTenant,
            access::Error::Store(error) => EventError::Action(Error::Store(error)),
            // Events carry no token.
            error => EventError::Action(Error::Internal(error.to_string())),
        }
    }
}

impl From<store::Error> for EventError {
    fn from(error: store::Error) -> Self {
        EventError::Action(error.into())
    }
}

impl EventError {
    /// The error type. Part of the contract: state machines branch on it.
    fn error_type(&self) -> &'static str {
        match self {
            EventError::UnknownEvent(_) => "UnknownEvent",
            EventError::UnknownTenant => "UnknownTenant",
            EventError::TimedOut => "TimedOut",
            EventError::OutOfTurn => "OutOfTurn",
            EventError::Action(error) => match error {
                Error::Invalid(_) | Error::Malformed | Error::Rule(_) | Error::NoKey(_) | Error::Missing { .. } => {
                    "ValidationFailed"
                }
                Error::NotFound { .. } | Error::Deleted => "ContactNotFound",
                Error::AlreadyExists { .. } => "ContactExists",
                Error::Store(store::Error::Conflict) => "Conflict",
                Error::Store(store::Error::Throttled) => "Throttled",
                Error::Store(store::Error::Unavailable(_)) => "Unavailable",
                // Events have no idempotency keys and no preconditions.
                Error::Store(
                    store::Error::NotFound
                    | store::Error::NumberTaken
                    | store::Error::KeyReused
                    | store::Error::AnswerGone
                    | store::Error::Unreadable(_)
                    | store::Error::Internal(_),
                )
                | Error::PreconditionFailed(_)
                | Error::Internal(_) => "InternalError",
            },
        }
    }

    /// The error message as JSON: `message`, and `errors` by field if fields are invalid.
    fn description(&self) -> Value {
        let message = match self {
            EventError::Action(Error::Invalid(_)) => "The given data was invalid.".to_owned(),
            EventError::Action(Error::Malformed) => "The input must be an object.".to_owned(),
            EventError::Action(Error::Store(store::Error::Unavailable(_))) => "Service Unavailable.".to_owned(),
            _ if self.is_fault() => "Server Error.".to_owned(),
            error => error.to_string(),
        };
        let mut description = json!({ "message": message });
        if let EventError::Action(Error::Invalid(violations)) = self {
            let errors: Map<String, Value> =
                violations.iter().map(|each| (each.path.clone(), json!([each.message()]))).collect();
            description["errors"] = errors.into();
        }
        description
    }

    /// Whether the sender cannot fix the error.
    fn is_fault(&self) -> bool {
        self.error_type() == "InternalError"
    }

    /// Logs that the whole event failed: faults as errors, everything else as warnings.
    pub(crate) fn log(&self) {
        let (error, error_type) = (self, self.error_type());
        if self.is_fault() {
            tracing::error!(%error, error_type, "the event failed");
        } else {
            tracing::warn!(%error, error_type, "the event failed");
        }
    }

    /// Logs that one record of a batch failed.
    pub(crate) fn log_record(&self, record_id: &str) {
        let (error, error_type) = (self, self.error_type());
        if self.is_fault() {
            tracing::error!(%error, error_type, record_id, "a record failed");
        } else {
            tracing::warn!(%error, error_type, record_id, "a record failed");
        }
    }
}

/// The error that Lambda reports for a failed invocation.
#[derive(Debug)]
pub(crate) struct InvocationError {
    error_type: &'static str,
    message: String,
}

impl From<&EventError> for InvocationError {
    fn from(error: &EventError) -> Self {
        InvocationError { error_type: error.error_type(), message: error.description().to_string() }
    }
}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        Diagnostic { error_type: error.error_type.to_owned(), error_message: error.message }
    }
}

impl fmt::Display for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.error_type)
    }
}
