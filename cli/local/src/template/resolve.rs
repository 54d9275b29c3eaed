//! The local values of `Ref`, `Fn::GetAtt` and `Fn::Sub`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::aws::{ACCOUNT, region};

/// A kind of resource that others refer to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ResourceKind {
    Table,
    Bus,
    Queue,
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Bus => "event bus",
            Self::Queue => "queue",
        })
    }
}

impl ResourceKind {
    /// The kind that a resource type is, and the property that holds the name of such a resource.
    pub(super) fn of(resource_type: &str) -> Option<(Self, &'static str)> {
        match resource_type {
            "AWS::DynamoDB::Table" => Some((Self::Table, "TableName")),
            "AWS::Events::EventBus" => Some((Self::Bus, "Name")),
            "AWS::SQS::Queue" => Some((Self::Queue, "QueueName")),
            _ => None,
        }
    }
}

/// Everything that a reference can name: parameters with their values, resources with their local names.
pub(super) struct Names<'a> {
    parameters: &'a BTreeMap<String, Value>,
    resources: BTreeMap<&'a str, (ResourceKind, String)>,
}

impl<'a> Names<'a> {
    pub(super) fn new(parameters: &'a BTreeMap<String, Value>) -> Self {
        Self { parameters, resources: BTreeMap::new() }
    }

    /// Adds a resource. Its local name is the one `given` if that is a plain string, else its logical id.
    pub(super) fn add(&mut self, id: &'a str, kind: ResourceKind, given: &Value) {
        self.resources.insert(id, (kind, given.as_str().unwrap_or(id).to_owned()));
    }

    /// The local names of all resources of a kind.
    pub(super) fn of(&self, kind: ResourceKind) -> impl Iterator<Item = &str> {
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

    /// The value with every reference in it replaced by its text.
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

    /// The local name of the resource of a kind whose attribute `name` the value refers to.
    pub(super) fn owner(&self, value: &Value, kind: ResourceKind, name: &str) -> Result<&str, String> {
        let found = attribute(value).filter(|(_, attribute)| attribute == name);
        let found = found.and_then(|(id, _)| self.resources.get(&*id)).filter(|(each, _)| *each == kind);
        let expected = || format!("{value} is not the {name} of a {kind} in this template");
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
            None => Err(format!("`{name}` is not a parameter, table, event bus or queue")),
        }
    }

    fn attribute(&self, id: &str, attribute: &str) -> Option<String> {
        let (kind, name) = self.resources.get(id)?;
        let arn = |service: &str, resource: &str| format!("arn:aws:{service}:{}:{ACCOUNT}:{resource}{name}", region());
        match (kind, attribute) {
            (ResourceKind::Table, "Arn") => Some(arn("dynamodb", "table/")),
            (ResourceKind::Bus, "Arn") => Some(arn("events", "event-bus/")),
            (ResourceKind::Queue, "Arn") => Some(arn("sqs", "")),
            (ResourceKind::Bus, "Name") | (ResourceKind::Queue, "QueueName") => Some(name.clone()),
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
pub(super) fn attribute(value: &Value) -> Option<(String, String)> {
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
