//! Free-text queries: what a person types into a search box.

use std::str::FromStr;

use super::flaw::plain;
use super::phone::strip;
use super::{Flaw, Phone, SearchRow, fold};

/// A query: a part of a name, phone or address, without regard to case and accents.
///
/// A query that is a phone number in human spelling, or a part of one, is also looked for without
/// its separators; a whole number finds the person in every spelling. `%`, `_` and `\` are
/// characters like any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    text: String,
    digits: Option<String>,
}

impl FromStr for Query {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let text = plain(text, usize::MAX)?;
        let digits = strip(text);
        let spelled = digits.strip_prefix('+').unwrap_or(&digits);
        let is_number = !spelled.is_empty() && spelled.bytes().all(|b| b.is_ascii_digit());
        Ok(Query { text: fold(text), digits: is_number.then_some(digits) })
    }
}

impl Query {
    /// The folded text, to be found in [`search_text`]. Empty where every text contains it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The query as a part of a number, to be found in the phone.
    pub(crate) fn digits(&self) -> Option<&str> {
        self.digits.as_deref()
    }

    /// The query as a whole number, in whichever spelling; without its `+` too, as WhatsApp
    /// writes its ids.
    pub(crate) fn phone(&self) -> Option<Phone> {
        let digits = self.digits()?;
        Phone::from_whatsapp(digits).ok()
    }

    /// The digits, where the query can be nothing but the start of a number, or else a part of a
    /// name or address that has a `+` and a digit in it.
    pub(crate) fn start_of_number(&self) -> Option<&str> {
        // A `+` and at most fifteen digits: what is longer starts no number.
        match self.text.as_bytes() {
            [b'+', b'0'..=b'9', ..] => self.digits().filter(|digits| digits.len() <= 16),
            _ => None,
        }
    }

    /// Whether `text` contains the query.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        fold(text).contains(&self.text)
    }

    /// Whether the query finds this contact. The table's filter says the same in its own words.
    pub(crate) fn finds(&self, row: &SearchRow) -> bool {
        search_text(row).contains(&self.text)
            || self.digits().is_some_and(|digits| row.phone.as_str().contains(digits))
            || self.phone().is_some_and(|phone| row.phone.canonical() == phone.canonical())
    }
}

/// What a query is looked for in: the folded name, phone and address, a line each. No query
/// contains a line break, so none is found across two of them.
pub(crate) fn search_text(row: &SearchRow) -> String {
    let name = row.name.as_ref().map_or("", |name| name.as_str());
    let email = row.email.as_ref().map_or("", |email| email.as_str());
    fold(&[name, row.phone.as_str(), email].join("\n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contact::{Contact, ContactId, Source};
    use crate::time::Timestamp;

    fn row(name: &str, phone: &str, email: &str) -> SearchRow {
        let phone: Phone = phone.parse().unwrap();
        let id = ContactId::derive(&uuid::Uuid::nil(), &phone);
        let mut contact = Contact::new(id, phone, Source::Api, Timestamp::now());
        contact.name = name.parse().ok();
        contact.email = email.parse().ok();
        SearchRow::from(&contact)
    }

    fn finds(query: &str, row: &SearchRow) -> bool {
        query.parse::<Query>().unwrap().finds(row)
    }

    #[test]
    fn queries() {
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
            assert!(finds(query, &jose), "{query:?}");
        }
        for query in ["joseph", "j_se", "%neil", "+1 (416)", "jose\\", "neil50", "é555", "3Jose", "+415", "-"] {
            assert!(!finds(query, &jose), "{query:?}");
        }
    }

    proptest! {
        /// Postgres finds a part of the text as it stands, `ILIKE` one in another case too.
        #[test]
        fn never_less_than_ilike(name in "[^\\pC]{1,20}", from in 0usize..20, to in 0usize..20) {
            let row = row(&name, "+14155550123", "");
            let kept: Vec<char> = row.name.iter().flat_map(|name| name.as_str().chars()).collect();
            let (from, to) = (from.min(kept.len()), to.min(kept.len()));
            let part: String = kept[from.min(to)..from.max(to)].iter().collect();
            prop_assert!(finds(&part, &row));
            prop_assert!(finds(&part.to_uppercase(), &row));
            prop_assert!(finds(&part.chars().flat_map(char::to_lowercase).collect::<String>(), &row));
        }
    }
}
