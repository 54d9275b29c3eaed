//! What can go wrong in an action. Which one to use:
//!
//! - the caller is not known: [`Error::Unauthenticated`]; known, but without a tenant: [`Error::NoTenant`];
//! - a value is wrong: [`Error::Invalid`], naming the field; the values are right but don't go
//!   together: [`Error::Rule`], in the contract's words; the body is no JSON object: [`Error::Malformed`];
//! - what is asked for is not there, or is another tenant's: [`Error::NotFound`];
//! - others keep writing the same contact: [`Error::Conflict`]; the table asks for patience:
//!   [`Error::Throttled`]; there is no time left: [`Error::TimedOut`];
//! - anything a caller can do nothing about: [`Error::Internal`], whose cause is logged and never
//!   shown.
//!
//! What each looks like from outside is for the door to say.

use crate::contact::Flaw;

/// Why an action has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token, or none that is valid.
    #[error("the caller is not known")]
    Unauthenticated,
    /// The caller's user belongs to no tenant.
    #[error("the caller has no tenant")]
    NoTenant,
    /// The input is not a JSON object.
    #[error("the input is no JSON object")]
    Malformed,
    /// Fields and what is wrong with each, in the order they were looked at.
    #[error("invalid input: {}", fields(.0))]
    Invalid(Vec<(&'static str, Flaw)>),
    /// Valid fields that break a rule together; the text is shown.
    #[error("{0}")]
    Rule(&'static str),
    /// No such contact in this tenant.
    #[error("contact not found")]
    NotFound,
    /// The contact changed under every attempt to write it.
    #[error("the contact kept changing")]
    Conflict,
    /// The table takes no more requests for now.
    #[error("the table is throttled")]
    Throttled,
    /// There was no time left to finish; what was to be written may have been, or not.
    #[error("the call ran out of time")]
    TimedOut,
    /// Ours to mend. The text is for the log.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// One field is wrong.
    pub fn invalid(field: &'static str, flaw: Flaw) -> Self {
        Error::Invalid(vec![(field, flaw)])
    }
}

/// Names and flaws only: no value of a caller's may come into a log.
fn fields(flaws: &[(&'static str, Flaw)]) -> String {
    flaws.iter().map(|(field, flaw)| flaw.about(field)).collect::<Vec<_>>().join(" ")
}
