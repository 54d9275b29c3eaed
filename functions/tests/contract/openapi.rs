//! The OpenAPI document against what is deployed: its routes, its examples, and how it is served.
//!
//! Every answer that any test receives is also checked against the document; `support/openapi.rs` does that.

use std::collections::BTreeMap;

use functions::openapi::{EVENTS_YAML, YAML};
use serde_json::{Value, json};

use crate::support::{Bundle, asyncapi, declared_binaries, document, executables, functions, operations};

const DOCUMENT: &str = "functions/src/http/openapi.yaml";

#[test]
fn every_function_of_the_template_is_a_binary_and_the_reverse() {
    let template: BTreeMap<String, String> =
        functions().into_iter().map(|function| (function.binary, function.logical_id)).collect();
    let declared = declared_binaries();
    let mut problems = Vec::new();
    for (binary, function) in template.iter().filter(|(binary, _)| !declared.contains(*binary)) {
        problems.push(format!(
            "template.yaml: {function} has the Binary `{binary}`, which is not in functions/Cargo.toml: add a [[bin]] with this name"
        ));
    }
    for binary in declared.iter().filter(|binary| !template.contains_key(*binary)) {
        problems.push(format!(
            "functions/Cargo.toml has the [[bin]] `{binary}`, which no function of template.yaml runs: add a function with Metadata.BuildProperties.Binary: {binary}"
        ));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(executables().into_keys().eq(declared));
}

#[test]
fn every_route_of_the_template_is_documented_and_the_reverse() {
    let mut routes = BTreeMap::new();
    for function in functions() {
        for route in &function.routes {
            routes.insert(route.key(), (function.logical_id.clone(), function.binary.clone()));
        }
    }
    let default = routes.remove("$default").map(|(_, binary)| binary);
    assert_eq!(
        default.as_deref(),
        Some("openapi"),
        "template.yaml: the route $default has to be the function openapi's"
    );
    let documented: BTreeMap<String, &Value> =
        operations().into_iter().map(|operation| (operation.key(), &operation.value["x-function"])).collect();
    let mut problems = Vec::new();
    for (route, (function, binary)) in &routes {
        let (method, path) = route.split_once(' ').unwrap();
        let place = format!("paths.{path}.{}", method.to_lowercase());
        match documented.get(route) {
            Some(named) if **named == **binary => {}
            Some(named) => problems.push(format!(
                "template.yaml routes {route} to {function} with the Binary `{binary}`, and {DOCUMENT} has {place}.x-function: {named}"
            )),
            None => problems.push(format!(
                "template.yaml routes {route} to {function}, and {DOCUMENT} does not document it: add {place}"
            )),
        }
    }
    for (route, function) in documented.iter().filter(|(route, _)| !routes.contains_key(*route)) {
        problems.push(format!(
            "{DOCUMENT} documents {route}, and template.yaml does not route it: add an HttpApi event to the function with the Binary {function}"
        ));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn the_documents_are_served_as_they_are_written() {
    let bundle = Bundle::start().await;
    let in_order = |text: &str, parts: &[&str]| parts.iter().map(|part| text.find(part).expect(part)).is_sorted();
    for (name, yaml, content, parts) in [
        ("openapi", YAML, document(), ["/create-contact\"", "/get-contact\"", "/list-tags\"", "/api/v1/me\""]),
        (
            "asyncapi",
            EVENTS_YAML,
            asyncapi::document(),
            ["\"Bus\":", "\"MessageQueue\":", "\"ConsentQueue\":", "\"StateQueue\":"],
        ),
    ] {
        let reply = bundle.ask(&format!("GET /api/v1/{name}.yaml -"), "").await;
        reply.has("content-type", "application/yaml");
        assert_eq!((reply.status, reply.body.as_str()), (200, yaml));
        let reply = bundle.ask(&format!("GET /api/v1/{name}.json -"), "").await;
        reply.has("content-type", "application/json");
        assert_eq!((reply.status, &reply.json()), (200, content));
        // In the order of the file: clients show it in this order.
        assert!(in_order(&reply.body, &parts), "{name}");
    }
    assert_eq!((&document()["openapi"], &asyncapi::document()["asyncapi"]), (&json!("3.1.0"), &json!("3.0.0")));
}

/// Every example of a request body or a query parameter gets the first documented status of success. Examples of
/// operations that answer 201 are sent first, so that the others find the contacts they name, and those that delete last.
#[tokio::test]
async fn every_documented_example_succeeds() {
    let bundle = Bundle::start().await;
    let success = |operation: &Value| {
        let statuses = operation["responses"].as_object().unwrap().keys();
        statuses.filter_map(|status| status.parse::<u16>().ok()).find(|status| *status < 300).unwrap()
    };
    let mut operations = operations();
    let deletes = |operation: &Value| operation["operationId"] == "delete-contact";
    operations.sort_by_key(|operation| (deletes(operation.value), success(operation.value) != 201));
    let mut sent = 0;
    for operation in operations {
        let (key, status) = (operation.key(), success(operation.value));
        let request = if operation.path == "/contact" { format!("{key}?tenantId=demo") } else { key };
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            let (name, value) = (&parameter["name"], &parameter["example"]);
            let (Some(name), Some(value)) = (name.as_str(), value.as_str()) else { continue };
            if operation.method == "GET" && parameter["in"] == "query" {
                let reply = bundle.ask(&format!("{request}&{name}={value}"), "").await;
                assert_eq!(reply.status, status, "{request}, {name}={value}: {}", reply.body);
                sent += 1;
            }
        }
        for (name, example) in operation.examples() {
            let mut body = example.clone();
            // The document cannot know the ids of this tenant's contacts.
            if body["contact_id"].is_string() {
                body["contact_id"] = bundle.call("search-contacts", json!({})).await.json()[0]["id"].clone();
            }
            let reply = bundle.ask(&request, &body.to_string()).await;
            assert_eq!(reply.status, status, "{request}, {name}: {}", reply.body);
            sent += 1;
        }
    }
    assert!(sent >= 15, "{sent}");
}
