//! Logs: one JSON object a line, for CloudWatch.
//!
//! What never comes into a log: names, phones, addresses, bodies, tokens. Ids of requests, tenants
//! and contacts do; a contact's id can't be turned back into a number.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging to standard output, at `AWS_LAMBDA_LOG_LEVEL` (default `INFO`).
///
/// The level is that of this crate alone. The SDK's own logs stay at warnings, whatever is asked
/// for: below that they show requests and answers.
pub fn init() {
    let level =
        std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let ours = Targets::new()
        .with_default(LevelFilter::WARN)
        // Would say of every event that fails what a door has said already.
        .with_target("lambda_runtime", LevelFilter::OFF)
        .with_target(env!("CARGO_CRATE_NAME"), level);
    let json = fmt::layer().json().flatten_event(true).with_span_list(false).with_target(false);
    // Fails where a subscriber is set already; then that one logs.
    let _ = tracing_subscriber::registry().with(json).with(ours).try_init();
}
