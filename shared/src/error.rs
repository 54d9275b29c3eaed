//! What can go wrong in an action. Which one to use:
//!
//! - the caller is not known: [`Error::NoToken`], [`Error::Unauthenticated`]; known, but without a
//!   tenant: [`Error::NoTenant`], or with another than it names: [`Error::OtherTenant`];
//! - an event names a tenant nobody is: [`Error::UnknownTenant`]; it is no event of ours:
//!   [`Error::UnknownEvent`];
//! - a token has called too often: [`Error::TooManyCalls`];
//! - a value is wrong: [`Error::Invalid`], naming the field; the values are right but don't go
//!   together: [`Error::Rule`], in the contract's words; one of them is missing:
//!   [`Error::Missing`]; the body is no JSON object: [`Error::Malformed`];
//! - what is asked for is not there, or is another tenant's: [`Error::NotFound`],
//!   [`Error::NobodyAt`]; it is there, and should not be: [`Error::SomebodyAt`];
//! - others keep writing the same contact: [`Error::Conflict`]; the table asks for patience:
//!   [`Error::Throttled`]; there is no time left: [`Error::TimedOut`];
//! - anything a caller can do nothing about: [`Error::Internal`], whose cause is logged and never
//!   shown.
//!
//! What each looks like from outside is for the door to say.

use crate::contact::Flaw;

/// Why an action has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No token.
    #[error("no token was given")]
    NoToken,
    /// A token nobody was granted, or whose time is over.
    #[error("the caller is not known")]
    Unauthenticated,
    /// The caller's user belongs to no tenant.
    #[error("the caller has no tenant")]
    NoTenant,
    /// The caller names a tenant that is not theirs.
    #[error("the caller belongs to another tenant")]
    OtherTenant,
    /// No tenant has the id that an event names.
    #[error("there is no such tenant")]
    UnknownTenant,
    /// An event is none that a function knows; what is missing from it.
    #[error("unknown event: {0}")]
    UnknownEvent(&'static str),
    /// The token has had all its calls; the next one is in so many seconds.
    #[error("too many calls; the next one in {0} s")]
    TooManyCalls(u64),
    /// The input is not a JSON object.
    #[error("the input is no JSON object")]
    Malformed,
    /// Fields and what is wrong with each, in the order they were looked at.
    #[error("invalid input: {}", fields(.0))]
    Invalid(Vec<(&'static str, Flaw)>),
    /// Valid fields that break a rule together; the text is shown.
    #[error("{0}")]
    Rule(&'static str),
    /// A value is not given, or none of several; both texts are shown.
    #[error("{what}")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// No such contact in this tenant.
    #[error("contact not found")]
    NotFound,
    /// Nobody has the number; its digits are shown to the caller, and not logged.
    #[error("no contact has the number")]
    NobodyAt(String),
    /// Somebody has the number; its digits are shown to the caller, and not logged.
    #[error("a contact has the number")]
    SomebodyAt(String),
    /// The contact changed under every attempt to write it.
    #[error("the contact kept changing")]
    Conflict,
    /// The table takes no more requests for now.
    #[error("the table is throttled")]
    Throttled,
    /// There was no time left to finish; what was to be written may have been, or not.
    #[error("the call ran out of time")]
    TimedOut,
    /// An event before it, which it has to come after, failed.
    #[error("an event before it failed")]
    OutOfTurn,
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
