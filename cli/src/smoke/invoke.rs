//! What does not go through the HTTP API: invocations, queues, the bus, dead letters (`--invoke`).

use std::time::Duration;

use super::aws::Aws;
use super::report::Report;
use super::run::Sides;
use super::{dead_letters, events, units};

/// What is run.
pub(super) struct Settings {
    /// Whether the units of each action are measured.
    pub(super) units: bool,
    /// Whether the token is a FlowIQ key.
    pub(super) flowiq: bool,
    /// How long dead letters are waited for; zero sends none.
    pub(super) patience: Duration,
}

/// Runs all of it. What AWS refuses is a case of the report, so that later steps and the clean-up are run.
pub(super) async fn run(aws: &Aws, settings: Settings, sides: &mut Sides, report: &mut Report) {
    // Sent first, because they arrive after minutes.
    let sent = match settings.patience.is_zero() {
        true => Vec::new(),
        false => dead_letters::send(aws, sides.deployment.value("run"), report).await,
    };
    events::run(aws, sides, report).await;
    if settings.units {
        units::run(aws, sides, settings.flowiq, report).await;
    }
    dead_letters::collect(aws, sent, settings.patience, report).await;
}
