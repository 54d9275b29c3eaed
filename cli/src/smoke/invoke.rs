//! What does not go through the HTTP API: invocations, queues, the bus, dead letters (`--invoke`).

use std::time::Duration;

use carnet_local::BoxError;

use super::aws::Aws;
use super::report::Report;
use super::run::Sides;
use super::{dead_letters, events, units};
use crate::cloud::{DeployedStack, config};

/// The contact that events create and change, by the number of its telephone number.
const EVENT_CONTACT: usize = 3;
/// The contact whose calls are measured.
const MEASURED_CONTACT: usize = 4;

/// What is run.
pub(super) struct Settings {
    /// Whether the units of each action are measured.
    pub(super) units: bool,
    /// Whether the token is a FlowIQ key.
    pub(super) flowiq: bool,
    /// How long dead letters are waited for; zero sends none.
    pub(super) patience: Duration,
}

/// Runs all of it. Returns the numbers of the contacts that it has created.
///
/// # Errors
/// When the stack cannot be described or the report cannot be written.
pub(super) async fn run(
    stack: &str,
    settings: Settings,
    sides: &mut Sides,
    report: &mut Report,
) -> Result<Vec<usize>, BoxError> {
    let config = config().await;
    let stack = DeployedStack::describe(&config, stack).await?;
    let aws = Aws {
        stack,
        lambda: aws_sdk_lambda::Client::new(&config),
        sqs: aws_sdk_sqs::Client::new(&config),
        eventbridge: aws_sdk_eventbridge::Client::new(&config),
    };
    // Sent first, because they arrive after minutes.
    let sent = match settings.patience.is_zero() {
        true => Vec::new(),
        false => dead_letters::send(&aws, sides.deployment.value("run"), report).await?,
    };
    events::run(&aws, sides, report).await?;
    let mut contacts = vec![EVENT_CONTACT];
    if settings.units {
        units::run(&aws, sides, settings.flowiq, report).await?;
        contacts.push(MEASURED_CONTACT);
    }
    dead_letters::collect(&aws, sent, settings.patience, report).await?;
    Ok(contacts)
}
