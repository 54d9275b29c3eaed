//! Event patterns: what a rule of an event bus, or the filter of a mapping, lets through.
//!
//! The part of EventBridge's language that is about text: exact values, `prefix`, `suffix`,
//! `equals-ignore-case`, `anything-but`, `exists`, `$or`. A field's conditions are a list of which one has to
//! hold; all fields have to. What is not known here is refused when the pattern is read, because a
//! condition that is passed over would let the wrong events through.

use serde_json::{Map, Value};

/// A pattern that has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    fields: Vec<(String, Node)>,
    /// One group for each `$or`: one pattern of it has to match.
    alternatives: Vec<Vec<Pattern>>,
}

/// What is asked of one field.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// It is an object, and this is asked of its fields.
    Object(Pattern),
    /// One of these holds for it.
    AnyOf(Vec<Condition>),
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(String),
    Suffix(String),
    /// None of these holds.
    AnythingBut(Vec<Condition>),
    Exists(bool),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is none, or has a condition that isn't known here.
    pub fn parse(pattern: &Value) -> Result<Self, String> {
        let fields = pattern.as_object().ok_or_else(|| format!("{pattern} is no pattern: it has to be an object"))?;
        let mut parsed = Self { fields: Vec::new(), alternatives: Vec::new() };
        for (name, value) in fields {
            match value {
                Value::Array(patterns) if name == "$or" => {
                    parsed.alternatives.push(patterns.iter().map(Self::parse).collect::<Result<_, _>>()?);
                }
                Value::Array(list) => {
                    let conditions: Vec<_> = list.iter().map(Condition::parse).collect::<Result<_, _>>()?;
                    if conditions.is_empty() {
                        return Err(format!("`{name}` has an empty list"));
                    }
                    parsed.fields.push((name.clone(), Node::AnyOf(conditions)));
                }
                Value::Object(_) => parsed.fields.push((name.clone(), Node::Object(Self::parse(value)?))),
                _ => return Err(format!("`{name}` has to be a list or an object, not {value}")),
            }
        }
        Ok(parsed)
    }

    /// Whether it lets an event through.
    pub fn matches(&self, event: &Value) -> bool {
        self.holds(Some(event))
    }

    fn holds(&self, value: Option<&Value>) -> bool {
        // In a list, one element is enough.
        if let Some(Value::Array(elements)) = value {
            return elements.iter().any(|element| self.holds(Some(element)));
        }
        let field = |name: &str| value.and_then(|value| value.get(name));
        self.fields.iter().all(|(name, node)| match node {
            Node::Object(pattern) => pattern.holds(field(name)),
            Node::AnyOf(conditions) => conditions.iter().any(|condition| condition.holds(field(name))),
        }) && self.alternatives.iter().all(|patterns| patterns.iter().any(|pattern| pattern.holds(value)))
    }
}

impl Condition {
    fn parse(condition: &Value) -> Result<Self, String> {
        let Value::Object(condition) = condition else {
            return match condition {
                Value::Array(_) => Err(format!("{condition} is no condition")),
                literal => Ok(Self::Equals(literal.clone())),
            };
        };
        let (kind, operand) = only(condition)?;
        match (kind, operand) {
            ("prefix", Value::String(text)) => Ok(Self::Prefix(text.clone())),
            ("suffix", Value::String(text)) => Ok(Self::Suffix(text.clone())),
            ("equals-ignore-case", Value::String(text)) => Ok(Self::EqualsIgnoreCase(text.to_lowercase())),
            ("exists", Value::Bool(exists)) => Ok(Self::Exists(*exists)),
            ("anything-but", Value::Array(list)) if !list.is_empty() => Self::anything_but(list),
            ("anything-but", operand) => Self::anything_but(std::slice::from_ref(operand)),
            _ => Err(format!("the local stack doesn't know the condition {{\"{kind}\":{operand}}}")),
        }
    }

    fn anything_but(list: &[Value]) -> Result<Self, String> {
        let conditions: Vec<_> = list.iter().map(Self::parse).collect::<Result<_, _>>()?;
        match conditions.iter().find(|each| matches!(each, Self::Exists(_) | Self::AnythingBut(_))) {
            Some(_) => Err("`anything-but` takes values, `prefix`, `suffix` or `equals-ignore-case`".into()),
            None => Ok(Self::AnythingBut(conditions)),
        }
    }

