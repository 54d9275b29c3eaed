//! The request header `Prefer` (RFC 7240), of which one preference is known: `handling=strict`, for unknown fields to be
//! errors.

use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Whether the client prefers strict handling. Other preferences, and what cannot be read as one, are ignored, as the RFC
/// says; of a repeated preference the first counts.
pub(super) fn is_strict(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| split(value, ',')).filter_map(|preference| {
        // Parameters may follow.
        let (name, value) = split(preference, ';').next()?.split_once('=')?;
        Some((name.trim(), value.trim().trim_matches('"')))
    });
    let handling = preferences.find(|(name, _)| name.eq_ignore_ascii_case("handling"));
    handling.is_some_and(|(_, value)| value.eq_ignore_ascii_case("strict"))
}

/// Says in an answer that the input was handled strictly.
pub(super) fn add_applied(headers: &mut HeaderMap) {
    headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static("handling=strict"));
}

/// The parts of a text between separators, of which those in quoted strings do not count.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c| {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => return c == separator && !is_quoted,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_preference_for_handling_counts() {
        let headers = |values: &[&'static str]| -> HeaderMap {
            values.iter().map(|value| (PREFER, HeaderValue::from_static(value))).collect()
        };
        for strict in [
            &["handling=strict"][..],
            &["Handling = \"strict\"; x=1"],
            &["respond-async, wait=10", "handling=strict, handling=lenient"],
            &["return=minimal,handling=Strict"],
            &[r#"x="a, handling=lenient; \"y", handling=strict"#],
            &[",; =,handling=strict"],
        ] {
            assert!(is_strict(&headers(strict)), "{strict:?}");
        }
        for lenient in [
            &[][..],
            &[""],
            &["handling"],
            &["handling=lenient"],
            &["handling=lenient", "handling=strict"],
            &["strict"],
            &["x=\"handling=strict\""],
            &["x; handling=strict"],
            &["x=\", handling=strict"],
        ] {
            assert!(!is_strict(&headers(lenient)), "{lenient:?}");
        }
    }
}
