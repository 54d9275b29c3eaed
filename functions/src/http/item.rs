//! The answer about one contact of a request about several.

use contacts::store::Outcome;
use lambda_http::http::StatusCode;
use serde::{Serialize, Serializer};

use super::error::HttpError;
use super::qyvo::{self, ErrorBody};
use crate::error::Error;

/// What a request of its own about the contact would have been answered: status, and contact or error. For example
/// `{"status":201,"outcome":"created","contact":{…}}` or `{"status":422,"errors":{"contacts.3.phone":["…"]}}`.
#[derive(Debug)]
pub struct ItemAnswer<T>(Result<(T, Outcome), HttpError>);

#[derive(Serialize)]
struct Upserted<'a, T> {
    status: u16,
    outcome: &'static str,
    contact: &'a T,
}

#[derive(Serialize)]
struct Failed<'a> {
    status: u16,
    #[serde(flatten)]
    body: ErrorBody<'a>,
}

impl<T> ItemAnswer<T> {
    /// The answer about a contact that was created or changed, or was not. An error that the caller cannot fix is logged.
    pub fn new(result: Result<(T, Outcome), Error>) -> Self {
        let result = result.map_err(HttpError::from);
        if let Err(error) = &result
            && qyvo::error_parts(error).0.is_server_error()
        {
            tracing::error!(%error, "a contact of the request failed");
        }
        ItemAnswer(result)
    }
}

impl<T: Serialize> Serialize for ItemAnswer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Ok((contact, outcome)) => {
                Upserted { status: StatusCode::CREATED.as_u16(), outcome: outcome.name(), contact }
                    .serialize(serializer)
            }
            Err(error) => {
                let (status, body) = qyvo::error_parts(error);
                Failed { status: status.as_u16(), body: body.of_item() }.serialize(serializer)
            }
        }
    }
}
