//! `carnet events`: ready-made events, to look at, to change, and to send with [`carnet send`](crate::send).

mod samples;

use std::io::{self, Write};

use clap::{Args as ClapArgs, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// Stands for a tenant where none is given; there is none with this id.
const NOBODY: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000);

/// Options of `carnet events`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The kind of event; without one, the kinds are listed
    kind: Option<Kind>,
    /// What it asks for
    #[arg(default_value = "create-contact")]
    action: Action,
    /// The tenant it is for, by id
    #[arg(long, value_name = "ID", default_value_t = NOBODY)]
    tenant: Uuid,
}

/// How a call arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// From a state machine, another function or a test: one call
    Direct,
    /// Messages of a standard queue
    Sqs,
    /// Messages of a FIFO queue
    SqsFifo,
    /// Messages of a queue, as EventBridge Pipes hands them over
    Pipes,
    /// An event of a bus
    Eventbridge,
    /// A request to the HTTP API, or a function URL: payload format 2.0
    Http,
    /// A request to a REST API: payload format 1.0
    Rest,
    /// Changes of the contacts table, whatever the action
    Dynamodb,
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Action {
    /// Make a contact, or change the one with that phone
    CreateContact,
    /// Count a message, and remember when it came
    RecordMessage,
    /// Remember that somebody agreed to be written to, or refused
    RecordConsent,
    /// Say how a conversation stands
    SetContactState,
}

impl Action {
    /// A made-up input. Messages differ each time: one that comes again isn't counted twice.
    fn input(self) -> Value {
        let phone = "+14155550123";
        let at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        match self {
            Self::CreateContact => {
                json!({ "phone": phone, "name": "Ada Lovelace", "email": "ada@example.com", "tags": "vip, newsletter" })
            }
            Self::RecordMessage => {
                json!({ "phone": phone, "direction": "in", "message_id": format!("wamid.{}", Uuid::new_v4()), "occurred_at": at })
            }
            Self::RecordConsent => {
                json!({ "phone": phone, "consent": "opt_in", "occurred_at": at, "method": "whatsapp" })
            }
            Self::SetContactState => json!({
                "phone": phone, "bot_status": "paused", "archived": false, "blocked": false, "active_status": true,
                "has_unread_messages": true, "contact_summary": "Asked about the analytical engine.",
                "locale": "en-GB", "occurred_at": at,
            }),
        }
    }
}

/// Prints an event, or what kinds there are.
///
/// # Errors
/// When nobody reads what is printed.
pub fn run(args: &Args) -> io::Result<()> {
    let text = match args.kind {
        Some(kind) => format!("{:#}\n", samples::event(kind, args.action, args.tenant)),
        None => list(),
    };
    io::stdout().lock().write_all(text.as_bytes())
}

/// The kinds and actions with their descriptions, and how to go on.
fn list() -> String {
    let mut text = String::new();
    let mut table = |title: &str, values: &mut dyn Iterator<Item = clap::builder::PossibleValue>| {
        text.push_str(&format!("{title}:\n"));
        for value in values {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("  {:<18} {help}\n", value.get_name()));
        }
    };
    table("Kinds", &mut Kind::value_variants().iter().filter_map(Kind::to_possible_value));
    table("Actions", &mut Action::value_variants().iter().filter_map(Action::to_possible_value));
    text + "\ncarnet events direct record-message --tenant ID | carnet send record-message -\n"
}
