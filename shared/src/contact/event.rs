//! What events say that requests don't: which event it is, and when it was.

use std::str::FromStr;

use super::Flaw;
use super::flaw::plain;
use crate::time::Timestamp;

/// What an event is known by where it comes from: WhatsApp's id of a message, say. Up to 255 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventId(String);

impl EventId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventId {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        match plain(text, 255)? {
            "" => Err(Flaw::Required),
            // It becomes part of a key, whose length DynamoDB counts in bytes.
            text if text.len() > 255 => Err(Flaw::TooLarge(255)),
            text => Ok(EventId(text.to_owned())),
        }
    }
}

/// When something happened, by its own account: not before 1970, and not in the future.
///
/// As an RFC 3339 time, or as WhatsApp writes it: seconds since 1970.
///
/// ```
/// use contacts::contact::EventTime;
/// let [rfc, seconds]: [EventTime; 2] = ["2024-05-07T08:14:23Z".parse()?, "1715069663".parse()?];
/// assert_eq!(rfc, seconds);
/// # Ok::<(), contacts::contact::Flaw>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventTime(pub Timestamp);

impl FromStr for EventTime {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let time = match text.parse::<i64>() {
            Ok(second) => Timestamp::from_second(second).map_err(|_| Flaw::NotTime)?,
            Err(_) => text.parse().map_err(|_| Flaw::NotTime)?,
        };
        // Clocks differ by minutes. What is said to be of a later hour would count until then.
        let latest = Timestamp::now().as_second() + 300;
        if (0..=latest).contains(&time.as_second()) { Ok(EventTime(time)) } else { Err(Flaw::NotTime) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_can_be() {
        for text in ["2026-05-07T08:14:23+00:00", "2026-05-07T10:14:23.5+02:00", "0", "1715068463"] {
            assert!(text.parse::<EventTime>().is_ok(), "{text}");
        }
        let in_a_week = (Timestamp::now().as_second() + 7 * 86_400).to_string();
        for text in [
            "",
            "yesterday",
            "2026-05-07",
            "2026-05-07T08:14:23",
            "-1",
            "1715068463000",
            "9999-01-01T00:00:00Z",
            &in_a_week,
        ] {
            assert_eq!(text.parse::<EventTime>(), Err(Flaw::NotTime), "{text}");
        }
    }
}
