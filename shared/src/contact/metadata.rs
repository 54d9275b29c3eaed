//! Metadata: a JSON object that is the caller's, not ours.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::Flaw;

/// The top-level keys; what is behind them is never parsed.
type Object = IndexMap<String, Box<RawValue>>;

/// A free-form JSON object of at most [`Metadata::MAX_BYTES`], held as compact text.
///
/// Only white space and needless string escapes are lost: keys keep their order and numbers their
/// spelling (`8742.00`, integers of any size), and values are nested as deeply as they came.
/// On the wire it is the object; in the table it is the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata(String);

impl Metadata {
    /// How long the compact text may be, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 65_536;

    /// Reads a JSON object. An empty array counts as an empty object, which is how PHP spells it.
    ///
    /// # Errors
    /// [`Flaw::NotObject`], [`Flaw::TooLarge`]; [`Flaw::HalfCharacter`] for what JSON can say and
    /// many a client can't read.
    pub fn parse(json: &str) -> Result<Self, Flaw> {
        let compact = compact(json)?;
        if compact == "[]" {
            return Ok(Self::default());
        }
        Self::of(&object(&compact)?)
    }

    /// This metadata with the given keys written over it: whole values, nothing inside them.
    ///
    /// # Errors
    /// [`Flaw::TooLarge`] when the result passes the limit.
    pub fn merged(&self, given: &Metadata) -> Result<Self, Flaw> {
        let mut merged = object(&self.0)?;
        merged.extend(object(&given.0)?);
        Self::of(&merged)
    }

    fn of(object: &Object) -> Result<Self, Flaw> {
        let text = serde_json::to_string(object).map_err(|_| Flaw::NotObject)?;
        if text.len() > Self::MAX_BYTES {
            return Err(Flaw::TooLarge(Self::MAX_BYTES));
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

/// Metadata as the table holds it: one string.
pub(super) mod as_text {
    use super::*;

    pub fn serialize<S: Serializer>(metadata: &Metadata, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&metadata.0)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metadata, D::Error> {
        String::deserialize(deserializer).map(Metadata)
    }
}

fn object(json: &str) -> Result<Object, Flaw> {
    serde_json::from_str(json).map_err(|_| Flaw::NotObject)
}

/// JSON text without white space between tokens and without needless escapes in strings.
///
/// Works on the text, so that numbers are never read and depth never matters. What is not JSON
/// comes out as something that is not JSON.
fn compact(json: &str) -> Result<String, Flaw> {
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

/// Where the string literal that `text` begins with ends.
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
fn unescaped(literal: &str) -> Result<Cow<'_, str>, Flaw> {
    if !literal.contains('\\') {
        return Ok(literal.into());
    }
    match serde_json::from_str::<String>(literal) {
        Ok(text) => serde_json::to_string(&text).map(Cow::Owned).map_err(|_| Flaw::NotObject),
        // The only thing that can be wrong with a literal of a text that is JSON.
        Err(_) if serde_json::from_str::<&RawValue>(literal).is_ok() => Err(Flaw::HalfCharacter),
        Err(_) => Err(Flaw::NotObject),
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
    fn spelling_is_kept_and_space_is_not() {
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
    fn what_is_no_object() {
        for json in ["[1]", "1", "\"{}\"", "true", "{", "{\"a\":}", "{} {}", ""] {
            assert_eq!(Metadata::parse(json), Err(Flaw::NotObject), "{json:?}");
        }
    }

    #[test]
    fn half_a_character_is_refused() {
        assert_eq!(Metadata::parse(r#"{"a": "\ud83d"}"#), Err(Flaw::HalfCharacter));
        assert_eq!(Metadata::parse(r#"{"\ude00": 1}"#), Err(Flaw::HalfCharacter));
        assert_eq!(metadata(r#"{"a": "\ud83d\ude00"}"#).0, r#"{"a":"😀"}"#);
    }

    #[test]
    fn nesting_is_not_limited() {
        let json = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(metadata(&json).0, json);
    }

    #[test]
    fn the_limit_counts_compact_utf8() {
        let of_size = |bytes: usize| format!(r#"{{ "a" : "{}" }}"#, "x".repeat(bytes - r#"{"a":""}"#.len()));
        assert_eq!(metadata(&of_size(65_536)).0.len(), 65_536);
        assert_eq!(Metadata::parse(&of_size(65_537)), Err(Flaw::TooLarge(65_536)));
        assert!(Metadata::parse(&format!(r#"{{"a":"{}"}}"#, r"\u00e9".repeat(32_000))).is_ok());
    }

    #[test]
    fn merging_is_shallow_and_limited() {
        let stored = metadata(r#"{"a":{"x":1},"b":2.50,"c":3}"#);
        let merged = stored.merged(&metadata(r#"{"b":null,"a":{"y":2},"d":[]}"#)).unwrap();
        assert_eq!(merged.0, r#"{"a":{"y":2},"b":null,"c":3,"d":[]}"#);
        assert_eq!(stored.merged(&Metadata::default()).unwrap(), stored);

        let half = |key| metadata(&format!(r#"{{"{key}":"{}"}}"#, "x".repeat(40_000)));
        assert_eq!(half("a").merged(&half("b")), Err(Flaw::TooLarge(65_536)));
        assert!(half("a").merged(&half("a")).is_ok());
    }

    proptest! {
        #[test]
        fn meaning_is_kept(
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
