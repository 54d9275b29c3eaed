//! The fields of a call's input, and what is wrong with them.

use std::str::FromStr;

use indexmap::IndexMap;
use serde_json::value::{RawValue, to_raw_value};

use crate::contact::{Flaw, Metadata, Patch};
use crate::error::Error;

/// A field that was asked for and is wrong; what is wrong has been noted.
#[derive(Debug)]
pub struct Flawed;

/// The top-level fields of a JSON object, handed out as typed values.
///
/// `null` and the empty string are the same everywhere, strings are trimmed, no JSON type is taken
/// for another, and fields nobody asks for are ignored.
pub struct Fields {
    given: IndexMap<String, Box<RawValue>>,
    flaws: Vec<(&'static str, Flaw)>,
}

impl Fields {
    /// Reads a body. None at all counts as an empty object, and so does an empty array, which is
    /// how PHP spells one.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything that is no JSON object.
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        let given = match body.trim_ascii() {
            b"" => IndexMap::new(),
            [b'[', inside @ .., b']'] if inside.trim_ascii().is_empty() => IndexMap::new(),
            json => serde_json::from_slice(json).map_err(|_| Error::Malformed)?,
        };
        Ok(Fields { given, flaws: Vec::new() })
    }

    /// Takes the parameters of a query, all of them text. Of several by one name the first counts.
    ///
    /// # Errors
    /// [`Error::Internal`], which no text leads to.
    pub(super) fn of_query<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut given = IndexMap::new();
        for (name, text) in parameters {
            let text = to_raw_value(text).map_err(|error| Error::Internal(format!("writing a parameter: {error}")))?;
            given.entry(name.to_owned()).or_insert(text);
        }
        Ok(Fields { given, flaws: Vec::new() })
    }

    /// What `parse` makes of the fields, or all that is wrong with them.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(super) fn parse<T>(mut self, parse: impl FnOnce(&mut Fields) -> Result<T, Flawed>) -> Result<T, Error> {
        match parse(&mut self) {
            Ok(input) if self.flaws.is_empty() => Ok(input),
            _ => Err(Error::Invalid(self.flaws)),
        }
    }

    /// A value that must be there.
    ///
    /// # Errors
    /// [`Flawed`], noted.
    pub fn required<T: FromStr<Err = Flaw>>(&mut self, name: &'static str) -> Result<T, Flawed> {
        match self.optional(name)? {
            Some(value) => Ok(value),
            None => Err(self.note(name, Flaw::Required)),
        }
    }

    /// A value that may be left out or empty.
    ///
    /// # Errors
    /// [`Flawed`], noted.
    pub fn optional<T: FromStr<Err = Flaw>>(&mut self, name: &'static str) -> Result<Option<T>, Flawed> {
        Ok(match self.patch(name)? {
            Patch::Set(value) => Some(value),
            Patch::Keep | Patch::Clear => None,
        })
    }

    /// A value where leaving it out and emptying it are two things.
    ///
    /// # Errors
    /// [`Flawed`], noted.
    pub fn patch<T: FromStr<Err = Flaw>>(&mut self, name: &'static str) -> Result<Patch<T>, Flawed> {
        let Some(raw) = self.given.get(name) else { return Ok(Patch::Keep) };
        let text: Option<String> = match serde_json::from_str(raw.get()) {
            Ok(text) => text,
            Err(_) => return Err(self.note(name, Flaw::NotString)),
        };
        match text.as_deref().map(str::trim) {
            None | Some("") => Ok(Patch::Clear),
            Some(text) => text.parse().map(Patch::Set).map_err(|flaw| self.note(name, flaw)),
        }
    }

    /// `true` or `false`, or nothing.
    ///
    /// # Errors
    /// [`Flawed`], noted.
    pub fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, Flawed> {
        match self.given.get(name).map(|raw| raw.get()) {
            None | Some("null" | "\"\"") => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.note(name, Flaw::NotBoolean)),
        }
    }

    /// A JSON object that is the caller's own.
    ///
    /// # Errors
    /// [`Flawed`], noted.
    pub fn metadata(&mut self, name: &'static str) -> Result<Patch<Metadata>, Flawed> {
        match self.given.get(name).map(|raw| raw.get()) {
            None => Ok(Patch::Keep),
            Some(json) if is_nothing(json) => Ok(Patch::Clear),
            Some(json) => Metadata::parse(json).map(Patch::Set).map_err(|flaw| self.note(name, flaw)),
        }
    }

    fn note(&mut self, name: &'static str, flaw: Flaw) -> Flawed {
        self.flaws.push((name, flaw));
        Flawed
    }
}

/// Whether a value is `null`, or text that is empty once trimmed.
fn is_nothing(json: &str) -> bool {
    serde_json::from_str::<Option<String>>(json).is_ok_and(|text| text.is_none_or(|text| text.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Email, Name, Phone};

    #[derive(Debug)]
    struct Input {
        phone: Phone,
        name: Patch<Name>,
        email: Option<Email>,
        metadata: Patch<Metadata>,
    }

    fn read(body: &str) -> Result<Input, Error> {
        Fields::read(body.as_bytes())?.parse(|fields| {
            let phone = fields.required("phone");
            let name = fields.patch("name");
            let email = fields.optional("email");
            let metadata = fields.metadata("metadata");
            Ok(Input { phone: phone?, name: name?, email: email?, metadata: metadata? })
        })
    }

    #[track_caller]
    fn flaws(body: &str) -> Vec<(&'static str, Flaw)> {
        match read(body) {
            Err(Error::Invalid(flaws)) => flaws,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn absent_empty_and_given() {
        let input = read(r#" {"phone":" +1 415 555 0123 ","name":"","email":null,"metadata":null,"x":1} "#).unwrap();
        assert_eq!(input.phone.as_str(), "+14155550123");
        assert_eq!((input.name, input.email, input.metadata), (Patch::Clear, None, Patch::Clear));

        let input = read(r#"{"phone":"+14155550123","name":" Jos\u00e9 ","metadata":[]}"#).unwrap();
        assert_eq!(input.name, Patch::Set("José".parse().unwrap()));
        assert_eq!(input.metadata, Patch::Set(Metadata::default()));

        let input = read(r#"{"phone":"+14155550123"}"#).unwrap();
        assert_eq!((input.name, input.metadata), (Patch::Keep, Patch::Keep));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        assert_eq!(
            flaws(r#"{"name":5,"email":"nobody","metadata":"x"}"#),
            [
                ("phone", Flaw::Required),
                ("name", Flaw::NotString),
                ("email", Flaw::NotEmail),
                ("metadata", Flaw::NotObject)
            ]
        );
        assert_eq!(
            flaws(r#"{"phone":["+14155550123"],"name":"a\u0000"}"#),
            [("phone", Flaw::NotString), ("name", Flaw::Control)]
        );
        assert_eq!(flaws(r#"{"phone":true}"#), [("phone", Flaw::NotString)]);
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        for body in ["", "  ", "{}", "[]", " [ ] "] {
            assert_eq!(flaws(body), [("phone", Flaw::Required)], "{body:?}");
        }
    }

    #[test]
    fn what_is_no_object_is_malformed() {
        for body in ["{", "nonsense", "[1]", "null", "5", "\"{}\"", "{} {}", "{\"phone\":\"a\u{0}\"}", "{'phone':1}"] {
            assert!(matches!(read(body), Err(Error::Malformed)), "{body:?}");
        }
        assert!(matches!(Fields::read(b"{\"phone\":\"\xff\"}"), Err(Error::Malformed)));
    }
}
