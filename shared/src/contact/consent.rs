//! Consent: whether a person may be written to without having asked.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::flaw::{plain, text_value};
use super::{Contact, Flaw};
use crate::time::Timestamp;

/// What the person wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To be written to.
    OptIn,
    /// Not to be written to.
    OptOut,
}

impl FromStr for Wish {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        match text {
            "opt_in" => Ok(Wish::OptIn),
            "opt_out" => Ok(Wish::OptOut),
            _ => Err(Flaw::NotOneOf(&["opt_in", "opt_out"])),
        }
    }
}

/// How a person has said what they wish, in up to 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Method(String);

text_value!(Method);

impl FromStr for Method {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        Ok(Method(plain(text, 100)?.to_owned()))
    }
}

/// That a person has said what they wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// What they said.
    pub wish: Wish,
    /// When, by the event's own account.
    pub at: Timestamp,
    /// How: a keyword, a form, by telephone.
    pub method: Option<Method>,
}

impl Consent {
    /// Takes note of it. The latest by its own time counts, in whichever order events arrive and
    /// however often; of two at the same moment the refusal.
    pub fn apply(&self, contact: &mut Contact) {
        let latest = contact.opted_in_at.max(contact.opted_out_at);
        let before = match contact.opted_out_at {
            Some(out_at) if Some(out_at) == latest => Wish::OptOut,
            _ => Wish::OptIn,
        };
        match self.wish {
            Wish::OptIn => contact.opted_in_at = contact.opted_in_at.max(Some(self.at)),
            Wish::OptOut => contact.opted_out_at = contact.opted_out_at.max(Some(self.at)),
        }
        if contact.opted_out_at < contact.opted_in_at {
            contact.opted_out_at = None;
        }
        let rank = |wish: Wish| u8::from(wish == Wish::OptOut);
        let known = (latest, rank(before), contact.consent_method.as_ref());
        let said = (Some(self.at), rank(self.wish), self.method.as_ref());
        if said > known {
            contact.consent_method.clone_from(&self.method);
        }
    }
}

impl Contact {
    /// Whether the person may be written to without having asked: unless they asked not to be.
    pub fn allows_broadcast(&self) -> bool {
        self.opted_out_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::contact::{ContactId, Source};

    fn contact() -> Contact {
        let phone = "+14155550123".parse().unwrap();
        let now = Timestamp::from_second(0).unwrap();
        Contact::new(ContactId::derive(&Uuid::nil(), &phone), phone, Source::Api, now)
    }

    fn said(wish: Wish, at: i64, method: u8) -> Consent {
        Consent {
            wish,
            at: Timestamp::from_second(at).unwrap(),
            method: (method > 0).then(|| method.to_string().parse().unwrap()),
        }
    }

    #[test]
    fn a_late_opt_in_is_too_late() {
        let mut contact = contact();
        assert!(contact.allows_broadcast());
        said(Wish::OptOut, 12, 1).apply(&mut contact);
        said(Wish::OptIn, 11, 2).apply(&mut contact);
        assert!(!contact.allows_broadcast());
        assert_eq!(contact.consent_method.as_ref().map(Method::as_str), Some("1"));
        assert_eq!(contact.opted_in_at, Timestamp::from_second(11).ok());
        said(Wish::OptIn, 13, 2).apply(&mut contact);
        assert!(contact.allows_broadcast());
        assert_eq!((contact.opted_out_at, contact.consent_method.as_ref().map(Method::as_str)), (None, Some("2")));
    }

    proptest! {
        #[test]
        fn order_and_repetition_make_no_difference(
            events in prop::collection::vec((any::<bool>(), 1i64..6, 0u8..3), 1..8).prop_shuffle(),
            again in prop::collection::vec(0usize..8, 0..8),
        ) {
            let event = |(out, at, method): (bool, i64, u8)| said(if out { Wish::OptOut } else { Wish::OptIn }, at, method);
            let mut sorted = events.clone();
            sorted.sort_by_key(|(out, at, method)| (*at, *out, *method));
            let mut in_order = contact();
            sorted.into_iter().for_each(|given| event(given).apply(&mut in_order));
            let mut as_they_came = contact();
            events.iter().chain(again.iter().map(|n| &events[n % events.len()])).for_each(|given| event(*given).apply(&mut as_they_came));
            prop_assert_eq!(as_they_came, in_order);
        }
    }
}
