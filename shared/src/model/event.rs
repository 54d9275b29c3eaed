//! Values that only events carry: the id and the time of the event.

use std::str::FromStr;

use super::time::Timestamp;
use super::violation::{Violation, plain};

/// The id of an event in the system it comes from, for example WhatsApp's message id. At most 255
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventId(String);

impl EventId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventId {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match plain(text, 255)? {
            "" => Err(Violation::Required),
            // The id becomes part of a key, whose length DynamoDB counts in bytes.
            text if text.len() > 255 => Err(Violation::TooLarge(255)),
            text => Ok(EventId(text.to_owned())),
        }
    }
}

/// When an event occurred, as its source reports it: from 1970 to five minutes from now.
///
/// Parses a string: an RFC 3339 time, or whole seconds since 1970 as WhatsApp sends them (`"1715069663"`).
///
/// ```
/// use contacts::model::EventTime;
/// let [rfc, seconds]: [EventTime; 2] = ["2024-05-07T08:14:23Z".parse()?, "1715069663".parse()?];
/// assert_eq!(rfc, seconds);
/// # Ok::<(), contacts::model::Violation>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventTime(pub Timestamp);

impl FromStr for EventTime {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let time = match text.parse::<i64>() {
            Ok(second) => Timestamp::from_second(second)?,
            Err(_) => text.parse().map_err(|_| Violation::NotTime)?,
        };
        // Clocks differ by minutes. A time further in the future would win every last-writer-wins
        // comparison until it has passed.
        let latest = Timestamp::now().as_second() + 300;
        if (0..=latest).contains(&time.as_second()) { Ok(EventTime(time)) } else { Err(Violation::NotTime) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_must_be_complete_and_past() {
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
            assert_eq!(text.parse::<EventTime>(), Err(Violation::NotTime), "{text}");
        }
    }
}
