//! Time: UTC, in whole seconds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use super::violation::Violation;

/// A time in UTC, in whole seconds: `2026-05-07T08:14:23+00:00`.
///
/// Clients see whole seconds, so fractions must not decide the order of results. The text form sorts in time
/// order (years 0 to 9999).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The current time.
    pub fn now() -> Self {
        Self::to_the_second(jiff::Timestamp::now())
    }

    /// The time that is `second` seconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`Violation::NotTime`] when the year is outside -9999 to 9999.
    pub fn from_second(second: i64) -> Result<Self, Violation> {
        jiff::Timestamp::from_second(second).map(Timestamp).map_err(|_| Violation::NotTime)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn as_second(self) -> i64 {
        self.0.as_second()
    }

    /// Drops the fraction of a second, rounding towards the past.
    fn to_the_second(time: jiff::Timestamp) -> Self {
        let fraction = jiff::SignedDuration::from_nanos(time.as_nanosecond().rem_euclid(1_000_000_000) as i64);
        Timestamp(time.checked_sub(fraction).unwrap_or(time))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `strftime` would add 20 KB to every function.
        self.0.display_with_offset(jiff::tz::Offset::UTC).fmt(f)
    }
}

/// A time in FlowIQ's format: `2025-12-11T10:30:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zulu(pub Timestamp);

impl Serialize for Zulu {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.0)
    }
}

impl FromStr for Timestamp {
    type Err = Violation;

    /// Parses an RFC 3339 time with any offset; fractions of a second are dropped.
    fn from_str(text: &str) -> Result<Self, Violation> {
        text.parse().map(Self::to_the_second).map_err(|_| Violation::NotTime)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Violation;

    fn try_from(text: String) -> Result<Self, Violation> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> String {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc_seconds_with_a_numeric_offset() {
        for (given, shown) in [
            ("2026-05-07T08:14:23+00:00", "2026-05-07T08:14:23+00:00"),
            ("2026-05-07T10:14:23.999+02:00", "2026-05-07T08:14:23+00:00"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59+00:00"),
        ] {
            assert_eq!(given.parse::<Timestamp>().unwrap().to_string(), shown);
        }
        assert!("yesterday".parse::<Timestamp>().is_err());
    }
}
