//! Changes of the state of a conversation.

use std::collections::BTreeMap;

use super::contact::Contact;
use super::locale::Locale;
use super::patch::Patch;
use super::state::BotStatus;
use super::summary::Summary;
use super::time::Timestamp;

/// New values for the state of a conversation. Fields that are `None` or [`Patch::Keep`] stay as they
/// are.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of `State` and `Contact`")]
pub struct StateChange {
    /// When the state changed, as the event reports it.
    pub occurred_at: Timestamp,
    pub bot_status: Option<BotStatus>,
    pub archived: Option<bool>,
    pub blocked: Option<bool>,
    pub active_status: Option<bool>,
    pub has_unread_messages: Option<bool>,
    pub summary: Patch<Summary>,
    pub locale: Patch<Locale>,
}

impl StateChange {
    /// Whether it sets no field at all.
    pub fn is_empty(&self) -> bool {
        let flags = [self.archived, self.blocked, self.active_status, self.has_unread_messages];
        let texts = self.summary == Patch::Keep && self.locale == Patch::Keep;
        self.bot_status.is_none() && flags.iter().all(Option::is_none) && texts
    }

    /// Applies the change to the contact.
    ///
    /// Last-writer-wins per field by [`occurred_at`](StateChange::occurred_at), so events may arrive in any
    /// order and more than once. Of two values from the same second, the greater one wins: `true` over
    /// `false`, `paused` over `active`, any text over a cleared one.
    pub fn apply(&self, contact: &mut Contact) {
        let state = &mut contact.state;
        let mut writer = FieldWriter { occurred_at: self.occurred_at, event_times: &mut state.event_times };
        writer.set("bot_status", &mut state.bot_status, self.bot_status);
        writer.set("archived", &mut state.archived, self.archived);
        writer.set("blocked", &mut state.blocked, self.blocked);
        writer.set("active_status", &mut state.active_status, self.active_status);
        writer.set("has_unread_messages", &mut state.has_unread_messages, self.has_unread_messages);
        if writer.set("summary", &mut state.summary, self.summary.given()) {
            state.summary_updated_at = Some(self.occurred_at);
        }
        writer.set("locale", &mut contact.locale, self.locale.given());
    }
}

impl Contact {
    /// Sets or removes the language, at this time. An event about the language that occurred before, and arrives later,
    /// does not change it back. Setting the stored language again changes nothing.
    pub fn set_locale(&mut self, locale: &Patch<Locale>, now: Timestamp) {
        if locale.given().is_some_and(|given| given != self.locale) {
            locale.apply(&mut self.locale);
            let time = self.state.event_times.entry("locale".to_owned()).or_insert(now);
            *time = now.max(*time);
        }
    }
}

/// Sets single fields, each by last-writer-wins.
struct FieldWriter<'a> {
    occurred_at: Timestamp,
    event_times: &'a mut BTreeMap<String, Timestamp>,
}

impl FieldWriter<'_> {
    /// Stores `given` if the field's last event is older, or has the same time and a smaller value. Returns
    /// whether it was stored.
    fn set<T: PartialOrd>(&mut self, field: &str, stored: &mut T, given: Option<T>) -> bool {
        let Some(given) = given else { return false };
        let is_later = match self.event_times.get(field) {
            Some(before) if *before == self.occurred_at => given > *stored,
            Some(before) => *before < self.occurred_at,
            None => true,
        };
        if is_later {
            self.event_times.insert(field.to_owned(), self.occurred_at);
            *stored = given;
        }
        is_later
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::model::{ContactId, Source};

    fn change() -> impl Strategy<Value = StateChange> {
        let summary =
            prop_oneof![Just(Patch::Keep), Just(Patch::Clear), "[ab]".prop_map(|s| Patch::Set(s.parse().unwrap()))];
        let locale = prop_oneof![Just(Patch::Keep), Just(Patch::Clear), Just(Patch::Set("fr".parse().unwrap()))];
        let bot_status = prop::option::of(prop_oneof![Just(BotStatus::Active), Just(BotStatus::Paused)]);
        (1i64..5, bot_status, any::<Option<bool>>(), summary, locale).prop_map(
            |(at, bot_status, archived, summary, locale)| StateChange {
                occurred_at: Timestamp::from_second(at).unwrap(),
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

    fn after<'a>(changes: impl IntoIterator<Item = &'a StateChange>) -> Contact {
        let phone = "+14155550123".parse().unwrap();
        let now = Timestamp::from_second(0).unwrap();
        let mut contact = Contact::new(ContactId::derive(&Uuid::nil(), &phone), phone, Source::Api, now);
        changes.into_iter().for_each(|change| change.apply(&mut contact));
        contact
    }

    /// A change of the language alone.
    fn language(occurred_at: Timestamp, locale: Patch<Locale>) -> StateChange {
        StateChange {
            occurred_at,
            bot_status: None,
            archived: None,
            blocked: None,
            active_status: None,
            has_unread_messages: None,
            summary: Patch::Keep,
            locale,
        }
    }

    #[test]
    fn a_language_that_was_set_outlives_events_from_before() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let locale = |code: &str| Patch::Set(code.parse::<Locale>().unwrap());
        let mut contact = after([]);
        contact.set_locale(&locale("fr"), at(10));
        let set = contact.clone();
        contact.set_locale(&locale("fr"), at(20));
        contact.set_locale(&Patch::Keep, at(20));
        assert_eq!(contact, set, "the same language and no language change nothing");
        for (second, code) in [(9, "fr"), (11, "de")] {
            language(at(second), locale("de")).apply(&mut contact);
            assert_eq!(contact.locale, code.parse().ok(), "{second}");
        }
        contact.set_locale(&Patch::Clear, at(11));
        assert_eq!(contact.locale, None, "in the same second too");
    }

    proptest! {
        #[test]
        fn the_order_and_redelivery_of_events_do_not_matter(
            changes in prop::collection::vec(change(), 1..8),
            again in prop::collection::vec(0usize..8, 0..8),
        ) {
            let mut in_order: Vec<&StateChange> = changes.iter().collect();
            in_order.sort_by_key(|change| change.occurred_at);
            let in_arrival_order = changes.iter().rev().chain(again.iter().map(|n| &changes[n % changes.len()]));
            prop_assert_eq!(after(in_arrival_order), after(in_order));
        }
    }
}
