//! Reading a template: parameters, conditions, tables, functions, buses, rules, the HTTP API.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::condition::Conditions;
use super::cors::Cors;
use super::event_source::EventSource;
use super::function::{Function, FunctionProperties};
use super::resolve::{Names, ResourceKind, attribute};
use super::resource::{Resource, properties};
use super::rule::QueueRule;
use super::table::Table;
use super::yaml;
use crate::error::TemplateError;

/// The part of a SAM template that runs locally.
#[derive(Debug)]
pub struct Template {
    /// Every `AWS::DynamoDB::Table`.
    pub tables: Vec<Table>,
    /// Every `AWS::Serverless::Function`.
    pub functions: Vec<Function>,
    /// Every `AWS::Events::EventBus`, by its local name.
    pub buses: Vec<String>,
    /// Every `AWS::Events::Rule` that is enabled.
    pub queue_rules: Vec<QueueRule>,
    /// `CorsConfiguration` of the `AWS::Serverless::HttpApi`, if it has one.
    pub cors: Option<Cors>,
}

/// The template as written: the sections that are read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TemplateDocument {
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

const FUNCTION: &str = "AWS::Serverless::Function";
const TABLE: &str = "AWS::DynamoDB::Table";
const HTTP_API: &str = "AWS::Serverless::HttpApi";
const RULE: &str = "AWS::Events::Rule";
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";
const STATE_MACHINE: &str = "AWS::StepFunctions::StateMachine";

impl Template {
    /// Reads a template from a file. `parameters` replace the defaults of the template's parameters.
    ///
    /// # Errors
    /// [`TemplateError::Read`]; otherwise as [`parse`](Self::parse).
    pub fn read(path: &Path, parameters: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| TemplateError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, parameters)
    }

    /// Reads a template from its text. `parameters` replace the defaults of the template's parameters.
    ///
    /// # Errors
    /// [`TemplateError::Syntax`] if it is not YAML; [`TemplateError::Invalid`], naming the place, if a parameter is
    /// unknown or the local stack cannot act on something it says.
    pub fn parse(text: &str, parameters: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let document = yaml::parse(text).map_err(TemplateError::Syntax)?;
        let mut document: TemplateDocument =
            serde_json::from_value(document).map_err(|error| TemplateError::Syntax(error.to_string()))?;
        for (name, value) in parameters {
            let unknown = || at(name)("there is no such parameter".into());
            document.parameters.get_mut(name).ok_or_else(unknown)?["Default"] = value.as_str().into();
        }

        document.drop_rules_of_state_machines();
        document.apply_conditions()?;

        let mut names = Names::new(&document.parameters);
        for (id, resource) in &document.resources {
            if let Some((kind, named_by)) = ResourceKind::of(&resource.r#type) {
                names.add(id, kind, &resource.properties[named_by]);
            }
        }
        let mut tables = Vec::new();
        for (id, resource) in document.of_type(TABLE) {
            tables.push(Table::from_resource(id, resource).map_err(at(id))?);
        }
        let globals = properties::<Option<FunctionProperties>>(&document.globals.function).map_err(at("Globals"))?;
        let globals = globals.unwrap_or_default();
        let mut functions = Vec::new();
        for (id, resource) in document.of_type(FUNCTION) {
            functions.push(Function::from_resource(id, resource, &globals, &names).map_err(at(id))?);
        }
        check_unique(&functions)?;
        for (id, resource) in document.of_type(MAPPING) {
            let (function, source) = EventSource::from_resource(id, &resource.properties, &names).map_err(at(id))?;
            let function = functions.iter_mut().find(|each| each.logical_id == function);
            let function = function.ok_or_else(|| at(id)("FunctionName: there is no such function".into()))?;
            source.into_iter().for_each(|source| function.add_source(source));
        }
        check_streams(&functions, &tables)?;
        let polled: Vec<String> = functions.iter().flat_map(|function| function.queues.iter().cloned()).collect();
        let mut queue_rules = Vec::new();
        for (id, resource) in document.of_type(RULE) {
            let rule = QueueRule::from_resource(id, &resource.properties, &names, &polled);
            queue_rules.extend(rule.map_err(at(id))?);
        }
        let mut apis = document.of_type(HTTP_API);
        let cors = match apis.next() {
            Some((id, api)) => Cors::from_resource(api, &names).map_err(at(id))?,
            None => None,
        };
        if let Some((id, _)) = apis.next() {
            return Err(at(id)("the local stack serves one HTTP API, and there is another one already".into()));
        }
        drop(apis);
        let buses = names.of(ResourceKind::Bus).map(str::to_owned).collect();
        Ok(Self { tables, functions, buses, queue_rules, cors })
    }
}