    /// `exists` is about values: an object is a way to them, and counts as nothing there.
    fn holds(&self, value: Option<&Value>) -> bool {
        let value = value.filter(|value| !value.is_object());
        match (self, value) {
            (Self::Exists(exists), value) => value.is_some() == *exists,
            (_, None) => false,
            (condition, Some(Value::Array(elements))) => elements.iter().any(|element| condition.holds(Some(element))),
            (Self::Equals(wanted), Some(value)) => equal(wanted, value),
            (Self::AnythingBut(conditions), value) => !conditions.iter().any(|condition| condition.holds(value)),
            (condition, Some(Value::String(text))) => match condition {
                Self::Prefix(prefix) => text.starts_with(prefix),
                Self::Suffix(suffix) => text.ends_with(suffix),
                Self::EqualsIgnoreCase(wanted) => text.to_lowercase() == *wanted,
                _ => false,
            },
            _ => false,
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
    fn events_are_matched() {
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
            // prefix, suffix, case
            (json!({ "dynamodb": { "Keys": { "item": { "S": [{ "prefix": "contact#" }] } } } }), true),
            (json!({ "dynamodb": { "Keys": { "item": { "S": [{ "prefix": "tag#" }] } } } }), false),
            (json!({ "dynamodb": { "Keys": { "item": { "S": [{ "prefix": "tag#" }, { "suffix": "#1" }] } } } }), true),
            (json!({ "source": [{ "prefix": "" }] }), true),
            (json!({ "absent": [{ "prefix": "" }] }), false),
            (json!({ "count": [{ "prefix": "3" }] }), false),
            (json!({ "source": [{ "equals-ignore-case": "CONTACTS" }] }), true),
            // anything-but: something has to be there.
            (json!({ "source": [{ "anything-but": "orders" }] }), true),
            (json!({ "source": [{ "anything-but": ["orders", "contacts"] }] }), false),
            (json!({ "source": [{ "anything-but": { "prefix": "cont" } }] }), false),
            (json!({ "source": [{ "anything-but": { "prefix": "ord" } }] }), true),
            (json!({ "absent": [{ "anything-but": "x" }] }), false),
            (json!({ "dynamodb": [{ "anything-but": "x" }] }), false),
            (json!({ "tags": [{ "anything-but": "vip" }] }), true),
            // exists: on values, not on objects.
            (json!({ "source": [{ "exists": true }] }), true),
            (json!({ "source": [{ "exists": false }] }), false),
            (json!({ "absent": [{ "exists": false }] }), true),
            (json!({ "gone": [{ "exists": true }] }), true),
            (json!({ "dynamodb": { "NewImage": [{ "exists": true }] } }), false),
            (json!({ "dynamodb": { "NewImage": { "n": { "N": [{ "exists": true }] } } } }), true),
            (json!({ "dynamodb": { "OldImage": { "n": { "N": [{ "exists": false }] } } } }), true),
            // $or
            (json!({ "$or": [{ "source": ["orders"] }, { "count": [300] }] }), true),
            (json!({ "$or": [{ "source": ["orders"] }, { "count": [3] }] }), false),
            (json!({ "source": ["contacts"], "$or": [{ "count": [3] }, { "count": [4] }] }), false),
        ];
        for (pattern, expected) in cases {
            assert_eq!(Pattern::parse(&pattern).unwrap().matches(&event), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let cases = [
            (json!([]), "[] is no pattern: it has to be an object"),
            (json!({ "a": "b" }), r#"`a` has to be a list or an object, not "b""#),
            (json!({ "a": [] }), "`a` has an empty list"),
            (json!({ "a": [["b"]] }), r#"["b"] is no condition"#),
            (json!({ "a": [{}] }), "{} has to have one key"),
            (json!({ "a": [{ "prefix": 1 }] }), r#"the local stack doesn't know the condition {"prefix":1}"#),
            (
                json!({ "a": [{ "numeric": [">", 0] }] }),
                r#"the local stack doesn't know the condition {"numeric":[">",0]}"#,
            ),
            (
                json!({ "a": [{ "anything-but": { "exists": true } }] }),
                "`anything-but` takes values, `prefix`, `suffix` or `equals-ignore-case`",
            ),
        ];
        for (pattern, message) in cases {
            assert_eq!(Pattern::parse(&pattern).unwrap_err(), message);
        }
    }
}
