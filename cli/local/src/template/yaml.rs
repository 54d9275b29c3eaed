//! YAML with CloudFormation's tags, read as JSON without them.
//!
//! `!Ref X` is shorthand for `Ref: X`, `!Sub x` for `Fn::Sub: x`. Everything becomes the long form, so that the other
//! modules see one spelling and ordinary `serde` types.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use serde_saphyr::Tagged;

/// Reads a template's text. The error names the line.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    // YAML 1.1 would read an attribute called `y` as a boolean.
    let options = serde_saphyr::options! { strict_booleans: true };
    let node: Result<Node, _> = serde_saphyr::from_str_with_options(text, options);
    node.map(|node| node.0).map_err(|error| error.without_snippet().to_string())
}

/// A value in its long form.
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(Plain(value), tag) = Tagged::deserialize(deserializer)?;
        // YAML's own tags (`!!str`) arrive as `tag:yaml.org,…` and are applied already.
        let value = match tag.as_deref().and_then(|tag| tag.strip_prefix('!')) {
            None => value,
            Some(name @ ("Ref" | "Condition")) => json!({ name: value }),
            Some(name) => json!({ format!("Fn::{name}"): value }),
        };
        Ok(Self(value))
    }
}

/// A value without its own tag; the values inside it are [`Node`]s again.
struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlainVisitor).map(Self)
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Node(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Node(value))) = entries.next_entry()? {
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_long_ones_at_every_depth() {
        let text = r#"
a: !Ref Table
b: !GetAtt Table.Arn
c: [!Sub "${Table}-x", {Ref: Other}, 10, true, ~, "10", 1.5]
d: !If [Big, !Ref X, { k: !Ref Y }]
e: !!str 12
"#;
        assert_eq!(
            parse(text).unwrap(),
            json!({
                "a": {"Ref": "Table"},
                "b": {"Fn::GetAtt": "Table.Arn"},
                "c": [{"Fn::Sub": "${Table}-x"}, {"Ref": "Other"}, 10, true, null, "10", 1.5],
                "d": {"Fn::If": ["Big", {"Ref": "X"}, {"k": {"Ref": "Y"}}]},
                "e": "12",
            })
        );
    }

    #[test]
    fn an_error_is_one_line_that_says_where() {
        let error = parse("a: 1\nb: [1\n").unwrap_err();
        assert!(error.contains("line") && !error.contains('\n'), "{error}");
        let error = parse("a: 1\na: 2\n").unwrap_err();
        assert!(error.contains("line") && !error.contains('\n'), "{error}");
    }
}
