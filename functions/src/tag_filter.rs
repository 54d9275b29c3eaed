//! The tag in a search.

use std::str::FromStr;

use contacts::model::{Tag, Violation};

/// A tag to search for. Any text is allowed; a text that cannot be a tag matches no contact.
#[derive(Debug)]
pub struct TagFilter(Option<Tag>);

/// No contact matches, because the text that was given cannot be a tag.
#[derive(Debug)]
pub struct MatchesNothing;

impl TagFilter {
    /// The tag to search for; `None` without a filter.
    ///
    /// # Errors
    /// [`MatchesNothing`].
    pub fn tag(filter: Option<Self>) -> Result<Option<Tag>, MatchesNothing> {
        filter.map(|filter| filter.0.ok_or(MatchesNothing)).transpose()
    }
}

impl FromStr for TagFilter {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match text.parse() {
            Ok(tag) => Ok(TagFilter(Some(tag))),
            Err(Violation::Comma | Violation::TooLong(_)) => Ok(TagFilter(None)),
            Err(violation) => Err(violation),
        }
    }
}
