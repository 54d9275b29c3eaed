//! The tag in a search.

use std::str::FromStr;

use contacts::model::{Tag, Violation};

/// A tag to search for. Any text is allowed; a text that cannot be a tag matches no contact.
#[derive(Debug)]
pub enum TagFilter {
    /// Contacts with this tag match.
    Tag(Tag),
    /// No contact matches.
    MatchesNothing,
}

impl FromStr for TagFilter {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match text.parse() {
            Ok(tag) => Ok(TagFilter::Tag(tag)),
            Err(Violation::Comma | Violation::TooLong(_)) => Ok(TagFilter::MatchesNothing),
            Err(violation) => Err(violation),
        }
    }
}
