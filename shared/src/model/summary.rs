//! Conversation summaries.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::violation::{Violation, text_value};

/// A summary of a conversation: at most 10,000 characters; tabs and line breaks are allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Summary(String);

text_value!(Summary);

impl Summary {
    /// The maximum length, in characters.
    pub const MAX: usize = 10_000;
}

impl FromStr for Summary {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let text = text.trim();
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
            Err(Violation::Control)
        } else if text.chars().count() > Self::MAX {
            Err(Violation::TooLong(Self::MAX))
        } else {
            Ok(Summary(text.to_owned()))
        }
    }
}
