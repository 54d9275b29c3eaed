//! The time limit of an invocation.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_http::Context;

/// Time reserved for answering.
const RESERVE: Duration = Duration::from_millis(500);

/// How long an invocation may still run, minus the time reserved for the answer. When Lambda's own
/// timeout is reached, Lambda kills the process and API Gateway answers with its own error body.
pub(crate) fn time_left(context: &Context) -> Duration {
    let end = UNIX_EPOCH + Duration::from_millis(context.deadline);
    end.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(RESERVE)
}
