//! Summaries of conversations.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Flaw;
use super::flaw::text_value;

/// What a conversation has been about: up to 10,000 characters, with line breaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Summary(String);

text_value!(Summary);

impl Summary {
    /// How long it may be, in characters.
    pub const MAX: usize = 10_000;
}

impl FromStr for Summary {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let text = text.trim();
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
            Err(Flaw::Control)
        } else if text.chars().count() > Self::MAX {
            Err(Flaw::TooLong(Self::MAX))
        } else {
            Ok(Summary(text.to_owned()))
        }
    }
}
