//! The OpenAPI document, and whether an answer is documented in it.
//!
//! Every answer that the tests receive passes [`check`]. It fails with a sentence that names the place of the document
//! to change.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use super::Reply;

/// The file to change when a failure names a place in the document.
const FILE: &str = "functions/src/http/openapi.yaml";

/// The keys of a path that are HTTP methods. Its other keys apply to all methods.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Headers that HTTP itself or the server in front of the functions sets. The document does not list them.
const HTTP_HEADERS: [&str; 3] = ["content-type", "content-length", "date"];

/// The path of Qyvo's actions, before the name of the action.
const ACTIONS_PATH: &str = "/api/v1/actions/";

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(functions::openapi::JSON).unwrap());

/// The document's name for its own references. Nothing is fetched.
const NAME: &str = "carnet:openapi";

/// Compiled schemas, by their pointer into the document: compiling one takes longer than a call.
static SCHEMAS: LazyLock<Mutex<(Schemas, HashMap<String, SchemaIndex>)>> = LazyLock::new(Mutex::default);

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// One method of one path.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Upper case: `POST`.
    pub method: &'static str,
    /// For example `/api/v1/me`.
    pub path: &'static str,
    /// What the document says about it.
    pub value: &'static Value,
}

impl Operation {
    /// As API Gateway names routes: `POST /contact`.
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The examples of the request body, by name.
    pub fn examples(&self) -> Vec<(&'static str, &'static Value)> {
        let examples = self.value["requestBody"]["content"]["application/json"]["examples"].as_object();
        let example = |(name, entry): (&'static String, &'static Value)| {
            let reference = entry["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
            (name.as_str(), &reference.map_or(entry, |reference| document().pointer(reference).unwrap())["value"])
        };
        examples.into_iter().flatten().map(example).collect()
    }
}

/// Every operation of the document.
pub fn operations() -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, value) in item.as_object().unwrap() {
            if METHODS.contains(&method.as_str()) {
                operations.push(Operation { method: method.to_uppercase().leak(), path, value });
            }
        }
    }
    operations
}

/// The names of Qyvo's actions, for example `create-contact`: every `POST /api/v1/actions/…` of the document.
pub fn actions() -> Vec<&'static str> {
    let actions = operations().into_iter().filter(|operation| operation.method == "POST");
    actions.filter_map(|operation| operation.path.strip_prefix(ACTIONS_PATH)).collect()
}

/// Asserts that an answer is documented: its path, method, status, headers and body.
#[track_caller]
pub fn check(method: &str, path: &str, reply: &Reply) {
    if let Err(sentence) = undocumented(method, path, reply) {
        let body: String = reply.body.chars().take(500).collect();
        panic!("{sentence}\nthe answer's headers: {:?}\nits body: {body}", reply.headers);
    }
}

/// What the document lacks, as a sentence that says where to add it.
fn undocumented(method: &str, path: &str, reply: &Reply) -> Result<(), String> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let answered = format!("{method} {path} answered {}", reply.status);
    let verb = method.to_lowercase();
    if !reply.headers.contains_key("x-request-id") {
        return Err(format!("{answered} without the header X-Request-Id, which every answer has to have"));
    }
    let item = format!("/paths/{}", path.replace('/', "~1"));
    if document().pointer(&item).is_none() {
        let add = format!("{answered}, and {FILE} does not document this path: add it as paths.{path}.{verb}");
        return if reply.status == 404 { Ok(()) } else { Err(add) };
    }
    let operation = format!("{item}/{verb}");
    if document().pointer(&operation).is_none() {
        let add = format!("{answered}, and {FILE} does not document this method: add it as paths.{path}.{verb}");
        return if reply.status == 405 { Ok(()) } else { Err(add) };
    }
    let place = follow(format!("{operation}/responses/{}", reply.status));
    let Some(response) = document().pointer(&place) else {
        let responses = format!("paths.{path}.{verb}.responses");
        return Err(format!("{answered}, which {FILE} does not document: add the status under {responses}"));
    };
    check_body(&answered, &place, response, reply)?;
    check_headers(&answered, &place, response, reply)
}

