//! Cells as spreadsheets and other products write them.

use std::borrow::Cow;

use crate::model::{EventTime, Timestamp, Violation};

/// The characters at the beginning of a cell that make spreadsheet programs take it for a formula, with the full-width
/// forms of four of them.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Makes a cell safe to open in a spreadsheet program: an apostrophe is put before a text that the program would take for a
/// formula. [`unprotect`] undoes exactly this, for any text.
///
/// ```
/// use contacts::import::{protect, unprotect};
/// assert_eq!(protect("=1+1"), "'=1+1");
/// assert_eq!(protect("'=1+1"), "''=1+1");
/// assert_eq!(protect("'tis"), "'tis");
/// assert_eq!(unprotect(&protect("'=1+1")), "'=1+1");
/// ```
pub fn protect(text: &str) -> Cow<'_, str> {
    let needs = text.starts_with(FORMULA) || is_protected(text);
    if needs { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text that was protected.
pub fn unprotect(cell: &str) -> &str {
    if is_protected(cell) { &cell[1..] } else { cell }
}

/// Whether the text begins with an apostrophe that [`protect`] has put there, or may have.
fn is_protected(text: &str) -> bool {
    text.strip_prefix('\'').is_some_and(|rest| rest.starts_with('\'') || rest.starts_with(FORMULA))
}

/// The values of a cell that holds a list as Google Contacts writes it: `a ::: b`.
pub(super) fn list(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(":::").map(str::trim).filter(|value| !value.is_empty())
}

/// A time in the past: RFC 3339, Unix seconds, or `2026-05-07` and `2026-05-07 08:14[:23]`, which are UTC. Other dates are
/// refused, because `05/07/2026` is two days.
pub(super) fn time(text: &str) -> Result<Timestamp, Violation> {
    let bytes = text.as_bytes();
    let is_date = bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' && text.is_char_boundary(10);
    let complete = match (is_date, bytes.len()) {
        (true, 10) => format!("{text}T00:00:00Z"),
        (true, 16) => format!("{}T{}:00Z", &text[..10], &text[11..]),
        (true, 19) => format!("{}T{}Z", &text[..10], &text[11..]),
        _ => text.to_owned(),
    };
    complete.parse::<EventTime>().map(|time| time.0)
}

/// Yes or no, in the words that the understood products and their languages use. `None` for other words.
pub(super) fn answer(text: &str) -> Option<bool> {
    match crate::model::fold(text).as_str() {
        "yes" | "true" | "1" | "y" | "x" | "sim" | "si" | "oui" | "ja" => Some(true),
        "no" | "false" | "0" | "n" | "nao" | "non" | "nein" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn protection_is_undone_exactly(text in "['=+@\t\r\n＝a-]{0,4}.{0,4}") {
            let cell = protect(&text);
            prop_assert!(!cell.starts_with(FORMULA));
            prop_assert_eq!(unprotect(&cell), &*text);
        }
    }

    #[test]
    fn times_are_unambiguous() {
        let at = |text: &str| time(text).map(|time| time.to_string());
        for (text, expected) in [
            ("2026-05-07", "2026-05-07T00:00:00+00:00"),
            ("2026-05-07 08:14", "2026-05-07T08:14:00+00:00"),
            ("2026-05-07T08:14:23", "2026-05-07T08:14:23+00:00"),
            ("2026-05-07T08:14:23-03:00", "2026-05-07T11:14:23+00:00"),
            ("1778141663", "2026-05-07T08:14:23+00:00"),
        ] {
            assert_eq!(at(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["05/07/2026", "7.5.2026", "", "2026-13-01", "2026-05-0é x", "9999-01-01"] {
            assert_eq!(time(text), Err(Violation::NotTime), "{text}");
        }
    }

    #[test]
    fn lists_of_google_contacts_are_split() {
        assert_eq!(list("* myContacts ::: Friends::: ").collect::<Vec<_>>(), ["* myContacts", "Friends"]);
    }
}
