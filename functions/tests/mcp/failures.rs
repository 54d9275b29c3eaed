//! Faults of DynamoDB, and what is logged.

use serde_json::{Value, json};

use crate::support::{Bundle, Fault};

const PHONE: &str = "+14155550123";

/// One call of each tool.
fn calls(id: &Value) -> [(&'static str, Value); 7] {
    [
        ("list_contacts", json!({ "search": "jane" })),
        ("get_contact", json!({ "id": id })),
        ("create_contact", json!({ "phone": PHONE, "name": "Janet" })),
        ("update_contact", json!({ "id": id, "name": "Janet" })),
        ("tag_contact", json!({ "id": id, "add_tags": ["secret"] })),
        ("delete_contact", json!({ "id": id })),
        ("import_contacts", json!({ "contacts": [{ "phone": PHONE, "email": "jane@example.com" }] })),
    ]
}

#[tokio::test]
async fn an_agent_is_told_to_try_again_while_dynamodb_fails() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let agent = bundle.agent();
    let id = agent.call("create_contact", json!({ "phone": PHONE, "name": "Jane" })).await["id"].clone();
    let text = "Service Unavailable. Try again in a second. A change may have been applied; repeating it is safe.";
    for fault in [Fault::Throttled, Fault::LostRequest] {
        proxy.inject(move |_| fault);
        for (tool, arguments) in calls(&id) {
            assert_eq!(agent.fails(tool, arguments).await, text, "{tool}");
        }
    }
    proxy.inject(|_| Fault::None);
    assert_eq!(agent.call("get_contact", json!({ "id": id })).await["name"], "Jane");
}

/// The contact of another version, which only an operator can repair.
#[tokio::test]
async fn a_contact_that_cannot_be_read_is_an_error_of_the_server() {
    let bundle = Bundle::start().await;
    let agent = bundle.agent();
    let id = agent.call("create_contact", json!({ "phone": PHONE })).await["id"].clone();
    let key = |name: &str, text: String| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(text));
    let tenant = bundle.tenant("demo-token").await.id().to_string();
    let item = [
        key("tenant_id", tenant),
        key("item", format!("contact#{}", id.as_str().unwrap())),
        key("phone", "Jane".into()),
    ];
    bundle.dynamodb().put_item().table_name("ContactsTable").set_item(Some(item.into())).send().await.unwrap();
    for (tool, arguments) in
        [("get_contact", json!({ "id": id })), ("update_contact", json!({ "id": id, "name": "x" }))]
    {
        let reply = agent.send(tool, &arguments).await;
        let body = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"Server Error."}}"#;
        assert_eq!((reply.status, reply.body.as_str()), (200, body), "{tool}");
    }
    let contacts = json!({ "contacts": [{ "phone": PHONE }, { "phone": "+14155550124" }] });
    let imported = agent.call("import_contacts", contacts).await;
    assert_eq!((&imported["failed"], &imported["created"]), (&json!(1), &json!(1)));
    let log = bundle.stop().await;
    assert_eq!(log.lines().filter(|line| line.contains(r#""message":"the tool failed""#)).count(), 2, "{log}");
    assert!(!log.contains("Jane"), "{log}");
}

#[tokio::test]
async fn the_tool_is_logged_and_nothing_of_the_contact() {
    let bundle = Bundle::start().await;
    let agent = bundle.agent();
    let contact = json!({ "phone": PHONE, "name": "Jane", "email": "jane@example.com", "tags": ["secret"] });
    let id = agent.call("create_contact", contact).await["id"].clone();
    for (tool, arguments) in calls(&id) {
        agent.send(tool, &arguments).await;
    }
    agent.refuses("create_contact", json!({ "phone": "+1415555012x", "name": "Jane", "tags": "secret" })).await;
    bundle.mcp(&[("mcp-protocol-version", "Jane")], r#"{"jsonrpc":"2.0","id":"Jane","method":"Jane"}"#).await;
    let unknown = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"Jane"}}"#;
    bundle.mcp(&[], unknown).await;
    let log = bundle.stop().await;
    let tools = calls(&id).map(|(tool, _)| tool);
    let logged: Vec<String> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["span"]["action"] == "mcp" && line["message"] == "answered")
        .filter_map(|line| line["span"]["tool"].as_str().map(str::to_owned))
        .collect();
    let expected: Vec<&str> = ["create_contact"].into_iter().chain(tools).chain(["create_contact"]).collect();
    assert_eq!(logged, expected);
    for personal in ["415555", "Jane", "jane", "secret", "demo-token"] {
        assert!(!log.contains(personal), "{personal}: {log}");
    }
}
