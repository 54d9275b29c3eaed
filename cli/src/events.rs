//! `carnet events`: prints sample events, to look at, to change, and to send with `carnet send`; and, with `tail`, the
//! events that a stack has published.

mod kinds;
mod samples;
mod tail;

use std::io::{self, Write};

use carnet_local::BoxError;
use clap::builder::PossibleValue;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use uuid::Uuid;

use kinds::{SampleAction, SampleKind};

/// A tenant id that no tenant has, for samples without `--tenant`.
const NO_TENANT: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000);

/// Options of `carnet events`.
#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The kind of event to print; without one, the kinds are listed
    kind: Option<SampleKind>,
    /// The action that the event asks for; ignored for `dynamodb`
    #[arg(default_value = "create-contact")]
    action: SampleAction,
    /// Tenant id in the event, from `GET /api/v1/me`; no tenant has the default, so functions answer UnknownTenant
    #[arg(long, value_name = "ID", default_value_t = NO_TENANT)]
    tenant: Uuid,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the events that a stack has published on its event buses, one JSON object per line
    Tail(tail::Args),
}

/// Prints an event, the kinds of events, or the published events.
///
/// # Errors
/// When standard output cannot be written; for `tail`, also when the published events cannot be read.
pub(crate) async fn run(args: Args) -> Result<(), BoxError> {
    if let Some(Command::Tail(args)) = args.command {
        return Ok(tail::run(args).await?);
    }
    let text = match args.kind {
        Some(kind) => format!("{:#}\n", samples::event(kind, args.action, args.tenant)),
        None => list(),
    };
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

/// The kinds and actions with their descriptions, and an example.
fn list() -> String {
    let mut text = String::new();
    let mut table = |title: &str, values: &mut dyn Iterator<Item = PossibleValue>| {
        text.push_str(&format!("{title}:\n"));
        for value in values {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("  {:<18} {help}\n", value.get_name()));
        }
    };
    table("Kinds", &mut SampleKind::value_variants().iter().filter_map(SampleKind::to_possible_value));
    table("Actions", &mut SampleAction::value_variants().iter().filter_map(SampleAction::to_possible_value));
    text + "\ncarnet events direct record-message --tenant ID | carnet send record-message -\n"
}
