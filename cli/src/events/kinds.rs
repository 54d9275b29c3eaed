//! The kinds of sample events, and the actions they ask for.

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// The service that sends an event, and in which format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SampleKind {
    /// A direct invocation, for example by Step Functions or another function
    Direct,
    /// Messages of a standard queue
    Sqs,
    /// Messages of a FIFO queue
    SqsFifo,
    /// Messages of a queue as EventBridge Pipes sends them
    Pipes,
    /// An event of an event bus
    Eventbridge,
    /// A request to the HTTP API or a function URL: payload format 2.0
    Http,
    /// A request to a REST API: payload format 1.0
    Rest,
    /// Stream records of the contacts table, whatever the action
    Dynamodb,
}

/// The action that an event asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SampleAction {
    /// Create a contact, or update the one with that phone
    CreateContact,
    /// Count a message that was sent or received, and store its time
    RecordMessage,
    /// Store that a person has opted in or out
    RecordConsent,
    /// Store the state of a conversation
    SetContactState,
}

impl SampleAction {
    /// A made-up input. Message ids are random, because a message that is recorded twice counts once.
    pub(super) fn input(self) -> Value {
        let phone = "+14155550123";
        let occurred_at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        match self {
            Self::CreateContact => {
                json!({ "phone": phone, "name": "Ada Lovelace", "email": "ada@example.com", "tags": "vip, newsletter" })
            }
            Self::RecordMessage => {
                json!({ "phone": phone, "direction": "in", "message_id": format!("wamid.{}", Uuid::new_v4()), "occurred_at": occurred_at })
            }
            Self::RecordConsent => {
                json!({ "phone": phone, "consent": "opt_in", "occurred_at": occurred_at, "method": "whatsapp" })
            }
            Self::SetContactState => json!({
                "phone": phone, "bot_status": "paused", "archived": false, "blocked": false, "active_status": true,
                "has_unread_messages": true, "contact_summary": "Asked about the analytical engine.",
                "locale": "en-GB", "occurred_at": occurred_at,
            }),
        }
    }
}
