//! Logs: one JSON object per line, for CloudWatch.
//!
//! Names, phone numbers, email addresses, bodies and tokens are never logged. Ids of requests, tenants
//! and contacts are: a contact id cannot be turned back into a phone number.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging to standard output, at `AWS_LAMBDA_LOG_LEVEL` (default `INFO`, also for unknown values).
///
/// At `DEBUG`, the line of every call also has `read_units` and `write_units`: what its successful DynamoDB requests have
/// consumed.
///
/// The level applies to Carnet's own crates. All other crates log warnings and errors only, because
/// the lower levels of the AWS SDK show requests and responses.
pub fn init() {
    let level =
        std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let ours = Targets::new()
        .with_default(LevelFilter::WARN)
        // The runtime would log every failed event a second time.
        .with_target("lambda_runtime", LevelFilter::OFF)
        .with_target("contacts", level)
        .with_target(env!("CARGO_CRATE_NAME"), level);
    let json = fmt::layer().json().flatten_event(true).with_span_list(false).with_target(false);
    // Fails if a subscriber is set already, which then keeps logging.
    let _ = tracing_subscriber::registry().with(json).with(ours).try_init();
}