impl TemplateDocument {
    /// Drops resources of types that the local stack does not run, and those whose condition is false; decides every
    /// `Fn::If` in the others.
    fn apply_conditions(&mut self) -> Result<(), TemplateError> {
        let names = Names::new(&self.parameters);
        let conditions = Conditions::new(&self.conditions, &names);
        let mut resources = BTreeMap::new();
        for (id, mut resource) in std::mem::take(&mut self.resources) {
            let kind = resource.r#type.as_str();
            let known = [FUNCTION, HTTP_API, RULE, MAPPING].contains(&kind) || ResourceKind::of(kind).is_some();
            let holds = |name: &String| conditions.holds(name).map_err(at(&id));
            if known && resource.condition.as_ref().map_or(Ok(true), holds)? {
                resource.properties = conditions.decided(&resource.properties).map_err(at(&id))?.unwrap_or_default();
                resources.insert(id, resource);
            }
        }
        self.resources = resources;
        self.globals.function = conditions.decided(&self.globals.function).map_err(at("Globals"))?.unwrap_or_default();
        Ok(())
    }

    /// Drops rules whose only targets are state machines: the local stack runs none, nor the services whose events start
    /// them.
    fn drop_rules_of_state_machines(&mut self) {
        let of_type = |(id, resource): (&String, &Resource)| (resource.r#type == STATE_MACHINE).then(|| id.clone());
        let machines: BTreeSet<String> = self.resources.iter().filter_map(of_type).collect();
        let starts_one = |target: &Value| attribute(&target["Arn"]).is_some_and(|(id, _)| machines.contains(&*id));
        self.resources.retain(|_, resource| {
            let targets = resource.properties["Targets"].as_array().map(Vec::as_slice).unwrap_or_default();
            resource.r#type != RULE || targets.is_empty() || !targets.iter().all(starts_one)
        });
    }

    fn of_type<'a>(&'a self, resource_type: &'a str) -> impl Iterator<Item = (&'a String, &'a Resource)> {
        self.resources.iter().filter(move |(_, resource)| resource.r#type == resource_type)
    }
}

fn at(id: &str) -> impl FnOnce(String) -> TemplateError {
    |reason| TemplateError::Invalid { place: id.to_owned(), reason }
}

/// Two functions cannot share a route, nor an executable, whose name is the function's local name.
fn check_unique(functions: &[Function]) -> Result<(), TemplateError> {
    let (mut binaries, mut routes) = (BTreeSet::new(), BTreeSet::new());
    for function in functions {
        if !binaries.insert(&function.binary) {
            let reason = format!("another function has the executable `{}` already", function.binary);
            return Err(at(&function.logical_id)(reason));
        }
        for route in &function.routes {
            // `/{a}` and `/{b}` are the same route.
            let shape = |segment: &str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
            let key = route.key();
            if !routes.insert(key.split('/').map(shape).collect::<Vec<_>>()) {
                return Err(at(&function.logical_id)(format!("the route `{key}` exists twice")));
            }
        }
    }
    Ok(())
}

/// An event source mapping needs a table with a stream.
fn check_streams(functions: &[Function], tables: &[Table]) -> Result<(), TemplateError> {
    for function in functions {
        for mapping in &function.streams {
            let table = tables.iter().find(|table| table.name == mapping.table);
            if table.is_none_or(|table| table.stream_specification.is_none()) {
                let reason = format!("the table `{}` has no StreamSpecification", mapping.table);
                return Err(at(&mapping.name)(reason));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
