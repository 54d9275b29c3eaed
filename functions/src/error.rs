//! What can go wrong in an action.
//!
//! | situation | error |
//! |---|---|
//! | the input is not a JSON object | [`Error::Malformed`] |
//! | values are wrong | [`Error::Invalid`], with the path of every field |
//! | the values are valid but contradict a rule | [`Error::Rule`], with the text that clients read |
//! | the values are valid but name no contact | [`Error::NoKey`], with the text that clients read |
//! | a required parameter is missing (FlowIQ) | [`Error::Missing`] |
//! | the contact does not exist, or belongs to another tenant | [`Error::NotFound`] |
//! | the contact was deleted, and the event is not applied to a new one | [`Error::Deleted`] |
//! | the contact exists, and must not | [`Error::AlreadyExists`] |
//! | `If-Match` or `If-None-Match` is not met | [`Error::PreconditionFailed`], with the text that clients read |
//! | the store failed | [`Error::Store`] |
//! | a fault that the caller cannot fix | [`Error::Internal`], which is logged and not shown |
//!
//! `http::qyvo` and `http::flowiq` map these errors to statuses and bodies, `events::error` to Lambda error types.

use contacts::model::Violation;
use contacts::store;

/// Why an action failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The input is not a JSON object.
    #[error("the input is not a JSON object")]
    Malformed,
    /// Fields have invalid values. In the order in which the fields were read.
    #[error("invalid input: {}", messages(.0))]
    Invalid(Vec<FieldViolation>),
    /// The values are valid but contradict a rule. The text is shown to the caller.
    #[error("{0}")]
    Rule(&'static str),
    /// The input names no contact. The text is shown to the caller.
    #[error("{0}")]
    NoKey(&'static str),
    /// A required parameter is missing. Both texts are shown to the caller.
    #[error("{what}")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// The tenant has no such contact.
    #[error("contact not found")]
    NotFound {
        /// The digits of the number that was looked up. Shown to the caller and never logged.
        digits: Option<String>,
    },
    /// The contact was deleted, and the event does not create it again. Delivering it again would change nothing, so SQS
    /// and EventBridge need not.
    #[error("the contact was deleted")]
    Deleted,
    /// The tenant already has a contact with this number.
    #[error("contact already exists")]
    AlreadyExists {
        /// The digits of the number. Shown to the caller and never logged.
        digits: String,
    },
    /// `If-Match` or `If-None-Match` is not met. The text is shown to the caller. Events have no conditions.
    #[error("{0}")]
    PreconditionFailed(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(store::Error),
    /// A fault that the caller cannot fix. The text is for the log only.
    #[error("{0}")]
    Internal(String),
}

/// A field with an invalid value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The path of the field: `phone`, or `contacts.3.phone` within a list.
    pub path: String,
    /// What is wrong with its value.
    pub violation: Violation,
}

impl FieldViolation {
    /// The message that clients read.
    pub(crate) fn message(&self) -> String {
        self.violation.message(&self.path)
    }
}

impl Error {
    /// Tags were added to a contact that has as many as it can have.
    pub const TOO_MANY_TAGS: Self = Error::Rule("A contact can have at most 45 tags.");

    /// One field has an invalid value.
    pub fn invalid(path: &str, violation: Violation) -> Self {
        Error::Invalid(vec![FieldViolation { path: path.to_owned(), violation }])
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound => Error::NotFound { digits: None },
            store::Error::NumberTaken => Error::AlreadyExists { digits: String::new() },
            error => Error::Store(error),
        }
    }
}

/// The messages of all violations. They name fields and rules, never values, so they may be logged.
pub(crate) fn messages(violations: &[FieldViolation]) -> String {
    violations.iter().map(FieldViolation::message).collect::<Vec<_>>().join(" ")
}
