//! The seven dead-letter queues.

use clap::ValueEnum;
use contacts::model::Timestamp;
use serde_json::{Value, json};

/// A dead-letter queue, by what its messages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Source {
    /// Messages of MessageQueue
    #[value(alias = "MessageDeadLetters")]
    Message,
    /// Messages of ConsentQueue
    #[value(alias = "ConsentDeadLetters")]
    Consent,
    /// Messages of StateQueue
    #[value(alias = "StateDeadLetters")]
    State,
    /// Events of the bus that could not be delivered
    #[value(alias = "BusDeadLetters")]
    Bus,
    /// Asynchronous invocations
    #[value(alias = "InvocationDeadLetters")]
    Invocation,
    /// Events of files whose import could not be started
    #[value(alias = "ImportDeadLetters")]
    Import,
    /// Changes of contacts that could not be published
    #[value(alias = "StreamDeadLetters")]
    Stream,
}

/// How full a queue is.
pub(super) struct Queue {
    pub(super) source: Source,
    /// About how many messages can be received.
    pub(super) waiting: u64,
    /// About how many are in flight: received, and invisible to other receivers until they are deleted or time out.
    pub(super) in_flight: u64,
    /// When the oldest message that was seen was sent, as Unix time in seconds.
    pub(super) oldest: Option<i64>,
}

/// What `redrive` and `delete` did.
#[cfg_attr(not(feature = "cloud"), allow(dead_code))]
pub(super) struct Done {
    /// How many messages.
    pub(super) done: u64,
    /// About how many are still in the queue.
    pub(super) left: u64,
    /// Why messages were left, each once.
    pub(super) problems: Vec<String>,
}

impl Source {
    /// All of them, in the order of the stack's outputs.
    pub(super) const ALL: [Source; 7] = [
        Source::Message,
        Source::Consent,
        Source::State,
        Source::Bus,
        Source::Invocation,
        Source::Import,
        Source::Stream,
    ];

    /// The name as an argument.
    pub(super) fn name(self) -> &'static str {
        match self {
            Source::Message => "message",
            Source::Consent => "consent",
            Source::State => "state",
            Source::Bus => "bus",
            Source::Invocation => "invocation",
            Source::Import => "import",
            Source::Stream => "stream",
        }
    }

    /// The stack's output with the URL of the queue, which is also its logical id.
    pub(super) fn output(self) -> &'static str {
        match self {
            Source::Message => "MessageDeadLetters",
            Source::Consent => "ConsentDeadLetters",
            Source::State => "StateDeadLetters",
            Source::Bus => "BusDeadLetters",
            Source::Invocation => "InvocationDeadLetters",
            Source::Import => "ImportDeadLetters",
            Source::Stream => "StreamDeadLetters",
        }
    }

    /// What its messages are.
    pub(super) fn description(self) -> &'static str {
        match self {
            Source::Message => "messages of MessageQueue, for record-message",
            Source::Consent => "messages of ConsentQueue, for record-consent",
            Source::State => "messages of StateQueue, for set-contact-state",
            Source::Bus => "events of the bus that could not be delivered",
            Source::Invocation => "asynchronous invocations that failed",
            Source::Import => "events of files whose import could not be started",
            Source::Stream => "changes of contacts that could not be published",
        }
    }
}

impl Queue {
    /// For programs.
    pub(super) fn document(&self) -> Value {
        json!({
            "queue": self.source.name(),
            "output": self.source.output(),
            "source": self.source.description(),
            "waiting": self.waiting,
            "in_flight": self.in_flight,
            "oldest": self.oldest.and_then(|second| Timestamp::from_second(second).ok()),
        })
    }
}
