//! The contract's document, held against what runs. That every answer of every test is one of its own
//! is seen to in `support::contract`.

use std::collections::{BTreeMap, BTreeSet};

use carnet_local::template::Template;
use serde_json::{Value, json};

use crate::support::{Bundle, binaries, document, template};

/// Methods of an OpenAPI path; its other keys are about all of them.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Every operation of the document, as `POST /path`.
fn operations() -> BTreeMap<String, &'static Value> {
    let mut operations = BTreeMap::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if METHODS.contains(&method.as_str()) {
                operations.insert(format!("{} {path}", method.to_uppercase()), operation);
            }
        }
    }
    operations
}

/// Nothing is documented that is not routed, nothing routed that is not built, and the other way
/// round.
#[test]
fn operations_are_routes_are_executables() {
    let template = Template::read(&template(), &BTreeMap::new()).unwrap();
    let mut routes = BTreeMap::new();
    for function in &template.functions {
        routes.extend(function.routes.iter().map(|route| (route.key(), function.binary.as_str())));
    }
    assert_eq!(routes.remove("$default"), Some("openapi"), "what no route takes is answered too");
    let documented: BTreeMap<String, &str> =
        operations().into_iter().map(|(key, operation)| (key, operation["x-function"].as_str().unwrap())).collect();
    assert_eq!(documented, routes.into_iter().collect());

    let (routed, of_events): (Vec<_>, Vec<_>) =
        template.functions.into_iter().partition(|function| !function.routes.is_empty());
    let named: BTreeSet<&str> = documented.into_values().collect();
    assert_eq!(named, routed.iter().map(|function| function.binary.as_str()).collect());
    let built: BTreeSet<String> = routed.into_iter().chain(of_events).map(|function| function.binary).collect();
    assert_eq!(built, binaries().into_keys().collect());
}

#[tokio::test]
async fn it_is_served_as_it_is_written() {
    let bundle = Bundle::start().await;
    let yaml = bundle.ask("GET /api/v1/openapi.yaml -", "").await;
    yaml.has("content-type", "application/yaml");
    assert_eq!((yaml.status, yaml.body.as_str()), (200, functions::openapi::YAML));
    let json = bundle.ask("GET /api/v1/openapi.json -", "").await;
    json.has("content-type", "application/json");
    assert_eq!((json.status, &json.json()), (200, document()));
    assert_eq!(document()["openapi"], "3.1.0");
    // In the order it is written: clients show it so.
    let written: Vec<usize> =
        ["create-contact", "get-contact", "list-tags", "/api/v1/me"].map(|path| json.body.find(path).unwrap()).into();
    assert!(written.is_sorted(), "{written:?}");
}

/// The value an entry of `examples` stands for.
fn example(entry: &'static Value) -> &'static Value {
    let reference = entry["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
    &reference.map_or(entry, |reference| document().pointer(reference).unwrap())["value"]
}

/// Whoever pastes an example gets what the page promises. Made in this order, each finds its contact.
#[tokio::test]
async fn examples_work() {
    let bundle = Bundle::start().await;
    let operations = operations();
    let mut sent = 0;
    for (action, status) in [
        ("create-contact", 201),
        ("get-contact", 200),
        ("update-contact", 200),
        ("search-contacts", 200),
        ("add-tag", 200),
        ("remove-tag", 200),
        ("list-tags", 200),
        ("POST /contact?tenantId=demo", 201),
        ("GET /contact?tenantId=demo", 200),
    ] {
        let key = if action.contains(' ') {
            action.replace("?tenantId=demo", "")
        } else {
            format!("POST /api/v1/actions/{action}")
        };
        let operation = operations[&key];
        if action.starts_with("GET") {
            for parameter in
                operation["parameters"].as_array().unwrap().iter().filter(|parameter| parameter["in"] == "query")
            {
                let (name, value) = (parameter["name"].as_str().unwrap(), parameter["example"].as_str().unwrap());
                assert_eq!(bundle.ask(&format!("{action}&{name}={value}"), "").await.status, status, "{name}={value}");
                sent += 1;
            }
            continue;
        }
        for (name, entry) in operation["requestBody"]["content"]["application/json"]["examples"].as_object().unwrap() {
            let mut body = example(entry).clone();
            // An id is the tenant's own: the page can't know it.
            if body["contact_id"].is_string() {
                body["contact_id"] = bundle.call("search-contacts", json!({})).await.json()[0]["id"].clone();
            }
            let reply = bundle.ask(action, &body.to_string()).await;
            assert_eq!(reply.status, status, "{action}, {name}: {}", reply.body);
            sent += 1;
        }
    }
    assert!(sent >= 15, "{sent}");
}
