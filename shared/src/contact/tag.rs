//! Tags, and the list of them a contact carries.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Flaw;
use super::flaw::{plain, text_value};
use crate::time::Timestamp;

/// A tag: 1 to 100 code points, no comma, no control characters. `VIP` and `vip` are two tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

text_value!(Tag);

impl FromStr for Tag {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        match plain(text, 100)? {
            "" => Err(Flaw::Required),
            text if text.contains(',') => Err(Flaw::Comma),
            text => Ok(Tag(text.to_owned())),
        }
    }
}

/// A tag a tenant has used, if only once: what list-tags shows, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagDefinition {
    /// Derived from tenant and name.
    pub id: Uuid,
    /// The tag.
    pub name: Tag,
    /// When it was first used.
    pub created_at: Timestamp,
}

/// The tags of one contact: no repeats, at most [`Tags::MAX`], in the order they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Tag>")]
pub struct Tags(Vec<Tag>);

impl Tags {
    /// Replacing all tags of a contact is one transaction: the contact, 45 memberships gone and
    /// 45 new ones, under DynamoDB's limit of 100 items.
    pub const MAX: usize = 45;

    /// The tags, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Tag> {
        self.0.iter()
    }

    /// Whether `tag` is one of them.
    pub fn contains(&self, tag: &Tag) -> bool {
        self.0.contains(tag)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts `tag` at the end, unless it is one of them.
    ///
    /// # Errors
    /// [`Flaw::TooManyTags`] when there is no room; the tags stay as they are.
    pub fn add(&mut self, tag: &Tag) -> Result<(), Flaw> {
        if self.contains(tag) {
            return Ok(());
        }
        if self.0.len() == Self::MAX {
            return Err(Flaw::TooManyTags(Self::MAX));
        }
        self.0.push(tag.clone());
        Ok(())
    }

    /// Takes `tag` out, if it is one of them.
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
    type Error = Flaw;

    fn try_from(given: Vec<Tag>) -> Result<Self, Flaw> {
        let mut tags = Tags::default();
        // Refused at the first that is too many: looking for repeats costs what is kept already.
        given.iter().try_for_each(|tag| tags.add(tag))?;
        Ok(tags)
    }
}

/// The comma-separated form: `"vip, beta-testers, fr-FR"`.
impl FromStr for Tags {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let tags: Result<Vec<Tag>, Flaw> =
            text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::parse).collect();
        match tags {
            Ok(tags) => tags.try_into(),
            Err(Flaw::TooLong(max)) => Err(Flaw::TagTooLong(max)),
            Err(flaw) => Err(flaw),
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
    fn comma_separated() {
        assert_eq!(list("vip, beta-testers, fr-FR"), ["vip", "beta-testers", "fr-FR"]);
        assert_eq!(list(" ,vip,,VIP , vip,"), ["vip", "VIP"]);
        assert_eq!(list(" , "), Vec::<String>::new());
    }

    #[test]
    fn limits() {
        let csv = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
        assert!(csv(45).parse::<Tags>().is_ok());
        assert_eq!(csv(46).parse::<Tags>(), Err(Flaw::TooManyTags(45)));
        assert!(format!("{0},{0}", csv(45)).parse::<Tags>().is_ok(), "repeats do not count");
        assert_eq!("é".repeat(101).parse::<Tags>(), Err(Flaw::TagTooLong(100)));
        assert!("é".repeat(100).parse::<Tag>().is_ok());
        assert_eq!("a,b".parse::<Tag>(), Err(Flaw::Comma));
    }

    proptest! {
        #[test]
        fn saying_the_list_again_gives_the_list(text in "[a-c ,é*#]{0,40}") {
            let tags: Tags = text.parse().unwrap();
            let again = tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(", ");
            prop_assert_eq!(again.parse::<Tags>().unwrap(), tags);
        }
    }
}
