//! The contract's document, and whether an answer is one of those it knows.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use super::Reply;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(functions::openapi::JSON).unwrap());

/// What the document is called by those who refer to it; nothing is fetched.
const NAME: &str = "carnet:openapi";

/// By the place of a schema in the document: compiling one takes longer than a call.
static SCHEMAS: LazyLock<Mutex<(Schemas, HashMap<String, SchemaIndex>)>> = LazyLock::new(Mutex::default);

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// Asserts that an answer is documented: its status, its headers, its body.
#[track_caller]
pub fn check(method: &str, path: &str, reply: &Reply) {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let about = format!("{method} {path}: {reply:?}");
    assert!(reply.headers.contains_key("x-request-id"), "{about}");
    let escaped = path.replace('/', "~1");
    if DOCUMENT.pointer(&format!("/paths/{escaped}")).is_none() {
        assert_eq!(reply.status, 404, "{about}");
        return;
    }
    let operation = format!("/paths/{escaped}/{}", method.to_lowercase());
    if DOCUMENT.pointer(&operation).is_none() {
        assert_eq!(reply.status, 405, "{about}");
        return;
    }
    let place = followed(format!("{operation}/responses/{}", reply.status));
    let response = DOCUMENT.pointer(&place).unwrap_or_else(|| panic!("not documented: {about}"));

    let kind = reply.headers["content-type"].to_str().unwrap();
    assert!(response["content"][kind].is_object(), "another content type: {about}");
    if kind == "application/json" {
        valid(&format!("{place}/content/application~1json/schema"), &reply.json(), &about);
    }

    let none = serde_json::Map::new();
    let headers = response["headers"].as_object().unwrap_or(&none);
    for name in headers.keys() {
        let place = followed(format!("{place}/headers/{name}"));
        let header = DOCUMENT.pointer(&place).unwrap_or_else(|| panic!("no {place}"));
        match reply.headers.get(name) {
            None => assert_ne!(header["required"], true, "no {name}: {about}"),
            Some(value) => {
                let text = value.to_str().unwrap();
                let value = text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number));
                let value = if header["schema"]["type"] == "integer" { value } else { json!(text) };
                valid(&format!("{place}/schema"), &value, &about);
            }
        }
    }
    for name in reply.headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-")) {
        let documented = headers.keys().any(|known| known.eq_ignore_ascii_case(name));
        assert!(documented, "the header {name} is not documented: {about}");
    }
}

/// Asserts that the value is what the schema at this place of the document says.
#[track_caller]
fn valid(place: &str, value: &Value, about: &str) {
    let mut schemas = SCHEMAS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (schemas, compiled) = &mut *schemas;
    let index = *compiled.entry(place.to_owned()).or_insert_with(|| {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(NAME, DOCUMENT.clone()).unwrap();
        compiler.compile(&format!("{NAME}#{place}"), schemas).unwrap()
    });
    if let Err(error) = schemas.validate(value, index) {
        panic!("{error:#}: {about}");
    }
}

/// Where a reference leads, if one stands there.
fn followed(place: String) -> String {
    match DOCUMENT.pointer(&place).and_then(|found| found["$ref"].as_str()) {
        Some(reference) => reference.trim_start_matches('#').to_owned(),
        None => place,
    }
}