fn check_body(answered: &str, place: &str, response: &Value, reply: &Reply) -> Result<(), String> {
    if response["content"].is_null() && reply.body.is_empty() {
        return Ok(());
    }
    let content_type = reply.headers.get("content-type").map_or("", |value| value.to_str().unwrap());
    if response["content"].is_null() {
        let is_empty = reply.body.is_empty() && content_type.is_empty();
        return if is_empty {
            Ok(())
        } else {
            Err(format!("{answered} with a body, and {place} of {FILE} has no content"))
        };
    }
    if !response["content"][content_type].is_object() {
        let add = format!("add the content type under {place}/content");
        return Err(format!(
            "{answered} with the content type `{content_type}`, which {FILE} does not document: {add}"
        ));
    }
    if content_type != "application/json" {
        return Ok(());
    }
    let schema = format!("{place}/content/application~1json/schema");
    let body = serde_json::from_str(&reply.body).map_err(|error| format!("{answered} with a body that is {error}"))?;
    validate(&schema, &body)
        .map_err(|error| format!("{answered} with a body that does not fit {schema} of {FILE}:\n{error}"))
}

fn check_headers(answered: &str, place: &str, response: &Value, reply: &Reply) -> Result<(), String> {
    let empty = serde_json::Map::new();
    let documented = response["headers"].as_object().unwrap_or(&empty);
    for name in documented.keys() {
        let place = follow(format!("{place}/headers/{name}"));
        let header = document().pointer(&place).ok_or_else(|| format!("{FILE} has nothing at {place}"))?;
        let Some(value) = reply.headers.get(name) else {
            if header["required"] == true {
                return Err(format!("{answered} without the header {name}, which is required at {place} of {FILE}"));
            }
            continue;
        };
        let text = value.to_str().unwrap();
        let is_integer = header["schema"]["type"] == "integer";
        let value =
            if is_integer { text.parse::<u64>().map_or(json!(text), |number| json!(number)) } else { json!(text) };
        let schema = format!("{place}/schema");
        validate(&schema, &value).map_err(|error| {
            format!("{answered} with `{name}: {text}`, which does not fit {schema} of {FILE}:\n{error}")
        })?;
    }
    let known = |name: &&str| {
        HTTP_HEADERS.contains(name) || documented.keys().any(|documented| documented.eq_ignore_ascii_case(name))
    };
    match reply.headers.keys().map(|name| name.as_str()).find(|name| !known(name)) {
        Some(name) => {
            let add = format!("add it under {place}/headers");
            Err(format!("{answered} with the header {name}, which {FILE} does not document: {add}"))
        }
        None => Ok(()),
    }
}

/// Validates a value against the schema at this pointer into the document. The error names the pointer of each value
/// that does not fit, and what its schema asks for.
fn validate(place: &str, value: &Value) -> Result<(), String> {
    let mut schemas = SCHEMAS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (schemas, compiled) = &mut *schemas;
    let index = *compiled.entry(place.to_owned()).or_insert_with(|| {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(NAME, document().clone()).unwrap();
        compiler.compile(&format!("{NAME}#{place}"), schemas).unwrap()
    });
    // The first line only repeats the place.
    schemas.validate(value, index).map_err(|error| {
        let text = format!("{error:#}");
        text.split_once('\n').map_or(text.clone(), |(_, violations)| violations.to_owned())
    })
}

/// The pointer that the reference at `place` leads to, or `place` itself.
fn follow(place: String) -> String {
    match document().pointer(&place).and_then(|found| found["$ref"].as_str()) {
        Some(reference) => reference.trim_start_matches('#').to_owned(),
        None => place,
    }
}
