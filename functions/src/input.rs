//! The fields of a request as typed values, with all violations collected.

mod fields;

use std::str::FromStr;

use contacts::model::{Metadata, Patch, Violation, trim};
use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{Error, FieldViolation};
use fields::Fields;

/// Proof that a violation was recorded in the [`Input`].
#[derive(Debug)]
pub struct Invalid;

/// The top-level fields of a JSON object, read as typed values.
///
/// Strings are trimmed; `null` and `""` are equivalent; JSON types are not converted; of a repeated key the last value is
/// used. Unknown fields are those that are not read: they are ignored, unless the input is strict.
pub struct Input {
    /// The path of this object within the request, with a final dot: `contacts.3.`, or empty.
    prefix: String,
    fields: Fields,
    is_strict: bool,
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
        Ok(Input::new(fields))
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
        Ok(Input::new(fields))
    }

    fn new(values: IndexMap<String, Box<RawValue>>) -> Self {
        Input { prefix: String::new(), fields: Fields::new(values), is_strict: false, violations: Vec::new() }
    }

    /// From now on, fields that are not read are violations.
    #[must_use]
    pub(crate) fn strict(self) -> Self {
        Input { is_strict: true, ..self }
    }

    /// As strict as the input that this one is a part of.
    #[must_use]
    pub fn strict_as(self, whole: &Input) -> Self {
        Input { is_strict: whole.is_strict, ..self }
    }

    /// Counts a field as known that is read elsewhere.
    pub(crate) fn know(&mut self, name: &'static str) {
        self.fields.ask(name);
    }

    /// Sets a field to a text, in place of the value that it has.
    ///
    /// # Errors
    /// [`Error::Internal`] if the text cannot be serialized, which does not happen.
    pub(crate) fn set(&mut self, name: &str, text: &str) -> Result<(), Error> {
        self.fields.set(name, text_value(text)?);
        Ok(())
    }

    /// Runs `parse` and returns its result, or all violations.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn parse<T>(mut self, parse: impl FnOnce(&mut Input) -> Result<T, Invalid>) -> Result<T, Error> {
        let parsed = parse(&mut self);
        if self.is_strict {
            for (name, violation) in self.fields.unknown() {
                self.record(&name, violation);
            }
        }
        match parsed {
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
    pub fn required<T: FromStr<Err = Violation>>(&mut self, name: &'static str) -> Result<T, Invalid> {
        match self.optional(name)? {
            Some(value) => Ok(value),
            None => Err(self.record(name, Violation::Required)),
        }
    }

    /// A value that may be omitted or empty.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn optional<T: FromStr<Err = Violation>>(&mut self, name: &'static str) -> Result<Option<T>, Invalid> {
        Ok(match self.patch(name)? {
            Patch::Set(value) => Some(value),
            Patch::Keep | Patch::Clear => None,
        })
    }

    /// A value for which omitting and clearing differ.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn patch<T: FromStr<Err = Violation>>(&mut self, name: &'static str) -> Result<Patch<T>, Invalid> {
        let Some(raw) = self.fields.ask(name) else { return Ok(Patch::Keep) };
        let text: Option<String> = match serde_json::from_str(raw.get()) {
            Ok(text) => text,
            Err(_) => return Err(self.record(name, Violation::NotString)),
        };
        match text.as_deref().map(trim) {
            None | Some("") => Ok(Patch::Clear),
            Some(text) => text.parse().map(Patch::Set).map_err(|violation| self.record(name, violation)),
        }
    }

    /// A value for which omitting and clearing differ, and `null` counts as omitted: only `""` clears.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn patch_unless_null<T: FromStr<Err = Violation>>(&mut self, name: &'static str) -> Result<Patch<T>, Invalid> {
        if self.is_null(name) { Ok(Patch::Keep) } else { self.patch(name) }
    }

    fn is_null(&mut self, name: &'static str) -> bool {
        self.fields.ask(name).is_some_and(|raw| raw.get() == "null")
    }

    /// `true`, `false` or absent; `null` and `""` count as absent.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, Invalid> {
        match self.fields.ask(name).map(|raw| raw.get()) {
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
    pub fn count(&mut self, name: &'static str, max: u32) -> Result<Option<u32>, Invalid> {
        let raw = self.fields.ask(name).map(|raw| raw.get()).filter(|raw| !is_empty(raw));
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
    pub fn metadata(&mut self, name: &'static str) -> Result<Patch<Metadata>, Invalid> {
        match self.fields.ask(name) {
            None => Ok(Patch::Keep),
            Some(raw) if is_empty(raw.get()) => Ok(Patch::Clear),
            Some(raw) => Metadata::from_raw(raw).map(Patch::Set).map_err(|violation| self.record(name, violation)),
        }
    }

    /// A free-form JSON object, of which `null`, `{}` and `[]` count as omitted: only `""` clears.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn metadata_unless_empty(&mut self, name: &'static str) -> Result<Patch<Metadata>, Invalid> {
        if self.is_null(name) {
            return Ok(Patch::Keep);
        }
        Ok(match self.metadata(name)? {
            Patch::Set(given) if given == Metadata::default() => Patch::Keep,
            given => given,
        })
    }

    /// A JSON value of another shape, such as a list. `null` counts as absent; `otherwise` is the violation of a value
    /// that has not this shape.
    ///
    /// # Errors
    /// [`Invalid`], recorded.
    pub fn json<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        otherwise: Violation,
    ) -> Result<Option<T>, Invalid> {
        match self.fields.ask(name).map(|raw| serde_json::from_str(raw.get())) {
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
    serde_json::from_str::<Option<String>>(json).is_ok_and(|text| text.is_none_or(|text| trim(&text).is_empty()))
}

#[cfg(test)]
mod tests;
