//! Metadata: a JSON object that belongs to the API client.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::violation::Violation;

/// The top-level keys; their values are kept as unparsed text.
type Object = IndexMap<String, Box<RawValue>>;

/// A free-form JSON object of at most [`Metadata::MAX_BYTES`], held as compact text.
///
/// White space and unnecessary string escapes are removed; of a repeated top-level key, the last value is
/// kept. Keys keep their order, numbers keep
/// their spelling (`8742.00`, integers of any size), and values may be nested to any depth.
/// It serializes to the object on the wire and to a string in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata(String);

impl Metadata {
    /// The maximum length of the compact text, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 65_536;

    /// Parses a JSON object. An empty array counts as an empty object, because PHP serializes empty
    /// objects as `[]`.
    ///
    /// # Errors
    /// [`Violation::NotObject`], [`Violation::TooLarge`]; [`Violation::LoneSurrogate`] for an escape
    /// that JSON allows and many clients cannot decode.
    pub fn parse(json: &str) -> Result<Self, Violation> {
        Self::from_raw(serde_json::from_str(json).map_err(|_| Violation::NotObject)?)
    }

    /// As [`parse`](Metadata::parse), for text that a request's parser has validated already.
    ///
    /// # Errors
    /// As [`parse`](Metadata::parse).
    pub fn from_raw(json: &RawValue) -> Result<Self, Violation> {
        let compact = compact(json.get())?;
        if compact == "[]" {
            return Ok(Self::default());
        }
        Self::of(&object(&compact)?)
    }

    /// Shallow merge: the keys of `given` replace the stored keys with their whole values.
    ///
    /// # Errors
    /// [`Violation::TooLarge`] when the result exceeds the limit.
    pub fn merged(&self, given: &Metadata) -> Result<Self, Violation> {
        let mut merged = object(&self.0)?;
        merged.extend(object(&given.0)?);
        Self::of(&merged)
    }

    /// Whether common JSON parsers read it: nested fewer than 128 levels deep, all numbers within the range of a
    /// 64-bit float. Services such as EventBridge refuse other JSON.
    pub fn is_portable(&self) -> bool {
        serde_json::from_str::<serde_json::Value>(&self.0).is_ok()
    }

