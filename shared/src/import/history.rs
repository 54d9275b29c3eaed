//! What only a contact that does not exist yet takes from a file: times, counters and the state of the conversation.

use std::collections::BTreeMap;

use super::cell;
use super::column::History;
use super::outcome::Problem;
use crate::model::{BotStatus, Contact, EventTime, Summary, Timestamp, Violation};

/// The columns of an export, in order. A file that has all of them restores contacts that do not exist yet as they were;
/// `id` is left out, because it follows from the tenant and the phone number.
pub const EXPORT: [&str; 23] = [
    "id",
    "phone",
    "name",
    "email",
    "source",
    "locale",
    "tags",
    "metadata",
    "opted_in_at",
    "opted_out_at",
    "consent_method",
    "last_message_at",
    "total_messages",
    "bot_status",
    "archived",
    "blocked",
    "active_status",
    "has_unread_messages",
    "contact_summary",
    "contact_summary_updated_at",
    "event_times",
    "created_at",
    "updated_at",
];

/// The values of these columns in one row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Restored {
    last_message_at: Option<Timestamp>,
    total_messages: Option<u64>,
    bot_status: Option<BotStatus>,
    archived: Option<bool>,
    blocked: Option<bool>,
    active_status: Option<bool>,
    has_unread_messages: Option<bool>,
    summary: Option<Summary>,
    summary_updated_at: Option<Timestamp>,
    event_times: BTreeMap<String, Timestamp>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl Restored {
    /// Reads a cell that is not empty.
    pub(super) fn read(&mut self, field: History, text: &str) -> Result<(), Problem> {
        let flag = |name| cell::answer(text).ok_or_else(|| Problem::of(name, Violation::NotBoolean)).map(Some);
        let time = |name| cell::time(text).map(Some).map_err(|violation| Problem::of(name, violation));
        match field {
            History::LastMessageAt => self.last_message_at = time("last_message_at")?,
            History::TotalMessages => {
                let wrong = |_| Problem::new("total_messages", "The total messages must be a whole number.");
                // More than a contact can ever have, and far from where counting on would overflow.
                self.total_messages = Some(text.parse::<u32>().map_err(wrong)?.into());
            }
            History::BotStatus => {
                self.bot_status = Some(text.parse().map_err(|violation| Problem::of("bot_status", violation))?);
            }
            History::Archived => self.archived = flag("archived")?,
            History::Blocked => self.blocked = flag("blocked")?,
            History::ActiveStatus => self.active_status = flag("active_status")?,
            History::HasUnreadMessages => self.has_unread_messages = flag("has_unread_messages")?,
            History::Summary => {
                self.summary = Some(text.parse().map_err(|violation| Problem::of("contact_summary", violation))?);
            }
            History::SummaryUpdatedAt => self.summary_updated_at = time("contact_summary_updated_at")?,
            History::EventTimes => self.event_times = event_times(text)?,
            History::CreatedAt => self.created_at = time("created_at")?,
            History::UpdatedAt => self.updated_at = time("updated_at")?,
        }
        Ok(())
    }

    /// Restores a new contact.
    pub(super) fn restore(&self, contact: &mut Contact) {
        let Restored { last_message_at, total_messages, created_at, updated_at, .. } = self;
        contact.last_message_at = *last_message_at;
        contact.total_messages = total_messages.unwrap_or_default();
        contact.created_at = created_at.unwrap_or(contact.created_at);
        contact.updated_at = updated_at.unwrap_or(contact.updated_at);
        let state = &mut contact.state;
        state.bot_status = self.bot_status.unwrap_or_default();
        state.archived = self.archived.unwrap_or_default();
        state.blocked = self.blocked.unwrap_or_default();
        state.active_status = self.active_status.unwrap_or_default();
        state.has_unread_messages = self.has_unread_messages.unwrap_or_default();
        state.summary.clone_from(&self.summary);
        state.summary_updated_at = self.summary_updated_at;
        state.restore_event_times(&self.event_times);
    }
}

/// The times of the latest events, by field: a JSON object.
fn event_times(text: &str) -> Result<BTreeMap<String, Timestamp>, Problem> {
    let wrong = || Problem::new("event_times", "The event times must be an object of times, not in the future.");
    let times: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| wrong())?;
    let parsed = times.into_iter().map(|(field, time)| Ok((field, time.parse::<EventTime>().map_err(|_| wrong())?.0)));
    parsed.collect()
}
