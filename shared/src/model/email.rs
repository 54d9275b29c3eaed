//! Email addresses.

use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};

use super::violation::{Violation, plain, text_value};

/// An email address in RFC 5322 syntax, at most 255 characters (64 bytes before the `@`, 254 after
/// it), stored as given.
///
/// The domain is not looked up. Compare addresses with [`same_as`](Email::same_as), which ignores
/// case; `==` compares the spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

text_value!(Email);

impl FromStr for Email {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let text = plain(text, 255)?;
        // A bare address only: "Jane <jane@example.com>" is a mailbox.
        let options = Options::default().without_display_text();
        match EmailAddress::parse_with_options(text, options) {
            Ok(_) => Ok(Email(text.to_owned())),
            Err(_) => Err(Violation::NotEmail),
        }
    }
}

impl Email {
    /// The lower-case form of the address, by which addresses are indexed and compared.
    ///
    /// ```
    /// use contacts::model::Email;
    /// let [one, other]: [Email; 2] = ["Jane@Example.com".parse()?, "jane@example.COM".parse()?];
    /// assert_eq!(one.key(), other.key());
    /// assert!(one.same_as(&other));
    /// # Ok::<(), contacts::model::Violation>(())
    /// ```
    pub fn key(&self) -> String {
        self.0.chars().flat_map(char::to_lowercase).collect()
    }

    /// Whether both are the same address, ignoring case.
    pub fn same_as(&self, other: &Email) -> bool {
        self.key() == other.key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_addresses_are_kept_as_given() {
        for text in ["jane@example.com", "j.d+tag@sub.example.co.uk", "zoë@exämple.de", "a@localhost"] {
            assert_eq!(text.parse::<Email>().unwrap().as_str(), text);
        }
        assert_eq!(" jane@example.com ".parse::<Email>().unwrap().as_str(), "jane@example.com");
    }

    #[test]
    fn invalid_addresses_are_refused() {
        for text in [
            "",
            "jane",
            "@example.com",
            "jane@",
            "jane@@example.com",
            "jane doe@example.com",
            "Jane <jane@example.com>",
            "jane@example..com",
            "jane@-example.com",
            "a@b@c.com",
        ] {
            assert_eq!(text.parse::<Email>(), Err(Violation::NotEmail), "{text:?}");
        }
        assert_eq!("ja\u{0}ne@example.com".parse::<Email>(), Err(Violation::Control));
        let long = format!("{}@example.com", "a".repeat(250));
        assert_eq!(long.parse::<Email>(), Err(Violation::TooLong(255)));
    }
}
