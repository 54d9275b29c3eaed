//! Values of options: times, durations and rate limits as operators write them.

use std::str::FromStr;
use std::time::Duration;

use contacts::access::MAX_RATE_LIMIT;
use contacts::model::Timestamp;

/// The variable that a token is read from, so that it is in no list of processes and in no shell history.
pub(crate) const TOKEN_VARIABLE: &str = "CARNET_TOKEN";

/// When a token expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Never.
    Never,
    /// At this Unix time in seconds.
    At(i64),
}

impl Expiry {
    /// Unix time in seconds; `None` for never.
    pub(crate) fn second(self) -> Option<i64> {
        match self {
            Expiry::Never => None,
            Expiry::At(second) => Some(second),
        }
    }

    fn parse(text: &str, now: Timestamp) -> Result<Self, String> {
        if text == "never" {
            return Ok(Expiry::Never);
        }
        let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let time = if is_date { format!("{text}T00:00:00Z") } else { text.to_owned() };
        let second = match (time.parse::<Timestamp>(), duration(text)) {
            (Ok(time), _) => Some(time.as_second()),
            (_, Ok(duration)) => i64::try_from(duration.as_secs()).ok().and_then(|n| now.as_second().checked_add(n)),
            _ => {
                return Err("write a duration such as 90d, a date such as 2027-01-31, a time such as \
                             2027-01-31T12:00:00Z, or never"
                    .to_owned());
            }
        };
        // Later years have no text form.
        let second = second.filter(|second| Timestamp::from_second(*second).is_ok());
        let second = second.ok_or("this is too far in the future")?;
        if second > now.as_second() { Ok(Expiry::At(second)) } else { Err("this is not in the future".to_owned()) }
    }
}

impl FromStr for Expiry {
    type Err = String;

    /// Parses a duration from now, a date (00:00 UTC of that day), an RFC 3339 time, or `never`.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, Timestamp::now())
    }
}

/// Parses a whole number of seconds, minutes, hours, days or weeks: `90s`, `10m`, `24h`, `90d`, `2w`.
///
/// # Errors
/// A text that says what a duration looks like.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)];
    in_units(text, &units).ok_or_else(|| "write a duration such as 90s, 10m, 24h, 90d or 2w".to_owned())
}

/// Parses a whole number of one of these units, given with their seconds.
pub(crate) fn in_units(text: &str, units: &[(char, u64)]) -> Option<Duration> {
    units.iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(*unit)?;
        // `parse` would accept a plus sign.
        let number: u64 = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
        number.checked_mul(*seconds).map(Duration::from_secs)
    })
}

/// A rate limit: a number of calls in any 60 s, or the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit(pub(crate) Option<u32>);

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "default" {
            return Ok(RateLimit(None));
        }
        let limit = text.parse().ok().filter(|limit| *limit <= MAX_RATE_LIMIT);
        let wrong = || format!("write a number of calls from 1 to {MAX_RATE_LIMIT}, 0 for unlimited, or default");
        limit.map(|limit| RateLimit(Some(limit))).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T12:00:00Z.
    const NOW: i64 = 1_795_262_400;

    fn expiry(text: &str) -> Result<Expiry, String> {
        Expiry::parse(text, Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn durations_have_a_unit() {
        for (text, seconds) in
            [("0s", 0), ("90s", 90), ("10m", 600), ("24h", 86_400), ("90d", 7_776_000), ("2w", 1_209_600)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "10", "d", "-1m", "+1m", "1.5h", "10 m", "1h30m", "1D", "٣d", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_expiry_is_a_duration_a_date_a_time_or_never() {
        for (text, second) in [
            ("1s", NOW + 1),
            ("90d", NOW + 90 * 86_400),
            ("2026-11-22", NOW + 12 * 3_600),
            ("2028-02-29", 1_835_395_200),
            ("2026-11-21T13:00:00+00:30", NOW + 1_800),
            ("2026-11-21T12:00:01Z", NOW + 1),
        ] {
            assert_eq!(expiry(text), Ok(Expiry::At(second)), "{text}");
        }
        assert_eq!(expiry("never"), Ok(Expiry::Never));
        for text in ["", "90", "tomorrow", "Never", "2026-13-01", "2027-02-29", "22-11-2026", "2027-01-31T12:00:00"] {
            assert!(expiry(text).unwrap_err().starts_with("write a duration such as"), "{text}");
        }
        for text in ["0s", "2026-11-21", "2026-11-21T12:00:00Z", "1999-01-01"] {
            assert_eq!(expiry(text), Err("this is not in the future".to_owned()), "{text}");
        }
        for text in ["9999999d", "9999999999999d"] {
            assert_eq!(expiry(text), Err("this is too far in the future".to_owned()), "{text}");
        }
    }

    #[test]
    fn a_rate_limit_is_at_most_1000_calls() {
        for (text, limit) in [("default", None), ("0", Some(0)), ("60", Some(60)), ("1000", Some(1_000))] {
            assert_eq!(text.parse(), Ok(RateLimit(limit)));
        }
        for text in ["", "1001", "-1", "none", "1.5"] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
    }
}
