//! Time: UTC, to the second.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// A moment, to the second: `2026-05-07T08:14:23+00:00`.
///
/// Whole seconds because that is what the contract shows and what WhatsApp's own times have: two
/// contacts that look equally recent to a client are equally recent. As text, moments sort in
/// time order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// This second.
    pub fn now() -> Self {
        Self::to_the_second(jiff::Timestamp::now())
    }

    /// So many seconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// When that is no year from -9999 to 9999.
    pub fn from_second(second: i64) -> Result<Self, jiff::Error> {
        jiff::Timestamp::from_second(second).map(Timestamp)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn as_second(self) -> i64 {
        self.0.as_second()
    }

    /// Without the fraction, towards the past.
    fn to_the_second(time: jiff::Timestamp) -> Self {
        let fraction = jiff::SignedDuration::from_nanos(time.as_nanosecond().rem_euclid(1_000_000_000) as i64);
        Timestamp(time.checked_sub(fraction).unwrap_or(time))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
    }
}

/// A moment as FlowIQ shows it: `2025-12-11T10:30:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zulu(pub Timestamp);

impl Serialize for Zulu {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.0.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    /// Takes any RFC 3339 time with an offset; fractions of a second are dropped.
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse().map(Self::to_the_second)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, jiff::Error> {
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
    fn utc_seconds_with_a_numeric_offset() {
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
