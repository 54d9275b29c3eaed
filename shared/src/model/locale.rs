//! Language tags.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::violation::{Violation, plain, text_value};

/// A person's language as a BCP 47 tag, for example `fr` or `pt-BR`: 1 to 35 ASCII letters, digits,
/// `-` and `_`. The tag is not checked against the registry of languages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale(String);

text_value!(Locale);

impl FromStr for Locale {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let text = plain(text, 35)?;
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !text.is_empty() && text.bytes().all(known) {
            Ok(Locale(text.to_owned()))
        } else {
            Err(Violation::NotLocale)
        }
    }
}
