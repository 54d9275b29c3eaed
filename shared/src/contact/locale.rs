//! Languages.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Flaw;
use super::flaw::{plain, text_value};

/// The language a person speaks, as a tag of BCP 47: `fr`, `pt-BR`. Up to 35 letters, digits, `-` and
/// `_`; which languages there are is not checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale(String);

text_value!(Locale);

impl FromStr for Locale {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let text = plain(text, 35)?;
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !text.is_empty() && text.bytes().all(known) { Ok(Locale(text.to_owned())) } else { Err(Flaw::NotLocale) }
    }
}
