//! Time: UTC, to the second.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A moment, to the second: `2026-05-07T08:14:23+00:00`.
///
/// Whole seconds because that is what the contract shows and what WhatsApp's own times have: two
/// contacts that look equally recent to a client are equally recent. As text, moments sort in
/// time order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// This second.
    pub fn now() -> Self {
        Timestamp(jiff::Timestamp::now().as_second())
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn as_second(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_second(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{}", time.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    /// Takes any RFC 3339 time with an offset; fractions of a second are dropped.
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        let time: jiff::Timestamp = text.parse()?;
        Ok(Timestamp(time.as_nanosecond().div_euclid(1_000_000_000) as i64))
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
