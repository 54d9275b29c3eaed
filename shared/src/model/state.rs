//! The state of a conversation.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::summary::Summary;
use super::time::Timestamp;
use super::violation::Violation;

/// Who answers the contact, and what an inbox shows of the conversation.
///
/// Fields that have their default value are omitted from the stored item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Whether the bot or a person answers.
    #[serde(skip_serializing_if = "is_default")]
    pub bot_status: BotStatus,
    /// The conversation was archived in the inbox.
    #[serde(skip_serializing_if = "is_default")]
    pub archived: bool,
    /// The contact was blocked.
    #[serde(skip_serializing_if = "is_default")]
    pub blocked: bool,
    /// A conversation is under way.
    #[serde(skip_serializing_if = "is_default")]
    pub active_status: bool,
    /// The conversation has unread messages.
    #[serde(skip_serializing_if = "is_default")]
    pub has_unread_messages: bool,
    /// A summary of the conversation.
    #[serde(skip_serializing_if = "is_default")]
    pub summary: Option<Summary>,
    /// When the summary was written.
    #[serde(skip_serializing_if = "is_default")]
    pub summary_updated_at: Option<Timestamp>,
    /// The time of the latest event that set each of these fields or the locale, even to the same value.
    /// Last-writer-wins compares these times.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) event_times: BTreeMap<String, Timestamp>,
}

impl State {
    /// The fields whose latest event has a time.
    const TIMED: [&str; 7] =
        ["bot_status", "archived", "blocked", "active_status", "has_unread_messages", "summary", "locale"];

    /// The time of the latest event that set a field, by the name of the field.
    pub fn event_times(&self) -> &BTreeMap<String, Timestamp> {
        &self.event_times
    }

    /// Gives a new contact the event times of the one that it is a copy of. Names of other fields are left out.
    pub(crate) fn restore_event_times(&mut self, times: &BTreeMap<String, Timestamp>) {
        let known = times.iter().filter(|(field, _)| Self::TIMED.contains(&field.as_str()));
        self.event_times = known.map(|(field, time)| (field.clone(), *time)).collect();
    }
}

/// Who answers the contact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotStatus {
    /// The bot.
    #[default]
    Active,
    /// A person.
    Paused,
}

impl FromStr for BotStatus {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match text {
            "active" => Ok(BotStatus::Active),
            "paused" => Ok(BotStatus::Paused),
            _ => Err(Violation::NotOneOf(&["active", "paused"])),
        }
    }
}

/// Whether a value is its type's default.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
