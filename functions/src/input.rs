//! The fields of a request as typed values, with all violations collected.

use std::str::FromStr;

use contacts::model::{Metadata, Patch, Violation};
use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{Error, FieldViolation};

/// Proof that a violation was recorded in the [`Input`].
#[derive(Debug)]
pub struct Invalid;

/// The top-level fields of a JSON object, read as typed values.
///
/// Strings are trimmed; `null` and `""` are equivalent; JSON types are not converted; unknown fields are
/// ignored; of a repeated key the last value is used.
pub struct Input {
    /// The path of this object within the request, with a final dot: `contacts.3.`, or empty.
    prefix: String,
    fields: IndexMap<String, Box<RawValue>>,
    violations: Vec<FieldViolation>,
}

impl Input {
    /// Reads a JSON object. An empty body counts as an empty object, and so does `[]`, because PHP
    /// serializes empty objects as arrays.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything but a JSON object.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, Error> {
        let fields = match body.trim_ascii() {
            b"" => IndexMap::new(),
            [b'[', inside @ .., b']'] if inside.trim_ascii().is_empty() => IndexMap::new(),
            json => serde_json::from_slice(json).map_err(|_| Error::Malformed)?,
        };
        Ok(Input { prefix: String::new(), fields, violations: Vec::new() })
    }

    /// Reads the parameters of a query string. The first of several with the same name is used.
    ///
    /// # Errors
    /// [`Error::Internal`] if a string cannot be serialized, which does not happen.
    pub(crate) fn from_query<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut fields = IndexMap::new();
        for (name, text) in parameters {
            fields.entry(name.to_owned()).or_insert(text_value(text)?);
        }
        Ok(Input { prefix: String::new(), fields, violations: Vec::new() })
    }

    /// Sets a field to a text, in place of the value that it has.
    ///
    /// # Errors
    /// [`Error::Internal`] if the text cannot be serialized, which does not happen.
    pub(crate) fn set(&mut self, name: &str, text: &str) -> Result<(), Error> {
        self.fields.insert(name.to_owned(), text_value(text)?);
        Ok(())
    }

    /// Runs `parse` and returns its result, or all violations.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn parse<T>(mut self, parse: impl FnOnce(&mut Input) -> Result<T, Invalid>) -> Result<T, Error> {
        match parse(&mut self) {
            Ok(parsed) if self.violations.is_empty() => Ok(parsed),
            _ => Err(Error::Invalid(self.violations)),
        }
    }

    /// An object nested in a list, such as the fourth contact of a batch. Its violations are reported
    /// under the path `<list>.<index>.<field>`, for example `contacts.3.phone`.
    ///
    /// # Errors
    /// [`Error::Malformed`] if `object` is not a JSON object.
    pub fn element(list: &str, index: usize, object: &RawValue) -> Result<Self, Error> {
        Ok(Input { prefix: format!("{list}.{index}."), ..Input::from_json(object.get().as_bytes())? })
    }

    /// A required value.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn required<T: FromStr<Err = Violation>>(&mut self, name: &str) -> Result<T, Invalid> {
        match self.optional(name)? {
            Some(value) => Ok(value),
            None => Err(self.record(name, Violation::Required)),
        }
    }

    /// A value that may be omitted or empty.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn optional<T: FromStr<Err = Violation>>(&mut self, name: &str) -> Result<Option<T>, Invalid> {
        Ok(match self.patch(name)? {
            Patch::Set(value) => Some(value),
            Patch::Keep | Patch::Clear => None,
        })
    }

    /// A value for which omitting and clearing differ.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn patch<T: FromStr<Err = Violation>>(&mut self, name: &str) -> Result<Patch<T>, Invalid> {
        let Some(raw) = self.fields.get(name) else { return Ok(Patch::Keep) };
        let text: Option<String> = match serde_json::from_str(raw.get()) {
            Ok(text) => text,
            Err(_) => return Err(self.record(name, Violation::NotString)),
        };
        match text.as_deref().map(str::trim) {
            None | Some("") => Ok(Patch::Clear),
            Some(text) => text.parse().map(Patch::Set).map_err(|violation| self.record(name, violation)),
        }
    }

    /// `true`, `false` or absent; `null` and `""` count as absent.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, Invalid> {
        match self.fields.get(name).map(|raw| raw.get()) {
            None | Some("null" | "\"\"") => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.record(name, Violation::NotBoolean)),
        }
    }

    /// A whole number from 1 to `max`, or absent; `null` and `""` count as absent.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn count(&mut self, name: &str, max: u32) -> Result<Option<u32>, Invalid> {
        let raw = self.fields.get(name).map(|raw| raw.get()).filter(|raw| !is_empty(raw));
        // JSON has no integers: `7.0` is the number 7.
        match raw.map(serde_json::from_str::<f64>) {
            None => Ok(None),
            Some(Ok(count)) if count.fract() == 0.0 && (1.0..=max.into()).contains(&count) => Ok(Some(count as u32)),
            Some(_) => Err(self.record(name, Violation::NotCount(max))),
        }
    }

    /// A free-form JSON object.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn metadata(&mut self, name: &str) -> Result<Patch<Metadata>, Invalid> {
        match self.fields.get(name) {
            None => Ok(Patch::Keep),
            Some(raw) if is_empty(raw.get()) => Ok(Patch::Clear),
            Some(raw) => Metadata::from_raw(raw).map(Patch::Set).map_err(|violation| self.record(name, violation)),
        }
    }

    /// A JSON value of another shape, such as a list. `null` counts as absent; `otherwise` is the violation of a value
    /// that has not this shape.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn json<T: DeserializeOwned>(&mut self, name: &str, otherwise: Violation) -> Result<Option<T>, Invalid> {
        match self.fields.get(name).map(|raw| serde_json::from_str(raw.get())) {
            None => Ok(None),
            Some(Ok(value)) => Ok(value),
            Some(Err(_)) => Err(self.record(name, otherwise)),
        }
    }

    /// Records that a value which could be read breaks a rule of the function.
    pub fn refuse(&mut self, name: &str, violation: Violation) -> Invalid {
        self.record(name, violation)
    }

    fn record(&mut self, name: &str, violation: Violation) -> Invalid {
        self.violations.push(FieldViolation { path: format!("{}{name}", self.prefix), violation });
        Invalid
    }
}

