//! How a conversation stands.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Contact, Flaw, Locale, Patch, Summary};
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
    pub summary: Option<Summary>,
    /// When that was written.
    #[serde(skip_serializing_if = "is_default")]
    pub summary_updated_at: Option<Timestamp>,
    /// When each of these, and the locale, was last said, by the account of who said it.
    #[serde(skip_serializing_if = "is_default")]
    said_at: BTreeMap<String, Timestamp>,
}

impl State {
    /// As clients see it.
    pub(super) fn as_seen(&self) -> State {
        State { said_at: BTreeMap::new(), ..self.clone() }
    }
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

impl FromStr for BotStatus {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        match text {
            "active" => Ok(BotStatus::Active),
            "paused" => Ok(BotStatus::Paused),
            _ => Err(Flaw::NotOneOf(&["active", "paused"])),
        }
    }
}

/// What is said of how a conversation stands; what is left out stays.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of `State` and `Contact`")]
pub struct Change {
    /// When it was said.
    pub at: Timestamp,
    pub bot_status: Option<BotStatus>,
    pub archived: Option<bool>,
    pub blocked: Option<bool>,
    pub active_status: Option<bool>,
    pub has_unread_messages: Option<bool>,
    pub summary: Patch<Summary>,
    pub locale: Patch<Locale>,
}

impl Change {
    /// Makes the change. Of each field what was said last counts, whenever it arrives.
    pub fn apply(&self, contact: &mut Contact) {
        let Contact { state, locale, .. } = contact;
        let State { said_at, .. } = state;
        let mut is_latest = |field: &str| match said_at.get(field) {
            Some(before) if *before > self.at => false,
            _ => {
                said_at.insert(field.to_owned(), self.at);
                true
            }
        };
        let mut set = |field: &str, stored: &mut bool, said: Option<bool>| {
            if let Some(said) = said
                && is_latest(field)
            {
                *stored = said;
            }
        };
        set("archived", &mut state.archived, self.archived);
        set("blocked", &mut state.blocked, self.blocked);
        set("active_status", &mut state.active_status, self.active_status);
        set("has_unread_messages", &mut state.has_unread_messages, self.has_unread_messages);
        if let Some(bot_status) = self.bot_status
            && is_latest("bot_status")
        {
            state.bot_status = bot_status;
        }
        if self.summary != Patch::Keep && is_latest("summary") {
            self.summary.apply(&mut state.summary);
            state.summary_updated_at = Some(self.at);
        }
        if self.locale != Patch::Keep && is_latest("locale") {
            self.locale.apply(locale);
        }
    }
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
