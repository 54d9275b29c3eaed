//! Slugs of tenants.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::violation::{Violation, text_value};

/// The name of a tenant in URLs (FlowIQ's `tenantId`): 1 to 63 lower-case ASCII letters, digits and hyphens, of
/// which the first and the last are not hyphens. No two tenants have the same slug.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

text_value!(Slug);

impl FromStr for Slug {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let valid = (1..=63).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if valid { Ok(Slug(text.to_owned())) } else { Err(Violation::NotSlug) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_lower_case_letters_digits_and_inner_hyphens() {
        let longest = "a".repeat(63);
        for text in ["a", "7", "acme", "acme-2", "a--b", &longest] {
            assert_eq!(text.parse::<Slug>().unwrap().as_str(), text);
        }
        let too_long = "a".repeat(64);
        for text in ["", "-", "-acme", "acme-", "Acme", "ac me", " acme", "acme\n", "acmé", "ac_me", "a#b", &too_long]
        {
            assert_eq!(text.parse::<Slug>(), Err(Violation::NotSlug), "{text:?}");
        }
    }
}
