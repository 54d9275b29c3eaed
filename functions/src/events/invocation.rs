//! The log span of an event, and the conversion of its error.

use contacts::access::Access;
use lambda_http::Context;
use serde_json::value::RawValue;
use tracing::Instrument;

use super::error::{EventError, InvocationError};

/// Runs `answer` in the log span of the invocation; an error becomes the one that Lambda reports. `access` knows what
/// the invocation has consumed, if that is reported.
pub(crate) async fn logged(
    name: &str,
    access: &Access,
    context: &Context,
    answer: impl Future<Output = Result<Box<RawValue>, EventError>>,
) -> Result<Box<RawValue>, InvocationError> {
    let request_id = context.request_id.as_str();
    let span = tracing::info_span!(
        "call",
        action = name,
        request_id,
        invocation_id = request_id,
        tenant_id = tracing::field::Empty
    );
    async {
        let answer = answer.await;
        if let Err(error) = &answer {
            error.log();
        }
        let units = access.take_units();
        let (read_units, write_units) = (units.map(|units| units.read), units.map(|units| units.write));
        match &answer {
            Ok(_) => tracing::info!(read_units, write_units, "answered"),
            Err(_) => tracing::debug!(read_units, write_units, "failed"),
        }
        answer.map_err(|error| InvocationError::from(&error))
    }
    .instrument(span)
    .await
}
