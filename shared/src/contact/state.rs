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

/// Whether the bot answers this contact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        let flags = [self.archived, self.blocked, self.active_status, self.has_unread_messages];
        let texts = self.summary == Patch::Keep && self.locale == Patch::Keep;
        self.bot_status.is_none() && flags.iter().all(Option::is_none) && texts
    }

    /// Makes the change. Of each field what was said last counts, in whichever order and however often
    /// it arrives; of two things said in the same second, the one that is more.
    pub fn apply(&self, contact: &mut Contact) {
        let state = &mut contact.state;
        let mut said = Said { at: self.at, before: &mut state.said_at };
        said.set("bot_status", &mut state.bot_status, self.bot_status);
        said.set("archived", &mut state.archived, self.archived);
        said.set("blocked", &mut state.blocked, self.blocked);
        said.set("active_status", &mut state.active_status, self.active_status);
        said.set("has_unread_messages", &mut state.has_unread_messages, self.has_unread_messages);
        if said.set("summary", &mut state.summary, self.summary.given()) {
            state.summary_updated_at = Some(self.at);
        }
        said.set("locale", &mut contact.locale, self.locale.given());
    }
}

/// When something is said, and when things were said before.
struct Said<'a> {
    at: Timestamp,
    before: &'a mut BTreeMap<String, Timestamp>,
}

impl Said<'_> {
    /// Sets a field, if something is said of it, and nothing later was; says whether it did.
    fn set<T: PartialOrd>(&mut self, field: &str, stored: &mut T, said: Option<T>) -> bool {
        let Some(said) = said else { return false };
        let is_later = match self.before.get(field) {
            Some(before) if *before == self.at => said > *stored,
            Some(before) => *before < self.at,
            None => true,
        };
        if is_later {
            self.before.insert(field.to_owned(), self.at);
            *stored = said;
        }
        is_later
    }
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::contact::{ContactId, Source};

    fn change() -> impl Strategy<Value = Change> {
        let summary =
            prop_oneof![Just(Patch::Keep), Just(Patch::Clear), "[ab]".prop_map(|s| Patch::Set(s.parse().unwrap()))];
        let locale = prop_oneof![Just(Patch::Keep), Just(Patch::Clear), Just(Patch::Set("fr".parse().unwrap()))];
        let bot_status = prop::option::of(prop_oneof![Just(BotStatus::Active), Just(BotStatus::Paused)]);
        (1i64..5, bot_status, any::<Option<bool>>(), summary, locale).prop_map(
            |(at, bot_status, archived, summary, locale)| Change {
                at: Timestamp::from_second(at).unwrap(),
                bot_status,
                archived,
                blocked: None,
                active_status: None,
                has_unread_messages: archived,
                summary,
                locale,
            },
        )
    }

    fn after<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Contact {
        let phone = "+14155550123".parse().unwrap();
        let now = Timestamp::from_second(0).unwrap();
        let mut contact = Contact::new(ContactId::derive(&Uuid::nil(), &phone), phone, Source::Api, now);
        changes.into_iter().for_each(|change| change.apply(&mut contact));
        contact
    }

    proptest! {
        #[test]
        fn order_and_repetition_make_no_difference(
            changes in prop::collection::vec(change(), 1..8),
            again in prop::collection::vec(0usize..8, 0..8),
        ) {
            let mut in_order: Vec<&Change> = changes.iter().collect();
            in_order.sort_by_key(|change| change.at);
            let as_they_came = changes.iter().rev().chain(again.iter().map(|n| &changes[n % changes.len()]));
            prop_assert_eq!(after(as_they_came), after(in_order));
        }
    }
}
