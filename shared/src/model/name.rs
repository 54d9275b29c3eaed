//! Display names.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::violation::{Violation, plain, text_value};

/// A display name: 1 to 255 code points without control characters, stored as given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

text_value!(Name);

impl FromStr for Name {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match plain(text, 255)? {
            "" => Err(Violation::Required),
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
        assert_eq!("é".repeat(256).parse::<Name>(), Err(Violation::TooLong(255)));
    }

    #[test]
    fn control_characters_are_refused_inside_and_trimmed_at_the_ends() {
        assert_eq!("Jane\u{0}".parse::<Name>(), Err(Violation::Control));
        assert_eq!("Jane\nSmith".parse::<Name>(), Err(Violation::Control));
        assert_eq!(" Jane\n".parse::<Name>().unwrap().as_str(), "Jane");
        assert_eq!("  ".parse::<Name>(), Err(Violation::Required));
    }
}
