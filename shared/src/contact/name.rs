//! Display names.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Flaw;
use super::flaw::{plain, text_value};

/// A display name: 1 to 255 code points, no control characters, kept as given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

text_value!(Name);

impl FromStr for Name {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        match plain(text, 255)? {
            "" => Err(Flaw::Required),
            text => Ok(Name(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_code_points() {
        assert!("é".repeat(255).parse::<Name>().is_ok());
        assert_eq!("é".repeat(256).parse::<Name>(), Err(Flaw::TooLong(255)));
    }

    #[test]
    fn control_characters_are_refused_inside_and_trimmed_outside() {
        assert_eq!("Jane\u{0}".parse::<Name>(), Err(Flaw::Control));
        assert_eq!("Jane\nSmith".parse::<Name>(), Err(Flaw::Control));
        assert_eq!(" Jane\n".parse::<Name>().unwrap().as_str(), "Jane");
        assert_eq!("  ".parse::<Name>(), Err(Flaw::Required));
    }
}
