//! Event patterns: which events a rule of an event bus, or the filter of an event source mapping, lets through.
//!
//! Supported are exact values and `prefix`. The conditions of a field are alternatives; all fields have to
//! match. Any other condition is refused when the pattern is read, because ignoring one would let the wrong events
//! through.

use serde_json::{Map, Value};

/// A pattern that has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Vec<(String, Node)>);

/// What a pattern says of one field.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// The field is an object, and this holds for its fields.
    Object(Pattern),
    /// One of these holds for the field's value.
    AnyOf(Vec<Condition>),
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Equals(Value),
    Prefix(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is not a pattern, or has a condition that is not supported here.
    pub fn parse(pattern: &Value) -> Result<Self, String> {
        let fields =
            pattern.as_object().ok_or_else(|| format!("a pattern has to be an object, which {pattern} is not"))?;
        let mut parsed = Vec::new();
        for (name, value) in fields {
            let node = match value {
                _ if name.starts_with('$') => return Err(format!("the local stack doesn't support `{name}`")),
                Value::Array(list) if list.is_empty() => return Err(format!("`{name}` has an empty list")),
                Value::Array(list) => Node::AnyOf(list.iter().map(Condition::parse).collect::<Result<_, _>>()?),
                Value::Object(_) => Node::Object(Self::parse(value)?),
                _ => return Err(format!("`{name}` has to be a list or an object, not {value}")),
            };
            parsed.push((name.clone(), node));
        }
        Ok(Self(parsed))
    }

    /// Whether it lets an event through.
    pub fn matches(&self, event: &Value) -> bool {
        self.holds(Some(event))
    }

    fn holds(&self, value: Option<&Value>) -> bool {
        // Of a list, one element has to match.
        if let Some(Value::Array(elements)) = value {
            return elements.iter().any(|element| self.holds(Some(element)));
        }
        let field = |name: &str| value.and_then(|value| value.get(name));
        self.0.iter().all(|(name, node)| match node {
            Node::Object(pattern) => pattern.holds(field(name)),
            Node::AnyOf(conditions) => {
                field(name).is_some_and(|value| conditions.iter().any(|condition| condition.holds(value)))
            }
        })
    }
}

impl Condition {
    fn parse(condition: &Value) -> Result<Self, String> {
        match condition {
            Value::Array(_) => Err(format!("a condition can't be a list: {condition}")),
            Value::Object(condition) => match only(condition)? {
                ("prefix", Value::String(text)) => Ok(Self::Prefix(text.clone())),
                (kind, operand) => {
                    Err(format!("the local stack doesn't support the condition {{\"{kind}\":{operand}}}"))
                }
            },
            literal => Ok(Self::Equals(literal.clone())),
        }
    }

    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (condition, Value::Array(elements)) => elements.iter().any(|element| condition.holds(element)),
            (Self::Equals(expected), value) => equal(expected, value),
            (Self::Prefix(prefix), Value::String(text)) => text.starts_with(prefix),
            (Self::Prefix(_), _) => false,
        }
    }
}

/// `300`, `300.0` and `3e2` are one number.
fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn only(condition: &Map<String, Value>) -> Result<(&str, &Value), String> {
    let mut entries = condition.iter();
    match (entries.next(), entries.next()) {
        (Some((kind, operand)), None) => Ok((kind, operand)),
        _ => Err(format!("{} has to have one key", Value::Object(condition.clone()))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_match_values_prefixes_and_lists() {
        let event = json!({
            "source": "contacts",
            "detail-type": "ContactChanged",
            "dynamodb": { "Keys": { "item": { "S": "contact#1" } }, "NewImage": { "n": { "N": "1" } } },
            "tags": ["vip", "new"],
            "parts": [{ "k": "a", "v": "1" }, { "k": "b", "v": "2" }],
            "count": 300,
            "gone": null,
            "empty": "",
        });
        let cases = [
            // Exact values; a list is an or, the fields are an and.
            (json!({}), true),
            (json!({ "source": ["contacts"] }), true),
            (json!({ "source": ["Contacts"] }), false),
            (json!({ "source": ["orders", "contacts"] }), true),
            (json!({ "source": ["contacts"], "detail-type": ["ContactCreated"] }), false),
            (json!({ "count": [300.0] }), true),
            (json!({ "count": ["300"] }), false),
            (json!({ "gone": [null] }), true),
            (json!({ "absent": [null] }), false),
            (json!({ "empty": [""] }), true),
            // Inside objects and lists.
            (json!({ "dynamodb": { "Keys": { "item": { "S": ["contact#1"] } } } }), true),
            (json!({ "dynamodb": ["contact#1"] }), false),
            (json!({ "tags": ["vip"] }), true),
            (json!({ "tags": ["old"] }), false),
            (json!({ "parts": { "k": ["b"], "v": ["2"] } }), true),
            (json!({ "parts": { "k": ["c"] } }), false),
            // prefix
            (json!({ "dynamodb": { "Keys": { "item": { "S": [{ "prefix": "contact#" }] } } } }), true),
            (json!({ "dynamodb": { "Keys": { "item": { "S": [{ "prefix": "tag#" }] } } } }), false),
            (json!({ "dynamodb": { "Keys": { "item": { "S": [{ "prefix": "tag#" }, "contact#1"] } } } }), true),
            (json!({ "source": [{ "prefix": "" }] }), true),
            (json!({ "absent": [{ "prefix": "" }] }), false),
            (json!({ "count": [{ "prefix": "3" }] }), false),
            (json!({ "tags": [{ "prefix": "ne" }] }), true),
        ];
        for (pattern, expected) in cases {
            assert_eq!(Pattern::parse(&pattern).unwrap().matches(&event), expected, "{pattern}");
        }
    }

    #[test]
    fn unknown_conditions_are_refused() {
        let unsupported = |condition: &str| format!("the local stack doesn't support the condition {condition}");
        let cases = [
            (json!([]), "a pattern has to be an object, which [] is not".to_owned()),
            (json!({ "a": "b" }), r#"`a` has to be a list or an object, not "b""#.to_owned()),
            (json!({ "a": [] }), "`a` has an empty list".to_owned()),
            (json!({ "a": [["b"]] }), r#"a condition can't be a list: ["b"]"#.to_owned()),
            (json!({ "a": [{}] }), "{} has to have one key".to_owned()),
            (json!({ "$or": [{ "a": ["b"] }] }), "the local stack doesn't support `$or`".to_owned()),
            (json!({ "a": [{ "prefix": 1 }] }), unsupported(r#"{"prefix":1}"#)),
            (json!({ "a": [{ "suffix": "b" }] }), unsupported(r#"{"suffix":"b"}"#)),
            (json!({ "a": [{ "exists": true }] }), unsupported(r#"{"exists":true}"#)),
            (json!({ "a": [{ "equals-ignore-case": "b" }] }), unsupported(r#"{"equals-ignore-case":"b"}"#)),
            (json!({ "a": [{ "anything-but": ["b"] }] }), unsupported(r#"{"anything-but":["b"]}"#)),
            (json!({ "a": [{ "numeric": [">", 0] }] }), unsupported(r#"{"numeric":[">",0]}"#)),
        ];
        for (pattern, message) in cases {
            assert_eq!(Pattern::parse(&pattern).unwrap_err(), message);
        }
    }
}
