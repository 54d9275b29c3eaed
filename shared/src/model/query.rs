//! Free-text search queries.

use std::str::FromStr;

use super::email::Email;
use super::fold::fold;
use super::phone::{Phone, strip};
use super::search_row::SearchRow;
use super::violation::{Violation, plain};

/// A search query: a substring of a name, phone number or email address, ignoring case and accents.
///
/// A query that is a phone number or a part of one (`+1 (415) 555`) also matches without its
/// separators, and a complete number matches every spelling of it. `%`, `_` and `\` are literal
/// characters. A query has no maximum length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    text: String,
    digits: Option<String>,
}

impl FromStr for SearchQuery {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let text = plain(text, usize::MAX)?;
        let digits = strip(text);
        let spelled = digits.strip_prefix('+').unwrap_or(&digits);
        let is_number = !spelled.is_empty() && spelled.bytes().all(|b| b.is_ascii_digit());
        Ok(SearchQuery { text: fold(text), digits: is_number.then_some(digits) })
    }
}

impl SearchQuery {
    /// The folded query, which is searched for in [`search_text`]. An empty text matches everything.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The query as a partial phone number without separators, with its `+` if it has one.
    pub(crate) fn digits(&self) -> Option<&str> {
        self.digits.as_deref()
    }

    /// The query as a complete phone number, if it is one; the `+` may be missing.
    pub(crate) fn phone(&self) -> Option<Phone> {
        let digits = self.digits()?;
        Phone::from_whatsapp(digits).ok()
    }

    /// The query as the beginning of a phone number, if it starts with `+` and a digit. Such a text can
    /// also occur in a name or an email address (`jane+1@example.com`).
    pub(crate) fn start_of_number(&self) -> Option<&str> {
        // A phone number has at most 15 digits.
        match self.text.as_bytes() {
            [b'+', b'0'..=b'9', ..] => self.digits().filter(|digits| digits.len() <= 16),
            _ => None,
        }
    }

    /// Whether `text` contains the query, ignoring case and accents.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        fold(text).contains(&self.text)
    }

    /// Whether the contact matches the query. The filter expression in `store::search` states the same
    /// rule for DynamoDB.
    pub(crate) fn matches(&self, row: &SearchRow) -> bool {
        search_text(row).contains(&self.text)
            || self.digits().is_some_and(|digits| row.phone.as_str().contains(digits))
            || self.phone().is_some_and(|phone| row.phone.canonical() == phone.canonical())
    }
}

/// The line of the [`search_text`] that an email address is.
pub(crate) fn email_line(email: &Email) -> String {
    format!("\n{}", fold(email.as_str()))
}

/// The text that queries are searched for in: folded name, phone number and email address, one per
/// line. A query cannot contain a line break, so it never matches across two of them.
pub(crate) fn search_text(row: &SearchRow) -> String {
    let name = row.name.as_ref().map_or("", |name| name.as_str());
    let email = row.email.as_ref().map_or("", |email| email.as_str());
    fold(&[name, row.phone.as_str(), email].join("\n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Contact, ContactId, Source, Timestamp};

    fn row(name: &str, phone: &str, email: &str) -> SearchRow {
        let phone: Phone = phone.parse().unwrap();
        let id = ContactId::derive(&uuid::Uuid::nil(), &phone);
        let mut contact = Contact::new(id, phone, Source::Api, Timestamp::now());
        contact.name = name.parse().ok();
        contact.email = email.parse().ok();
        SearchRow::from(&contact)
    }

    fn matches(query: &str, row: &SearchRow) -> bool {
        query.parse::<SearchQuery>().unwrap().matches(row)
    }

    #[test]
    fn queries_match_substrings_and_phone_spellings() {
        let jose = row("José O'Neil 50%_\\ \"😀\"", "+14155550123", "Jose@Example.com");
        for query in [
            "",
            " ",
            "jose",
            "JOSÉ",
            "josé o",
            "o'neil",
            "50%",
            "%_\\",
            "\"😀",
            "example.COM",
            "+1415",
            "4155550",
            "+1 (415) 555",
            "(415) 555-01",
            "0014155550123",
            "001 415",
            "415.555",
            "\u{301}",
        ] {
            assert!(matches(query, &jose), "{query:?}");
        }
        for query in ["joseph", "j_se", "%neil", "+1 (416)", "jose\\", "neil50", "é555", "3Jose", "+415", "-"] {
            assert!(!matches(query, &jose), "{query:?}");
        }
    }

    proptest! {
        /// Postgres `ILIKE` finds every substring, ignoring case.
        #[test]
        fn everything_that_ilike_finds_is_found(name in "[^\\pC]{1,20}", from in 0usize..20, to in 0usize..20) {
            let row = row(&name, "+14155550123", "");
            let kept: Vec<char> = row.name.iter().flat_map(|name| name.as_str().chars()).collect();
            let (from, to) = (from.min(kept.len()), to.min(kept.len()));
            let part: String = kept[from.min(to)..from.max(to)].iter().collect();
            prop_assert!(matches(&part, &row));
            prop_assert!(matches(&part.to_uppercase(), &row));
            prop_assert!(matches(&part.chars().flat_map(char::to_lowercase).collect::<String>(), &row));
        }
    }
}
