//! FlowIQ's own rules: the key prefix, the tenant in the query, and the error statuses and bodies.

use contacts::access::SecretKind;
use contacts::model::{Tenant, Violation, trim};
use lambda_http::http::{Method, StatusCode};
use serde::Serialize;

use super::error::{BAD_KEY, HttpError};
use super::qyvo;
use crate::error::{Error, FieldViolation, messages};

/// The query parameter that names the tenant.
pub(super) const TENANT: &str = "tenantId";

/// Rejects tokens without FlowIQ's prefix.
pub(super) fn check_key(token: &str) -> Result<(), HttpError> {
    if SecretKind::of(token) == SecretKind::FlowIq { Ok(()) } else { Err(HttpError::Unauthenticated) }
}

/// The token's tenant, if the query parameter [`TENANT`] equals its slug: 401 if it differs or the token has no tenant.
/// Only a GET has to have the parameter, and gets 400 without it.
pub(super) fn named_tenant<'a>(
    own: Option<&'a Tenant>,
    method: &Method,
    slug: Option<&str>,
) -> Result<&'a Tenant, HttpError> {
    match slug.map(trim).filter(|slug| !slug.is_empty()) {
        Some(slug) => own.filter(|own| own.slug() == slug).ok_or(HttpError::OtherTenant),
        None if method == Method::GET => {
            let what = "Tenant ID is required";
            Err(Error::Missing { what, hint: "Please provide tenantId query parameter" }.into())
        }
        None => own.ok_or(HttpError::NoTenant),
    }
}

/// The body of an error.
#[derive(Serialize)]
struct ErrorBody<'a> {
    /// `false`, or absent: FlowIQ's own errors differ by status.
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    error: &'a str,
    message: &'a str,
}

/// The status and body of an error.
pub(super) fn error_response(error: &HttpError) -> (StatusCode, String) {
    let failure = |error, message| ErrorBody { success: Some(false), error, message };
    let text: String;
    let (status, body) = match error {
        HttpError::NoToken => {
            (StatusCode::UNAUTHORIZED, failure("Authorization required", "Please provide Authorization bearer token"))
        }
        HttpError::Unauthenticated => {
            (StatusCode::UNAUTHORIZED, failure("Invalid API key", "The API key is invalid or expired"))
        }
        HttpError::NoTenant | HttpError::OtherTenant => (
            StatusCode::UNAUTHORIZED,
            failure("Authentication mismatch", "Bearer token does not match the provided tenantId"),
        ),
        HttpError::BadKey => (StatusCode::BAD_REQUEST, failure("Invalid Idempotency-Key", BAD_KEY)),
        HttpError::Action(Error::Missing { what, hint }) => (StatusCode::BAD_REQUEST, failure(what, hint)),
        HttpError::Action(Error::Malformed) => {
            (StatusCode::BAD_REQUEST, failure("Malformed JSON", "The body must be a JSON object"))
        }
        HttpError::Action(Error::Invalid(violations)) => {
            text = messages(violations);
            (StatusCode::BAD_REQUEST, failure(title(violations), &text))
        }
        HttpError::Action(Error::Rule(rule) | Error::NoKey(rule)) => (StatusCode::BAD_REQUEST, failure(rule, rule)),
        HttpError::Action(Error::NotFound { digits }) => {
            text = match digits {
                Some(digits) => format!("No contact found with phone number {digits}"),
                None => "No such contact".to_owned(),
            };
            (StatusCode::NOT_FOUND, ErrorBody { success: None, error: "Contact not found", message: &text })
        }
        HttpError::Action(Error::AlreadyExists { digits }) => {
            text = format!("A contact with phone number {digits} already exists");
            (StatusCode::CONFLICT, ErrorBody { success: None, error: "Contact already exists", message: &text })
        }
        // The remaining errors have the same body in both dialects.
        HttpError::RateLimited { .. }
        | HttpError::TimedOut
        | HttpError::Action(Error::Deleted | Error::PreconditionFailed(_) | Error::Store(_) | Error::Internal(_)) => {
            return qyvo::error_response(error);
        }
    };
    // Serializing strings cannot fail.
    (status, serde_json::to_string(&body).unwrap_or_default())
}

/// The short form of a validation error.
fn title(violations: &[FieldViolation]) -> &'static str {
    match violations.iter().find(|each| each.path == "phone_number") {
        Some(FieldViolation { violation: Violation::Required, .. }) => "Phone number is required",
        Some(_) => "Invalid phone number",
        None => "Validation failed",
    }
}
