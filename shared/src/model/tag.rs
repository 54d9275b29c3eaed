//! Tags, and the list of tags of a contact.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::time::Timestamp;
use super::violation::{Violation, plain, text_value, trim};

/// A tag: 1 to 100 code points without commas and control characters. Tags are case-sensitive: `VIP`
/// and `vip` are two tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

text_value!(Tag);

impl FromStr for Tag {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match plain(text, 100)? {
            "" => Err(Violation::Required),
            text if text.contains(',') => Err(Violation::Comma),
            text => Ok(Tag(text.to_owned())),
        }
    }
}

/// An entry of the tag catalogue: a tag that any contact of the tenant has, or once had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagDefinition {
    /// UUIDv5 of the tenant's namespace and the tag.
    pub id: Uuid,
    /// The tag.
    pub name: Tag,
    /// When the tag was first used.
    pub created_at: Timestamp,
}

/// The tags of one contact: at most [`Tags::MAX`], without duplicates, in the order they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Tag>")]
pub struct Tags(Vec<Tag>);

impl Tags {
    /// The maximum number of tags of a contact. Replacing all of them is one transaction of at most 92 items
    /// (the contact, 45 deleted and 46 written memberships); DynamoDB allows 100.
    pub const MAX: usize = 45;

    /// The tags, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Tag> {
        self.0.iter()
    }

    /// Whether the list contains `tag`.
    pub fn contains(&self, tag: &Tag) -> bool {
        self.0.contains(tag)
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends `tag`, unless the list contains it.
    ///
    /// # Errors
    /// [`Violation::TooManyTags`] when the list is full; it stays unchanged.
    pub fn add(&mut self, tag: &Tag) -> Result<(), Violation> {
        if self.contains(tag) {
            return Ok(());
        }
        if self.0.len() == Self::MAX {
            return Err(Violation::TooManyTags(Self::MAX));
        }
        self.0.push(tag.clone());
        Ok(())
    }

    /// Removes `tag`, if the list contains it.
    pub fn remove(&mut self, tag: &Tag) {
        self.0.retain(|kept| kept != tag);
    }
}

impl From<Tag> for Tags {
    fn from(tag: Tag) -> Self {
        Tags(vec![tag])
    }
}

impl TryFrom<Vec<Tag>> for Tags {
    type Error = Violation;

    fn try_from(given: Vec<Tag>) -> Result<Self, Violation> {
        let mut tags = Tags::default();
        // Stops at the first tag too many, because the search for duplicates takes quadratic time.
        given.iter().try_for_each(|tag| tags.add(tag))?;
        Ok(tags)
    }
}

/// The comma-separated form: `"vip, beta-testers, fr-FR"`.
impl FromStr for Tags {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let tags: Result<Vec<Tag>, Violation> =
            text.split(',').map(trim).filter(|tag| !tag.is_empty()).map(str::parse).collect();
        match tags {
            Ok(tags) => tags.try_into(),
            Err(Violation::TooLong(max)) => Err(Violation::TagTooLong(max)),
            Err(violation) => Err(violation),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(text: &str) -> Vec<String> {
        text.parse::<Tags>().unwrap().iter().map(|tag| tag.as_str().to_owned()).collect()
    }

    #[test]
    fn the_comma_separated_form_is_trimmed_and_deduplicated() {
        assert_eq!(list("vip, beta-testers, fr-FR"), ["vip", "beta-testers", "fr-FR"]);
        assert_eq!(list(" ,vip,,VIP , vip,"), ["vip", "VIP"]);
        assert_eq!(list(" , "), Vec::<String>::new());
        assert_eq!(list("\u{200b}vip\u{200b}, \u{feff},fr\u{200b}FR"), ["vip", "fr\u{200b}FR"]);
    }

    #[test]
    fn length_and_number_of_tags_are_limited() {
        let csv = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
        assert!(csv(45).parse::<Tags>().is_ok());
        assert_eq!(csv(46).parse::<Tags>(), Err(Violation::TooManyTags(45)));
        assert!(format!("{0},{0}", csv(45)).parse::<Tags>().is_ok(), "repeats do not count");
        assert_eq!("é".repeat(101).parse::<Tags>(), Err(Violation::TagTooLong(100)));
        assert!("é".repeat(100).parse::<Tag>().is_ok());
        assert_eq!("a,b".parse::<Tag>(), Err(Violation::Comma));
    }

    proptest! {
        #[test]
        fn parsing_the_joined_list_gives_the_same_list(text in "[a-c ,é*#]{0,40}") {
            let tags: Tags = text.parse().unwrap();
            let again = tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(", ");
            prop_assert_eq!(again.parse::<Tags>().unwrap(), tags);
        }
    }
}
