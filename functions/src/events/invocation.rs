//! The log span of an event, and the conversion of its error.

use lambda_http::Context;
use serde_json::value::RawValue;
use tracing::Instrument;

use super::error::{EventError, InvocationError};

/// Runs `answer` in the log span of the invocation; an error becomes the one that Lambda reports.
pub(crate) async fn logged(
    name: &str,
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
        match &answer {
            Ok(_) => tracing::info!("answered"),
            Err(error) => error.log(),
        }
        answer.map_err(|error| InvocationError::from(&error))
    }
    .instrument(span)
    .await
}
