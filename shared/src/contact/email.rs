//! E-mail addresses.

use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};

use super::Flaw;
use super::flaw::{plain, text_value};

/// An address shaped as RFC 5322 has it, at most 255 characters, kept as given.
///
/// Nothing is looked up. Compared in lower case: [`same_as`](Email::same_as), not `==`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

text_value!(Email);

impl FromStr for Email {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let text = plain(text, 255)?;
        // A bare address: "Jane <jane@example.com>" is a mailbox, not an address.
        let options = Options::default().without_display_text();
        match EmailAddress::parse_with_options(text, options) {
            Ok(_) => Ok(Email(text.to_owned())),
            Err(_) => Err(Flaw::NotEmail),
        }
    }
}

impl Email {
    /// What the address is compared by: lower case, character by character.
    ///
    /// ```
    /// use contacts::contact::Email;
    /// let [one, other]: [Email; 2] = ["Jane@Example.com".parse()?, "jane@example.COM".parse()?];
    /// assert_eq!(one.key(), other.key());
    /// assert!(one.same_as(&other));
    /// # Ok::<(), contacts::contact::Flaw>(())
    /// ```
    pub fn key(&self) -> String {
        self.0.chars().flat_map(char::to_lowercase).collect()
    }

    /// Whether both are the same address.
    pub fn same_as(&self, other: &Email) -> bool {
        self.key() == other.key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in ["jane@example.com", "j.d+tag@sub.example.co.uk", "zoë@exämple.de", "a@localhost"] {
            assert_eq!(text.parse::<Email>().unwrap().as_str(), text);
        }
        assert_eq!(" jane@example.com ".parse::<Email>().unwrap().as_str(), "jane@example.com");
    }

    #[test]
    fn what_is_no_address() {
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
            assert_eq!(text.parse::<Email>(), Err(Flaw::NotEmail), "{text:?}");
        }
        assert_eq!("ja\u{0}ne@example.com".parse::<Email>(), Err(Flaw::Control));
        let long = format!("{}@example.com", "a".repeat(250));
        assert_eq!(long.parse::<Email>(), Err(Flaw::TooLong(255)));
    }
}