/// A text as JSON.
fn text_value(text: &str) -> Result<Box<RawValue>, Error> {
    to_raw_value(text).map_err(|error| Error::Internal(format!("a parameter could not be serialized: {error}")))
}

/// Whether a value is `null` or a string that is empty after trimming.
fn is_empty(json: &str) -> bool {
    serde_json::from_str::<Option<String>>(json).is_ok_and(|text| text.is_none_or(|text| text.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contacts::model::{Email, Name, Phone};

    #[derive(Debug)]
    struct Parsed {
        phone: Phone,
        name: Patch<Name>,
        email: Option<Email>,
        metadata: Patch<Metadata>,
    }

    fn read(body: &str) -> Result<Parsed, Error> {
        Input::from_json(body.as_bytes())?.parse(|input| {
            let phone = input.required("phone");
            let name = input.patch("name");
            let email = input.optional("email");
            let metadata = input.metadata("metadata");
            Ok(Parsed { phone: phone?, name: name?, email: email?, metadata: metadata? })
        })
    }

    #[track_caller]
    fn violations(body: &str) -> Vec<(String, Violation)> {
        match read(body) {
            Err(Error::Invalid(violations)) => violations.into_iter().map(|each| (each.path, each.violation)).collect(),
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn omitted_empty_and_given_values_differ() {
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
    fn all_violations_are_reported_at_once() {
        assert_eq!(
            violations(r#"{"name":5,"email":"nobody","metadata":"x"}"#),
            [
                ("phone".to_owned(), Violation::Required),
                ("name".to_owned(), Violation::NotString),
                ("email".to_owned(), Violation::NotEmail),
                ("metadata".to_owned(), Violation::NotObject)
            ]
        );
        assert_eq!(
            violations(r#"{"phone":["+14155550123"],"name":"a\u0000"}"#),
            [("phone".to_owned(), Violation::NotString), ("name".to_owned(), Violation::Control)]
        );
        assert_eq!(violations(r#"{"phone":true}"#), [("phone".to_owned(), Violation::NotString)]);
    }

    #[test]
    fn values_of_other_shapes_are_read_or_refused() {
        let list = |body: &str| {
            let input = Input::from_json(body.as_bytes())?;
            input.parse(|input| input.json::<Vec<u8>>("list", Violation::NotObject))
        };
        assert_eq!(list(r#"{"list":[1,2]}"#).unwrap(), Some(vec![1, 2]));
        assert_eq!((list("{}").unwrap(), list(r#"{"list":null}"#).unwrap()), (None, None));
        for body in [r#"{"list":["1"]}"#, r#"{"list":{}}"#, r#"{"list":""}"#] {
            let Err(Error::Invalid(violations)) = list(body) else { panic!("{body}") };
            assert_eq!((&*violations[0].path, violations[0].violation), ("list", Violation::NotObject));
        }
    }

    #[test]
    fn counts_are_whole_numbers_in_their_range() {
        let count = |body: &str| Input::from_json(body.as_bytes())?.parse(|input| input.count("limit", 100));
        for (given, read) in [("1", 1), ("7", 7), ("7.0", 7), ("1e1", 10), ("100", 100)] {
            assert_eq!(count(&format!(r#"{{"limit":{given}}}"#)).unwrap(), Some(read), "{given}");
        }
        for body in ["{}", r#"{"limit":null}"#, r#"{"limit":""}"#] {
            assert_eq!(count(body).unwrap(), None, "{body}");
        }
        for value in ["0", "101", "-1", "1.5", "0.1", "1e400", r#""50""#, "true", "[7]", "{}", "4294967297"] {
            let Err(Error::Invalid(violations)) = count(&format!(r#"{{"limit":{value}}}"#)) else { panic!("{value}") };
            assert_eq!(violations[0].message(), "The limit must be a whole number from 1 to 100.", "{value}");
        }
    }

    #[test]
    fn an_empty_body_counts_as_an_empty_object() {
        for body in ["", "  ", "{}", "[]", " [ ] "] {
            assert_eq!(violations(body), [("phone".to_owned(), Violation::Required)], "{body:?}");
        }
    }

    #[test]
    fn anything_but_an_object_is_malformed() {
        for body in ["{", "nonsense", "[1]", "null", "5", "\"{}\"", "{} {}", "{\"phone\":\"a\u{0}\"}", "{'phone':1}"] {
            assert!(matches!(read(body), Err(Error::Malformed)), "{body:?}");
        }
        assert!(matches!(Input::from_json(b"{\"phone\":\"\xff\"}"), Err(Error::Malformed)));
    }

    #[test]
    fn violations_of_list_elements_have_a_path() {
        let contact = serde_json::from_str(r#"{"phone":"nonsense"}"#).unwrap();
        let parsed = Input::element("contacts", 3, contact).unwrap().parse(|input| input.required::<Phone>("phone"));
        let Err(Error::Invalid(violations)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(violations[0].path, "contacts.3.phone");
        assert_eq!(violations[0].message(), "The contacts.3.phone must be in international format, starting with +.");
    }
}
