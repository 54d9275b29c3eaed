//! How an invocation ended.

use axum::body::Bytes;
use serde_json::json;

/// How an invocation ended. The payload is JSON in every case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvocationOutcome {
    /// The function answered with this.
    Answered(Bytes),
    /// The function reported an error, or its process failed.
    Failed(Bytes),
    /// The function did not answer within its `Timeout`.
    TimedOut(Bytes),
}

impl InvocationOutcome {
    /// The answer, or the error as `{"errorType", "errorMessage", …}`.
    pub fn payload(&self) -> &Bytes {
        match self {
            Self::Answered(payload) | Self::Failed(payload) | Self::TimedOut(payload) => payload,
        }
    }

    /// An error of the runtime, by Lambda's type.
    pub(crate) fn failure(error_type: &str, message: &str) -> Self {
        Self::Failed(error(error_type, message))
    }

    /// The process ended before it answered.
    pub(crate) fn exit(id: &str, status: &str) -> Self {
        Self::failure("Runtime.ExitError", &format!("RequestId: {id} Error: Runtime exited with error: {status}"))
    }

    /// The function did not answer within `seconds`.
    pub(crate) fn timeout(id: &str, seconds: f64) -> Self {
        let message = format!("RequestId: {id} Error: Task timed out after {seconds:.2} seconds");
        Self::TimedOut(error("Sandbox.Timedout", &message))
    }
}

fn error(error_type: &str, message: &str) -> Bytes {
    json!({ "errorType": error_type, "errorMessage": message }).to_string().into()
}
