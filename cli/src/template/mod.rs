//! What the local stack takes from `template.yaml`: tables, functions, and what these are called for.
//!
//! The template is the one description of the system. AWS deploys it and the local stack reads it,
//! so a wrong index or a wrong route breaks at the desk and not after a deployment. What it can't
//! act on it refuses, naming the place: a function that runs here with half its configuration
//! would be worse than none.

mod condition;
mod function;
mod mapping;
mod resolve;
mod table;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use condition::Conditions;
use function::FunctionProperties;
use resolve::{Kind, Names};

pub use function::{Function, Route};
pub(crate) use mapping::bus_name;
pub use mapping::{Rule, StreamMapping};
pub use table::{AttributeDefinition, Index, KeyElement, Projection, Stream, Table, TimeToLive};

/// Why a template can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file isn't YAML.
    #[error("template: {0}")]
    Syntax(String),
    /// Something in it is missing, wrong, or beyond the local stack.
    #[error("template: {place}: {reason}")]
    Invalid {
        /// Logical id of the resource.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The part of a SAM template that runs locally.
#[derive(Debug)]
pub struct Template {
    /// Every `AWS::DynamoDB::Table`.
    pub tables: Vec<Table>,
    /// Every `AWS::Serverless::Function`.
    pub functions: Vec<Function>,
    /// Every `AWS::Events::EventBus`, by its local name.
    pub buses: Vec<String>,
}

/// The template as written, as far as it is of interest.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    #[serde(default)]
    globals: Globals,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    #[serde(default)]
    conditions: BTreeMap<String, Value>,
    resources: BTreeMap<String, Resource>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Globals {
    #[serde(default)]
    function: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    r#type: String,
    condition: Option<String>,
    #[serde(default)]
    properties: Value,
    #[serde(default)]
    metadata: Value,
}

impl Template {
    /// Reads a template from a file.
    ///
    /// # Errors
    /// When the file can't be read; otherwise as [`parse`](Self::parse).
    pub fn read(path: &Path, parameters: &BTreeMap<String, String>) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Self::parse(&text, parameters)
    }

    /// Reads a template; `parameters` are given values, the others have their defaults.
    ///
    /// # Errors
    /// When it is no YAML, or has something the local stack can't act on, naming the place; when it
    /// has no such parameter.
    pub fn parse(text: &str, parameters: &BTreeMap<String, String>) -> Result<Self, Error> {
        let document = yaml::parse(text).map_err(Error::Syntax)?;
        let mut document: Document =
            serde_json::from_value(document).map_err(|error| Error::Syntax(error.to_string()))?;
        for (name, value) in parameters {
            let unknown = || at(name)("there is no such parameter".into());
            document.parameters.get_mut(name).ok_or_else(unknown)?["Default"] = value.as_str().into();
        }

        document.decide()?;

        let mut names = Names::new(&document.parameters);
        for (id, resource) in &document.resources {
            if let Some((kind, named_by)) = Kind::of(&resource.r#type) {
                names.add(id, kind, &resource.properties[named_by]);
            }
        }
        let mut tables = Vec::new();
        for (id, resource) in document.of_type("AWS::DynamoDB::Table") {
            tables.push(Table::from_resource(id, resource).map_err(at(id))?);
        }
        let globals = properties::<Option<FunctionProperties>>(&document.globals.function).map_err(at("Globals"))?;
        let globals = globals.unwrap_or_default();
        let mut functions = Vec::new();
        for (id, resource) in document.of_type(FUNCTION) {
            functions.push(Function::from_resource(id, resource, &globals, &names).map_err(at(id))?);
        }
        check_unique(&functions)?;
        check_streams(&functions, &tables)?;
        Ok(Self { tables, functions, buses: names.of(Kind::Bus).map(str::to_owned).collect() })
    }
}

const FUNCTION: &str = "AWS::Serverless::Function";

impl Document {
    /// Drops what the local stack knows nothing of, and what the conditions say isn't there.
    fn decide(&mut self) -> Result<(), Error> {
        let names = Names::new(&self.parameters);
        let conditions = Conditions::new(&self.conditions, &names);
        let mut resources = BTreeMap::new();
        for (id, mut resource) in std::mem::take(&mut self.resources) {
            let known = resource.r#type == FUNCTION || Kind::of(&resource.r#type).is_some();
            let wanted = |name: &String| conditions.holds(name).map_err(at(&id));
            if known && resource.condition.as_ref().map_or(Ok(true), wanted)? {
                resource.properties = conditions.decided(&resource.properties).map_err(at(&id))?.unwrap_or_default();
                resources.insert(id, resource);
            }
        }
        self.resources = resources;
        self.globals.function = conditions.decided(&self.globals.function).map_err(at("Globals"))?.unwrap_or_default();
        Ok(())
    }

    fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a String, &'a Resource)> {
        self.resources.iter().filter(move |(_, resource)| resource.r#type == kind)
    }
}

fn at(id: &str) -> impl FnOnce(String) -> Error {
    |reason| Error::Invalid { place: id.to_owned(), reason }
}

/// Deserializes properties; what is missing or of the wrong type is named.
fn properties<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

/// Two functions can't share a route, nor an executable: its name is theirs.
fn check_unique(functions: &[Function]) -> Result<(), Error> {
    let (mut binaries, mut routes) = (BTreeSet::new(), BTreeSet::new());
    for function in functions {
        if !binaries.insert(&function.binary) {
            let reason = format!("another function has the executable `{}` already", function.binary);
            return Err(at(&function.logical_id)(reason));
        }
        for route in &function.routes {
            // `/{a}` and `/{b}` are the same route.
            let shape = |part: &str| match part.strip_prefix('{') {
                Some(name) => format!("{{{}", if name.ends_with("+}") { "+}" } else { "}" }),
                None => part.to_owned(),
            };
            let key = route.key();
            if !routes.insert(key.split('/').map(shape).collect::<Vec<_>>()) {
                return Err(at(&function.logical_id)(format!("the route `{key}` exists twice")));
            }
        }
    }
    Ok(())
}

/// A function can't be called for the changes of a table that doesn't tell them.
fn check_streams(functions: &[Function], tables: &[Table]) -> Result<(), Error> {
    for function in functions {
        for mapping in &function.streams {
            let table = tables.iter().find(|table| table.name == mapping.table);
            if table.is_none_or(|table| table.stream_specification.is_none()) {
                let reason =
                    format!("event {}: the table `{}` has no StreamSpecification", mapping.name, mapping.table);
                return Err(at(&function.logical_id)(reason));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
