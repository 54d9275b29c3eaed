//! Serialization of answers.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::Error;

/// The JSON text of an answer.
///
/// # Errors
/// [`Error::Internal`] if the value cannot be serialized.
pub(crate) fn to_raw<T: Serialize + ?Sized>(answer: &T) -> Result<Box<RawValue>, Error> {
    to_raw_value(answer).map_err(|error| Error::Internal(format!("an answer could not be serialized: {error}")))
}
