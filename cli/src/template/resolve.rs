//! What a reference in the template stands for locally.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Table;

/// Everything a `Ref` can name: tables by their local names, parameters by their defaults.
pub(super) struct Names<'a> {
    tables: BTreeMap<&'a str, &'a str>,
    parameters: &'a BTreeMap<String, Value>,
}

impl<'a> Names<'a> {
    pub(super) fn new(tables: &'a [Table], parameters: &'a BTreeMap<String, Value>) -> Self {
        let tables = tables.iter().map(|table| (table.logical_id.as_str(), table.name.as_str()));
        Self { tables: tables.collect(), parameters }
    }

    /// A value as text: literal, `Ref` or `Fn::Sub`.
    pub(super) fn text(&self, value: &Value) -> Result<String, String> {
        match value {
            Value::String(text) => return Ok(text.clone()),
            Value::Number(_) | Value::Bool(_) => return Ok(value.to_string()),
            _ => {}
        }
        if let Some(name) = value["Ref"].as_str() {
            return self.reference(name);
        }
        if let Some(text) = value["Fn::Sub"].as_str() {
            return self.substitute(text);
        }
        Err(format!("the local stack can't work out {value}"))
    }

    fn reference(&self, name: &str) -> Result<String, String> {
        if let Some(table) = self.tables.get(name) {
            return Ok((*table).to_owned());
        }
        match self.parameters.get(name).map(|parameter| &parameter["Default"]) {
            Some(Value::Null) => Err(format!("the parameter `{name}` has no Default")),
            Some(default) => self.text(default),
            None => Err(format!("`{name}` is neither a table nor a parameter")),
        }
    }

    /// `${Name}` is a reference, `${!Name}` a literal `${Name}`.
    fn substitute(&self, text: &str) -> Result<String, String> {
        let mut parts = text.split("${");
        let mut result = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').ok_or_else(|| format!("`{text}` has an open `${{`"))?;
            match name.strip_prefix('!') {
                Some(literal) => result.push_str(&format!("${{{literal}}}")),
                None => result.push_str(&self.reference(name)?),
            }
            result.push_str(rest);
        }
        Ok(result)
    }
}
