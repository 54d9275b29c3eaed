//! Conditions of a template, and `Fn::If`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::resolve::Names;

/// The template's `Conditions`, which may refer to parameters only.
pub(super) struct Conditions<'a> {
    conditions: &'a BTreeMap<String, Value>,
    names: &'a Names<'a>,
}

impl<'a> Conditions<'a> {
    pub(super) fn new(conditions: &'a BTreeMap<String, Value>, names: &'a Names<'a>) -> Self {
        Self { conditions, names }
    }

    /// Whether the condition with this name holds.
    pub(super) fn holds(&self, name: &str) -> Result<bool, String> {
        let condition = self.conditions.get(name).ok_or_else(|| format!("there is no condition `{name}`"))?;
        self.is_true(condition).map_err(|reason| format!("condition {name}: {reason}"))
    }

    fn is_true(&self, condition: &Value) -> Result<bool, String> {
        if let Some([a, b]) = operands(condition, "Fn::Equals") {
            return Ok(self.names.text(a)? == self.names.text(b)?);
        }
        if let Some([condition]) = operands(condition, "Fn::Not") {
            return self.is_true(condition).map(|holds| !holds);
        }
        Err(format!("the local stack can't work out {condition}"))
    }

    /// The value with every `Fn::If` in it decided; `None` for `AWS::NoValue`.
    pub(super) fn decided(&self, value: &Value) -> Result<Option<Value>, String> {
        if let Some([name, then, otherwise]) = operands(value, "Fn::If") {
            let name = name.as_str().ok_or("Fn::If has to name a condition")?;
            return self.decided(if self.holds(name)? { then } else { otherwise });
        }
        match value {
            Value::Object(fields) if fields.get("Ref").is_some_and(|name| name == "AWS::NoValue") => Ok(None),
            Value::Object(fields) => {
                let mut decided = Map::new();
                for (name, value) in fields {
                    decided.extend(self.decided(value)?.map(|value| (name.clone(), value)));
                }
                Ok(Some(decided.into()))
            }
            Value::Array(values) => {
                let values = values.iter().filter_map(|value| self.decided(value).transpose());
                values.collect::<Result<Vec<_>, _>>().map(|values| Some(values.into()))
            }
            other => Ok(Some(other.clone())),
        }
    }
}

/// The operands, if the value is a call of this intrinsic function.
fn operands<'a, const N: usize>(value: &'a Value, function: &str) -> Option<&'a [Value; N]> {
    value.get(function)?.as_array()?.as_slice().try_into().ok()
}
