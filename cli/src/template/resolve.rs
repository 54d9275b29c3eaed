//! What a reference in the template stands for locally.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::stack::aws::{ACCOUNT, region};

/// A resource that others refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Table,
    Bus,
    Queue,
}

impl Kind {
    /// The kind of resource a type is, and the property that names one.
    pub(super) fn of(resource_type: &str) -> Option<(Self, &'static str)> {
        match resource_type {
            "AWS::DynamoDB::Table" => Some((Self::Table, "TableName")),
            "AWS::Events::EventBus" => Some((Self::Bus, "Name")),
            "AWS::SQS::Queue" => Some((Self::Queue, "QueueName")),
            _ => None,
        }
    }
}

/// Everything a `Ref` can name: parameters by their defaults, resources by their local names.
pub(super) struct Names<'a> {
    parameters: &'a BTreeMap<String, Value>,
    resources: BTreeMap<&'a str, (Kind, String)>,
}

impl<'a> Names<'a> {
    pub(super) fn new(parameters: &'a BTreeMap<String, Value>) -> Self {
        Self { parameters, resources: BTreeMap::new() }
    }

    /// Adds a resource. Its name is the one it is given if that is a plain string, else its logical id.
    pub(super) fn add(&mut self, id: &'a str, kind: Kind, given: &Value) {
        self.resources.insert(id, (kind, given.as_str().unwrap_or(id).to_owned()));
    }

    /// The local names of all resources of a kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.resources.values().filter(move |(each, _)| *each == kind).map(|(_, name)| name.as_str())
    }

    /// A value as text: literal, `Ref`, `Fn::GetAtt` or `Fn::Sub`.
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
        let attribute = attribute(value).and_then(|(id, name)| self.attribute(&id, &name));
        attribute.ok_or_else(|| format!("the local stack can't work out {value}"))
    }

    /// A value with every reference in it as text.
    pub(super) fn resolved(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Object(fields) if fields.keys().any(|name| name == "Ref" || name.starts_with("Fn::")) => {
                self.text(value).map(Value::String)
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), self.resolved(value)?)));
                fields.collect::<Result<Map<_, _>, String>>().map(Value::Object)
            }
            Value::Array(values) => values.iter().map(|value| self.resolved(value)).collect(),
            literal => Ok(literal.clone()),
        }
    }

    /// The local name of the resource whose attribute `name` this is.
    pub(super) fn owner(&self, value: &Value, kind: Kind, name: &str) -> Result<&str, String> {
        let found = attribute(value).filter(|(_, attribute)| attribute == name);
        let found = found.and_then(|(id, _)| self.resources.get(&*id)).filter(|(each, _)| *each == kind);
        let expected =
            || format!("{value} is not the {name} of a {} in this template", format!("{kind:?}").to_lowercase());
        found.map(|(_, name)| name.as_str()).ok_or_else(expected)
    }

    fn reference(&self, name: &str) -> Result<String, String> {
        if let Some((_, name)) = self.resources.get(name) {
            return Ok(name.clone());
        }
        match name {
            "AWS::AccountId" => return Ok(ACCOUNT.to_owned()),
            "AWS::Partition" => return Ok("aws".to_owned()),
            "AWS::Region" => return Ok(region()),
            "AWS::StackName" => return Ok("local".to_owned()),
            _ => {}
        }
        match self.parameters.get(name).map(|parameter| &parameter["Default"]) {
            Some(Value::Null) => Err(format!("the parameter `{name}` has no Default")),
            Some(default) => self.text(default),
            None => Err(format!("`{name}` is no parameter, table, event bus or queue")),
        }
    }

    fn attribute(&self, id: &str, attribute: &str) -> Option<String> {
        let (kind, name) = self.resources.get(id)?;
        let arn = |service: &str, resource: &str| format!("arn:aws:{service}:{}:{ACCOUNT}:{resource}{name}", region());
        match (kind, attribute) {
            (Kind::Table, "Arn") => Some(arn("dynamodb", "table/")),
            (Kind::Bus, "Arn") => Some(arn("events", "event-bus/")),
            (Kind::Queue, "Arn") => Some(arn("sqs", "")),
            (Kind::Bus, "Name") | (Kind::Queue, "QueueName") => Some(name.clone()),
            _ => None,
        }
    }

    /// `${Name}` is a reference, `${Name.Attribute}` an attribute, `${!Name}` a literal `${Name}`.
    fn substitute(&self, text: &str) -> Result<String, String> {
        let mut parts = text.split("${");
        let mut result = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').ok_or_else(|| format!("`{text}` has an open `${{`"))?;
            match (name.strip_prefix('!'), name.split_once('.')) {
                (Some(literal), _) => result.push_str(&format!("${{{literal}}}")),
                (None, None) => result.push_str(&self.reference(name)?),
                (None, Some((id, attribute))) => {
                    let value = self.attribute(id, attribute);
                    result.push_str(&value.ok_or_else(|| format!("the local stack can't work out `{name}`"))?);
                }
            }
            result.push_str(rest);
        }
        Ok(result)
    }
}

/// The logical id and the attribute of an `Fn::GetAtt`: `Id.Attribute`, or a list of the two.
fn attribute(value: &Value) -> Option<(String, String)> {
    let (id, name) = match &value["Fn::GetAtt"] {
        Value::String(path) => path.split_once('.')?,
        Value::Array(path) => match path.as_slice() {
            [id, name] => (id.as_str()?, name.as_str()?),
            _ => return None,
        },
        _ => return None,
    };
    Some((id.to_owned(), name.to_owned()))
}
