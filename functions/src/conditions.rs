//! Conditional requests (RFC 9110, section 13): `If-Match` and `If-None-Match` against the version of a contact.
//!
//! The entity tag of a contact is its version in quotes, `"7"`. Every write increments the version, and a contact that replaces a
//! deleted one continues its version, so that an entity tag never stands for two states. A deleted contact counts as none.
//!
//! As RFC 9110 says, conditions are evaluated only if the request would succeed without them, and `If-Match` before
//! `If-None-Match`. A condition that cannot be read is refused and not ignored, because a client that sends one relies on it.

use contacts::model::Violation;

use crate::error::Error;

/// The conditional headers of a request, verbatim. Empty for events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
}

/// The conditions of a request, as values.
#[derive(Debug, Default)]
pub struct Conditions {
    if_match: Option<EntityTags>,
    if_none_match: Option<EntityTags>,
}

/// The value of a conditional header.
#[derive(Debug, PartialEq, Eq)]
enum EntityTags {
    /// `*`: any version.
    Any,
    /// The entity tags, without quotes, and whether each is weak (`W/"7"`).
    Listed(Vec<(bool, String)>),
}

impl Preconditions {
    /// Parses the headers. Only actions about one contact do it; the others ignore them.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a header is neither `*` nor a list of entity tags, with its name as the path.
    pub fn parse(&self) -> Result<Conditions, Error> {
        let parse = |name: &str, text: &Option<String>| {
            let parsed = text.as_deref().map(|text| EntityTags::parse(text).ok_or(Violation::NotEntityTags));
            parsed.transpose().map_err(|violation| Error::invalid(name, violation))
        };
        Ok(Conditions {
            if_match: parse("If-Match", &self.if_match)?,
            if_none_match: parse("If-None-Match", &self.if_none_match)?,
        })
    }
}

impl Conditions {
    /// Whether a write may follow on this version of the contact, `None` if there is none.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`].
    pub fn check(&self, version: Option<u64>) -> Result<(), Error> {
        self.check_match(version)?;
        self.check_none_match(version)
    }

    /// Only `If-Match`.
    fn check_match(&self, version: Option<u64>) -> Result<(), Error> {
        // Weak entity tags never match here.
        let is_met = |tags: &EntityTags| version.is_some_and(|version| tags.contain(version, false));
        if self.if_match.as_ref().is_none_or(is_met) {
            return Ok(());
        }
        Err(Error::PreconditionFailed(
            "The contact is not in a version that If-Match names. Get it again before you change it.",
        ))
    }

    /// Only `If-None-Match`, for actions that otherwise fail if there is a contact.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`].
    pub fn check_none_match(&self, version: Option<u64>) -> Result<(), Error> {
        if version.is_some_and(|version| self.is_known(version)) {
            let message = "The contact exists, in a version that If-None-Match excludes. Update it instead.";
            return Err(Error::PreconditionFailed(message));
        }
        Ok(())
    }

    /// Whether a reader has this version of the contact already, so that the answer needs no body.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] if `If-Match` is not met.
    pub(crate) fn check_read(&self, version: u64) -> Result<bool, Error> {
        self.check_match(Some(version))?;
        Ok(self.is_known(version))
    }

    fn is_known(&self, version: u64) -> bool {
        self.if_none_match.as_ref().is_some_and(|tags| tags.contain(version, true))
    }
}

impl EntityTags {
    /// `*`, or at least one entity tag: `"7", W/"8"`. Elements of the list can be empty.
    fn parse(text: &str) -> Option<Self> {
        let blank = [' ', '\t'];
        let mut rest = text.trim_matches(blank);
        if rest == "*" {
            return Some(EntityTags::Any);
        }
        let mut tags = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return (!tags.is_empty()).then_some(EntityTags::Listed(tags));
            }
            let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |rest| (true, rest));
            let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
            if tag.chars().any(|c| c.is_ascii_control() || c == ' ') {
                return None;
            }
            tags.push((is_weak, tag.to_owned()));
            rest = after.trim_start_matches(blank);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }

    fn contain(&self, version: u64, weakly: bool) -> bool {
        match self {
            EntityTags::Any => true,
            EntityTags::Listed(tags) => {
                let version = version.to_string();
                tags.iter().any(|(is_weak, tag)| *tag == version && (weakly || !is_weak))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(if_match: &str, if_none_match: &str) -> Result<Conditions, Error> {
        let header = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Preconditions { if_match: header(if_match), if_none_match: header(if_none_match) }.parse()
    }

    #[test]
    fn writes_follow_on_the_named_versions_only() {
        // If-Match, If-None-Match, the versions that are met: of 6, 7, 8, and `None`.
        for (if_match, if_none_match, met) in [
            ("", "", [true, true, true, true]),
            ("*", "", [true, true, true, false]),
            (r#""7""#, "", [false, true, false, false]),
            (r#" ,"6" ,, "8","9", "#, "", [true, false, true, false]),
            (r#"W/"7""#, "", [false; 4]),
            (r#"W/"7", "8""#, "", [false, false, true, false]),
            (r#""07""#, "", [false; 4]),
            ("", "*", [false, false, false, true]),
            ("", r#""7""#, [true, false, true, true]),
            ("", r#"W/"7","8""#, [true, false, false, true]),
            (r#""7""#, "*", [false; 4]),
            (r#""7""#, r#""8""#, [false, true, false, false]),
        ] {
            let conditions = conditions(if_match, if_none_match).unwrap();
            let actual = [Some(6), Some(7), Some(8), None].map(|version| conditions.check(version).is_ok());
            assert_eq!(actual, met, "If-Match: {if_match}, If-None-Match: {if_none_match}");
        }
    }

    #[test]
    fn readers_get_no_body_for_a_version_that_they_have() {
        for (if_match, if_none_match, expected) in [
            ("", "", Ok(false)),
            ("", r#""7""#, Ok(true)),
            ("", r#"W/"7""#, Ok(true)),
            ("", "*", Ok(true)),
            ("", r#""6", "8""#, Ok(false)),
            (r#""7""#, r#""7""#, Ok(true)),
            (r#""6""#, r#""7""#, Err(())),
            (r#"W/"7""#, "", Err(())),
        ] {
            let conditions = conditions(if_match, if_none_match).unwrap();
            assert_eq!(conditions.check_read(7).map_err(|_| ()), expected, "{if_match}, {if_none_match}");
        }
    }

    #[test]
    fn malformed_headers_are_refused() {
        for text in [
            "7",
            "\"7",
            "7\"",
            "\"",
            "'7'",
            "**",
            "*, \"7\"",
            "\"7\", *",
            "\"7\" \"8\"",
            "\"7\";\"8\"",
            "w/\"7\"",
            "W\"7\"",
            "W/7",
            "\"7 8\"",
            "\"7\t\"",
            ",",
            " ",
        ] {
            let refused = [conditions(text, ""), conditions("", text)].map(|parsed| match parsed {
                Err(Error::Invalid(violations)) => violations[0].path.clone(),
                other => panic!("{text}: {other:?}"),
            });
            assert_eq!(refused, ["If-Match", "If-None-Match"], "{text}");
        }
        for text in ["\"\"", "\"a,b\"", "\"é\u{fffd}\"", "\"7\",", "\t\"7\" , \"x\"\t"] {
            assert!(conditions(text, text).is_ok(), "{text}");
        }
    }
}
