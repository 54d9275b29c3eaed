//! The tools as clients see them.

use serde_json::{Value, json};

use crate::support::{Bundle, tools, violation};

/// The schemas in a schema, and the schema itself.
fn subschemas(schema: &Value) -> Vec<&Value> {
    let mut all = vec![schema];
    for key in ["properties", "$defs"] {
        all.extend(schema[key].as_object().into_iter().flat_map(|map| map.values()).flat_map(subschemas));
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        all.extend(schema[key].as_array().into_iter().flatten().flat_map(subschemas));
    }
    if schema["items"].is_object() {
        all.extend(subschemas(&schema["items"]));
    }
    all
}

#[test]
fn the_tools_have_the_names_and_arguments_of_the_contract() {
    let tools = tools();
    let arguments = |tool: &Value| -> Vec<String> {
        let schema = &tool["inputSchema"];
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let star = |name: &String| if required.contains(&json!(name)) { "*" } else { "" };
        schema["properties"].as_object().unwrap().keys().map(|name| format!("{name}{}", star(name))).collect()
    };
    let listed: Vec<(&str, Vec<String>)> =
        tools.iter().map(|tool| (tool["name"].as_str().unwrap(), arguments(tool))).collect();
    let expected = [
        ("list_contacts", "search tag opted_in_only page per_page"),
        ("get_contact", "id phone email"),
        ("create_contact", "phone* name email tags metadata locale source"),
        ("update_contact", "id* name email phone locale metadata"),
        ("tag_contact", "id* add_tags remove_tags"),
        ("delete_contact", "id*"),
        ("import_contacts", "contacts*"),
    ];
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(listed.len(), expected.len());
    for ((name, arguments), (expected_name, expected)) in listed.into_iter().zip(expected) {
        let expected = expected.split(' ').map(str::to_owned).collect();
        assert_eq!((name, sorted(arguments)), (expected_name, sorted(expected)));
    }
}

#[test]
fn the_tools_say_whether_they_change_something() {
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        let reads = ["list_contacts", "get_contact"].contains(&name);
        let hints = json!({
            "title": tool["title"], "readOnlyHint": reads, "destructiveHint": !reads, "idempotentHint": true,
            "openWorldHint": false
        });
        assert_eq!(tool["annotations"], hints, "{name}");
        assert!(tool["description"].as_str().unwrap().len() > 100, "{name} has a description to choose by");
    }
}

#[test]
fn the_schemas_are_valid_and_portable() {
    for tool in tools() {
        for key in ["inputSchema", "outputSchema"] {
            let schema = &tool[key];
            assert_eq!(schema["type"], "object", "{tool}");
            // Compiling it checks it against the dialect.
            assert!(violation(schema, &json!("no object")).is_err());
            for schema in subschemas(schema) {
                assert!(schema["type"].is_string() || schema["anyOf"].is_array(), "a single type: {schema}");
                assert!(schema["type"] != "array" || schema["items"].is_object(), "a list says of what: {schema}");
                assert!(schema["$ref"].is_null(), "{schema}");
            }
        }
        let known_only = &tool["inputSchema"]["additionalProperties"];
        assert_eq!(known_only, false, "{tool}");
        for (name, property) in tool["inputSchema"]["properties"].as_object().unwrap() {
            assert!(property["description"].is_string() || name == "contacts", "{}: {name}", tool["name"]);
        }
    }
}

/// A tool that is described and not implemented, or the reverse, would be an unknown one.
#[tokio::test]
async fn every_described_tool_can_be_called() {
    let bundle = Bundle::start().await;
    for tool in tools() {
        let reply = bundle.agent().send(tool["name"].as_str().unwrap(), &json!({})).await;
        assert!(reply.json()["result"]["content"].is_array(), "{}", reply.body);
    }
}
