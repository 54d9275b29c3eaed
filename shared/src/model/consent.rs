//! Consent: whether a person may be written to.

use std::str::FromStr;

use super::consent_method::ConsentMethod;
use super::contact::Contact;
use super::time::Timestamp;
use super::violation::Violation;

/// Whether a person agrees to be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentStatus {
    /// `opt_in`: the person agrees.
    OptedIn,
    /// `opt_out`: the person does not agree.
    OptedOut,
}

impl FromStr for ConsentStatus {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match text {
            "opt_in" => Ok(ConsentStatus::OptedIn),
            "opt_out" => Ok(ConsentStatus::OptedOut),
            _ => Err(Violation::NotOneOf(&["opt_in", "opt_out"])),
        }
    }
}

/// One statement of consent by a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// What the person said.
    pub status: ConsentStatus,
    /// When the person said it, as the event reports it.
    pub occurred_at: Timestamp,
    /// How the person said it.
    pub method: Option<ConsentMethod>,
}

impl Consent {
    /// Records the statement on the contact.
    ///
    /// Last-writer-wins by [`occurred_at`](Consent::occurred_at), so events may arrive in any order and
    /// more than once. Of an opt-in and an opt-out in the same second, the opt-out wins; of two
    /// methods of otherwise equal statements, the greater text.
    pub fn apply(&self, contact: &mut Contact) {
        let latest = contact.opted_in_at.max(contact.opted_out_at);
        let before = match contact.opted_out_at {
            Some(out_at) if Some(out_at) == latest => ConsentStatus::OptedOut,
            _ => ConsentStatus::OptedIn,
        };
        match self.status {
            ConsentStatus::OptedIn => contact.opted_in_at = contact.opted_in_at.max(Some(self.occurred_at)),
            ConsentStatus::OptedOut => contact.opted_out_at = contact.opted_out_at.max(Some(self.occurred_at)),
        }
        // A later opt-in withdraws the opt-out.
        if contact.opted_out_at < contact.opted_in_at {
            contact.opted_out_at = None;
        }
        let rank = |status: ConsentStatus| u8::from(status == ConsentStatus::OptedOut);
        let stored = (latest, rank(before), contact.consent_method.as_ref());
        let given = (Some(self.occurred_at), rank(self.status), self.method.as_ref());
        if given > stored {
            contact.consent_method.clone_from(&self.method);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::model::{ContactId, Source};

    fn contact() -> Contact {
        let phone = "+14155550123".parse().unwrap();
        let now = Timestamp::from_second(0).unwrap();
        Contact::new(ContactId::derive(&Uuid::nil(), &phone), phone, Source::Api, now)
    }

    fn consent(status: ConsentStatus, at: i64, method: u8) -> Consent {
        Consent {
            status,
            occurred_at: Timestamp::from_second(at).unwrap(),
            method: (method > 0).then(|| method.to_string().parse().unwrap()),
        }
    }

    #[test]
    fn an_opt_in_older_than_the_opt_out_does_not_reopen_consent() {
        let mut contact = contact();
        assert!(contact.allows_broadcast());
        consent(ConsentStatus::OptedOut, 12, 1).apply(&mut contact);
        consent(ConsentStatus::OptedIn, 11, 2).apply(&mut contact);
        assert!(!contact.allows_broadcast());
        assert_eq!(contact.consent_method.as_ref().map(ConsentMethod::as_str), Some("1"));
        assert_eq!(contact.opted_in_at, Timestamp::from_second(11).ok());
        consent(ConsentStatus::OptedIn, 13, 2).apply(&mut contact);
        assert!(contact.allows_broadcast());
        assert_eq!(
            (contact.opted_out_at, contact.consent_method.as_ref().map(ConsentMethod::as_str)),
            (None, Some("2"))
        );
    }

    proptest! {
        #[test]
        fn the_order_and_redelivery_of_events_do_not_matter(
            events in prop::collection::vec((any::<bool>(), 1i64..6, 0u8..3), 1..8).prop_shuffle(),
            again in prop::collection::vec(0usize..8, 0..8),
        ) {
            let event = |(out, at, method): (bool, i64, u8)| consent(if out { ConsentStatus::OptedOut } else { ConsentStatus::OptedIn }, at, method);
            let mut sorted = events.clone();
            sorted.sort_by_key(|(out, at, method)| (*at, *out, *method));
            let mut in_order = contact();
            sorted.into_iter().for_each(|given| event(given).apply(&mut in_order));
            let mut in_arrival_order = contact();
            events.iter().chain(again.iter().map(|n| &events[n % events.len()])).for_each(|given| event(*given).apply(&mut in_arrival_order));
            prop_assert_eq!(in_arrival_order, in_order);
        }
    }
}