    fn of(object: &Object) -> Result<Self, Violation> {
        let text = serde_json::to_string(object).map_err(|_| Violation::NotObject)?;
        if text.len() > Self::MAX_BYTES {
            return Err(Violation::TooLarge(Self::MAX_BYTES));
        }
        Ok(Metadata(text))
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Metadata("{}".to_owned())
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// The stored form of metadata: one string.
pub(super) mod as_text {
    use super::*;

    pub fn serialize<S: Serializer>(metadata: &Metadata, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&metadata.0)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metadata, D::Error> {
        String::deserialize(deserializer).map(Metadata)
    }
}

fn object(json: &str) -> Result<Object, Violation> {
    serde_json::from_str(json).map_err(|_| Violation::NotObject)
}

/// Removes white space between tokens and unnecessary escapes in strings from JSON text.
///
/// It works on the text, so numbers are never parsed and the nesting depth does not matter. The text must be
/// valid JSON: `1 2` would become `12`.
fn compact(json: &str) -> Result<String, Violation> {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find(['"', ' ', '\t', '\n', '\r']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('"') {
            let (literal, after) = rest.split_at(literal_end(rest));
            out.push_str(&unescaped(literal)?);
            rest = after;
        } else {
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The length of the string literal at the beginning of `text`.
fn literal_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A string literal in its shortest form.
fn unescaped(literal: &str) -> Result<Cow<'_, str>, Violation> {
    if !literal.contains('\\') {
        return Ok(literal.into());
    }
    match serde_json::from_str::<String>(literal) {
        Ok(text) => serde_json::to_string(&text).map(Cow::Owned).map_err(|_| Violation::NotObject),
        // Syntactically valid, so only a lone surrogate can be the reason.
        Err(_) if serde_json::from_str::<&RawValue>(literal).is_ok() => Err(Violation::LoneSurrogate),
        Err(_) => Err(Violation::NotObject),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn metadata(json: &str) -> Metadata {
        Metadata::parse(json).unwrap()
    }

    #[test]
    fn spelling_is_kept_and_white_space_is_removed() {
        for (given, kept) in [
            (r#" { } "#, "{}"),
            ("[ ]", "{}"),
            (r#"{"lifetime_value": 8742.00}"#, r#"{"lifetime_value":8742.00}"#),
            (r#"{"big": 123456789012345678901234567890}"#, r#"{"big":123456789012345678901234567890}"#),
            (r#"{"b": [1E5, -0, 1e400], "a": {"x y": "x  y\n"}}"#, r#"{"b":[1E5,-0,1e400],"a":{"x y":"x  y\n"}}"#),
            (r#"{"\u00e9": "\u00e9\/\"\\"}"#, r#"{"é":"é/\"\\"}"#),
            (r#"{"nul": "\u0000"}"#, r#"{"nul":"\u0000"}"#),
            (r#"{"a": 1, "b": 2, "a": 3}"#, r#"{"a":3,"b":2}"#),
        ] {
            assert_eq!(metadata(given).0, kept);
        }
    }

    #[test]
    fn values_other_than_objects_are_refused() {
        for json in ["[1]", "1", "\"{}\"", "true", "{", "{\"a\":}", "{} {}", ""] {
            assert_eq!(Metadata::parse(json), Err(Violation::NotObject), "{json:?}");
        }
    }

    #[test]
    fn lone_surrogates_are_refused() {
        assert_eq!(Metadata::parse(r#"{"a": "\ud83d"}"#), Err(Violation::LoneSurrogate));
        assert_eq!(Metadata::parse(r#"{"\ude00": 1}"#), Err(Violation::LoneSurrogate));
        assert_eq!(metadata(r#"{"a": "\ud83d\ude00"}"#).0, r#"{"a":"😀"}"#);
    }

    #[test]
    fn deep_nesting_and_huge_numbers_are_not_portable() {
        assert!(metadata(r#"{"a":[[8742.00,123456789012345678901234567890]]}"#).is_portable());
        assert!(!metadata(r#"{"a":1e999}"#).is_portable());
        assert!(!metadata(&format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200))).is_portable());
    }

    #[test]
    fn nesting_is_not_limited() {
        let json = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(metadata(&json).0, json);
    }

    #[test]
    fn the_limit_counts_bytes_of_the_compact_text() {
        let of_size = |bytes: usize| format!(r#"{{ "a" : "{}" }}"#, "x".repeat(bytes - r#"{"a":""}"#.len()));
        assert_eq!(metadata(&of_size(65_536)).0.len(), 65_536);
        assert_eq!(Metadata::parse(&of_size(65_537)), Err(Violation::TooLarge(65_536)));
        assert!(Metadata::parse(&format!(r#"{{"a":"{}"}}"#, r"\u00e9".repeat(32_000))).is_ok());
    }

    #[test]
    fn merging_is_shallow_and_limited() {
        let stored = metadata(r#"{"a":{"x":1},"b":2.50,"c":3}"#);
        let merged = stored.merged(&metadata(r#"{"b":null,"a":{"y":2},"d":[]}"#)).unwrap();
        assert_eq!(merged.0, r#"{"a":{"y":2},"b":null,"c":3,"d":[]}"#);
        assert_eq!(stored.merged(&Metadata::default()).unwrap(), stored);

        let half = |key| metadata(&format!(r#"{{"{key}":"{}"}}"#, "x".repeat(40_000)));
        assert_eq!(half("a").merged(&half("b")), Err(Violation::TooLarge(65_536)));
        assert!(half("a").merged(&half("a")).is_ok());
    }

    proptest! {
        #[test]
        fn compacting_keeps_the_value(
            map in prop::collection::btree_map("\\PC{0,4}|[\"\\\\\n ]{1,3}", any::<(String, i64, Option<bool>)>(), 0..5)
        ) {
            let value = serde_json::to_value(map).unwrap();
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let kept = metadata(&pretty);
            prop_assert_eq!(serde_json::from_str::<Value>(&kept.0).unwrap(), value);
            prop_assert_eq!(metadata(&kept.0), kept);
        }
    }
}
