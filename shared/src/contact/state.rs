//! How a conversation stands.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Whether a bot answers, and what an inbox shows of the conversation.
///
/// What is as in the beginning takes no room in the table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Who answers.
    #[serde(skip_serializing_if = "is_default")]
    pub bot_status: BotStatus,
    /// Put away by the people who answer.
    #[serde(skip_serializing_if = "is_default")]
    pub archived: bool,
    /// Not to be talked to.
    #[serde(skip_serializing_if = "is_default")]
    pub blocked: bool,
    /// In a conversation right now.
    #[serde(skip_serializing_if = "is_default")]
    pub active_status: bool,
    /// The last message has not been read.
    #[serde(skip_serializing_if = "is_default")]
    pub has_unread_messages: bool,
    /// What the conversation has been about.
    #[serde(skip_serializing_if = "is_default")]
    pub summary: Option<String>,
    /// When that was written.
    #[serde(skip_serializing_if = "is_default")]
    pub summary_updated_at: Option<Timestamp>,
}

/// Whether the bot answers this contact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotStatus {
    /// It does.
    #[default]
    Active,
    /// A person does.
    Paused,
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
