//! What FlowIQ has of its own: keys, the tenant named in the query, and the wording of errors.

use lambda_http::http::StatusCode;
use serde::Serialize;

use super::qyvo;
use crate::access::Tenant;
use crate::contact::Flaw;
use crate::error::Error;

/// Refuses what is no key of FlowIQ's, whoever it belongs to.
pub(super) fn check_key(token: &str) -> Result<(), Error> {
    if token.starts_with("fiq_") { Ok(()) } else { Err(Error::Unauthenticated) }
}

/// The caller's tenant, if it is the one named. The name is a check and gives access to nothing.
pub(super) fn named_tenant<'a>(own: Option<&'a Tenant>, named: Option<&str>) -> Result<&'a Tenant, Error> {
    let Some(named) = named.map(str::trim).filter(|named| !named.is_empty()) else {
        return Err(Error::Missing { what: "Tenant ID is required", hint: "Please provide tenantId query parameter" });
    };
    own.filter(|own| own.slug() == named).ok_or(Error::OtherTenant)
}

/// The body of an error.
#[derive(Serialize)]
struct Failure<'a> {
    /// Not in every error: the contract's literal samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    error: &'a str,
    message: &'a str,
}

/// The status and body of an error.
pub(super) fn failure(error: &Error) -> (StatusCode, String) {
    let refused = |error, message| Failure { success: Some(false), error, message };
    let sentence: String;
    let (status, body) = match error {
        Error::NoToken => {
            (StatusCode::UNAUTHORIZED, refused("Authorization required", "Please provide Authorization bearer token"))
        }
        Error::Unauthenticated => {
            (StatusCode::UNAUTHORIZED, refused("Invalid API key", "The API key is invalid or expired"))
        }
        Error::NoTenant | Error::OtherTenant => (
            StatusCode::UNAUTHORIZED,
            refused("Authentication mismatch", "Bearer token does not match the provided tenantId"),
        ),
        Error::Missing { what, hint } => (StatusCode::BAD_REQUEST, refused(what, hint)),
        Error::Malformed => (StatusCode::BAD_REQUEST, refused("Malformed JSON", "The body must be a JSON object")),
        Error::Invalid(flaws) => {
            sentence = flaws.iter().map(|(field, flaw)| flaw.about(field)).collect::<Vec<_>>().join(" ");
            (StatusCode::BAD_REQUEST, refused(invalid(flaws), &sentence))
        }
        Error::Rule(text) => (StatusCode::BAD_REQUEST, refused(text, text)),
        Error::NotFound => (StatusCode::NOT_FOUND, refused("Contact not found", "No such contact")),
        Error::NobodyAt(digits) => {
            sentence = format!("No contact found with phone number {digits}");
            (StatusCode::NOT_FOUND, Failure { success: None, error: "Contact not found", message: &sentence })
        }
        Error::SomebodyAt(digits) => {
            sentence = format!("A contact with phone number {digits} already exists");
            (StatusCode::CONFLICT, Failure { success: None, error: "Contact already exists", message: &sentence })
        }
        // What is not about contacts is worded alike in both dialects.
        Error::TooManyCalls(_)
        | Error::Conflict
        | Error::Throttled
        | Error::TimedOut
        | Error::OutOfTurn
        | Error::UnknownTenant
        | Error::UnknownEvent(_)
        | Error::Internal(_) => return qyvo::failure(error),
    };
    // Texts can't fail to be written.
    (status, serde_json::to_string(&body).unwrap_or_default())
}

/// What is wrong, in a word: with the number, if that is among it.
fn invalid(flaws: &[(&'static str, Flaw)]) -> &'static str {
    match flaws.iter().find(|(field, _)| *field == "phone_number") {
        Some((_, Flaw::Required)) => "Phone number is required",
        Some(_) => "Invalid phone number",
        None => "Validation failed",
    }
}
