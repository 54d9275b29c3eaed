//! Messages, revisions, statuses, tokens, and the rate limit.

use serde_json::{Value, json};

use crate::support::{Bundle, Options, executables, template};

const NEW: &str = "2026-07-28";

/// A request with the `_meta` that the revision 2026-07-28 asks for.
fn per_request(method: &str, mut params: Value) -> String {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": NEW,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" }
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

#[tokio::test]
async fn initialize_agrees_on_a_revision_that_both_have() {
    let bundle = Bundle::start().await;
    for (asked, agreed) in [
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        // Revisions that the server does not have, or not with `initialize`.
        ("2024-11-05", "2025-11-25"),
        (NEW, "2025-11-25"),
        ("", "2025-11-25"),
    ] {
        let params =
            json!({ "protocolVersion": asked, "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } });
        let body = json!({ "jsonrpc": "2.0", "id": "init", "method": "initialize", "params": params });
        let reply = bundle.mcp(&[("accept", "application/json, text/event-stream")], body.to_string()).await;
        assert_eq!(reply.status, 200);
        let result = &reply.json()["result"];
        assert_eq!((&result["protocolVersion"], &result["capabilities"]), (&json!(agreed), &json!({ "tools": {} })));
        assert_eq!(result["serverInfo"]["name"], "carnet");
        assert!(!reply.headers.contains_key("mcp-session-id"), "there are no sessions");
    }
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#;
    assert_eq!(bundle.mcp(&[], body).await.json()["result"]["protocolVersion"], "2025-11-25");
}

/// A body, headers, and the status and body of the answer.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a str);

/// Clients up to 2025-11-25.
#[tokio::test]
async fn every_message_gets_the_answer_of_the_protocol() {
    let bundle = Bundle::start().await;
    let error = |id: &str, code: i32, message: &str| {
        format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":{code},"message":"{message}"}}}}"#)
    };
    let one = r#""id":1,"#;
    let malformed = error("", -32700, "The body is not JSON.");
    let batch = error("", -32600, "Batches are not supported: send each message in a request of its own.");
    let no_method = error(one, -32601, "Method not found. This server has tools only: tools/list lists them.");
    let unknown_tool = error(one, -32602, "Unknown tool: tools/list lists the tools.");
    let not_supported = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"Unsupported protocol version.","data":{"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26"],"requested":"2024-11-05"}}}"#;
    let id = "The member id has to be a string or a number of at most 1,024 bytes.";
    let cases: &[Case<'_>] = &[
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, &[], 200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
        (r#" {"method":"ping","id":"a","jsonrpc":"2.0"} "#, &[], 200, r#"{"jsonrpc":"2.0","id":"a","result":{}}"#),
        (
            r#"{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"ping"}"#,
            &[("mcp-protocol-version", "2025-11-25")],
            200,
            r#"{"jsonrpc":"2.0","id":123456789012345678901234567890,"result":{}}"#,
        ),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, &[], 202, ""),
        (r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#, &[], 202, ""),
        (r#"{"jsonrpc":"2.0","id":7,"result":{}}"#, &[], 202, ""),
        (r#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#, &[], 200, &no_method),
        (r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#, &[], 200, &no_method),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_table"}}"#, &[], 200, &unknown_tool),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":5}}"#,
            &[],
            200,
            &error(one, -32602, "The name of the tool has to be a string."),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"2"}}"#,
            &[],
            200,
            &error(one, -32602, "The list of tools has one page, so no cursor is valid."),
        ),
        ("", &[], 400, &malformed),
        ("nonsense", &[], 400, &malformed),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping""#, &[], 400, &malformed),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, &[], 400, &batch),
        ("[]", &[("mcp-protocol-version", "2025-03-26")], 400, &batch),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, &[], 400, &error("", -32600, id)),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, &[], 400, &error("", -32600, id)),
        (r#"{"id":1,"method":"ping"}"#, &[], 400, &error("", -32600, r#"The member jsonrpc has to be \"2.0\"."#)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, &[("mcp-protocol-version", "2024-11-05")], 400, not_supported),
    ];
    for (body, headers, status, answer) in cases {
        let reply = bundle.mcp(headers, (*body).to_owned()).await;
        assert_eq!((reply.status, reply.body.as_str()), (*status, *answer), "{body}");
    }
    let huge = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "x".repeat(100_000));
    assert_eq!(bundle.mcp(&[], huge).await.body, error("", -32600, id));
}

#[tokio::test]
async fn since_2026_07_28_each_request_says_its_revision() {
    let bundle = Bundle::start().await;
    let headers = |method| [("mcp-protocol-version", NEW), ("mcp-method", method)];
    let discovered = bundle.mcp(&headers("server/discover"), per_request("server/discover", json!({}))).await;
    assert_eq!(discovered.status, 200, "{}", discovered.body);
    let discovered = &discovered.json()["result"];
    assert_eq!(discovered["supportedVersions"], json!([NEW]));
    assert_eq!((&discovered["resultType"], &discovered["cacheScope"]), (&json!("complete"), &json!("public")));

    let listed = bundle.mcp(&headers("tools/list"), per_request("tools/list", json!({}))).await.json();
    let listed = &listed["result"];
    assert_eq!(listed["tools"], serde_json::from_str::<Value>(functions::MCP_TOOLS).unwrap());
    assert_eq!((&listed["ttlMs"], &listed["cacheScope"]), (&json!(3_600_000), &json!("public")));
    assert_eq!(listed["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "carnet");

    let call = json!({ "name": "create_contact", "arguments": { "phone": "+14155550123" } });
    let named = |name| [("mcp-protocol-version", NEW), ("mcp-method", "tools/call"), ("mcp-name", name)];
    let called = bundle.mcp(&named("create_contact"), per_request("tools/call", call.clone())).await.json();
    assert_eq!(called["result"]["structuredContent"]["outcome"], "created", "{called}");
    assert_eq!(called["result"]["resultType"], "complete");

    let code = async |headers: &[(&str, &str)], method: &str, params: Value| {
        let reply = bundle.mcp(headers, per_request(method, params)).await;
        (reply.status, reply.json()["error"]["code"].as_i64().unwrap())
    };
    assert_eq!(code(&named("delete_contact"), "tools/call", call.clone()).await, (400, -32020));
    assert_eq!(code(&headers("tools/call"), "tools/call", call.clone()).await, (400, -32020));
    assert_eq!(code(&headers("tools/list"), "tools/call", call).await, (400, -32020));
    assert_eq!(code(&[], "tools/list", json!({})).await, (400, -32020));
    for method in ["ping", "initialize", "resources/list", "subscriptions/listen"] {
        assert_eq!(code(&headers(method), method, json!({})).await, (404, -32601), "{method}");
    }
    let without_meta = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let reply = bundle.mcp(&headers("tools/list"), without_meta).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!(-32602)));
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;
    assert_eq!(bundle.mcp(&headers("notifications/cancelled"), notification).await.status, 202);
}

#[tokio::test]
async fn the_list_of_tools_is_always_the_same() {
    let bundle = Bundle::start().await;
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":null}}"#;
    let expected = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":{}}}}}"#, functions::MCP_TOOLS);
    for _ in 0..2 {
        assert_eq!(bundle.mcp(&[], list).await.body, expected);
    }
}

#[tokio::test]
async fn a_token_is_needed_as_everywhere() {
    let bundle = Bundle::start().await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for authorization in ["", "Bearer", "Bearer wrong", "Basic demo-token", "demo-token"] {
        let reply = bundle.request("POST", "/mcp", &[("authorization", authorization)], body).await;
        reply.is(401, r#"{"message":"Unauthenticated."}"#).has("www-authenticate", "Bearer");
    }
    bundle.request("POST", "/mcp", &[], "nonsense").await.is(401, r#"{"message":"Unauthenticated."}"#);
    let orphan = bundle.request("POST", "/mcp", &[("authorization", "Bearer orphan-token")], body).await;
    orphan.is(422, r#"{"error":"No workspace configured for this account."}"#);
    assert_eq!(bundle.request("POST", "/mcp", &[("authorization", "Bearer fiq_demo")], body).await.status, 200);
    for method in ["GET", "DELETE"] {
        let reply = bundle.request(method, "/mcp", &[("authorization", "Bearer demo-token")], "").await;
        assert_eq!(reply.status, 405);
        reply.has("allow", "POST");
    }
}

#[tokio::test]
async fn no_tenant_reaches_the_contacts_of_another() {
    let bundle = Bundle::start().await;
    let id =
        bundle.agent().call("create_contact", json!({ "phone": "+14155550123", "tags": ["vip"] })).await["id"].clone();
    let acme = bundle.agent_with("acme-token");
    assert_eq!(acme.call("list_contacts", json!({})).await["data"], json!([]));
    for (tool, arguments) in [
        ("get_contact", json!({ "id": id })),
        ("get_contact", json!({ "phone": "+14155550123" })),
        ("update_contact", json!({ "id": id, "name": "Jane" })),
        ("tag_contact", json!({ "id": id, "add_tags": ["mine"] })),
        ("delete_contact", json!({ "id": id })),
    ] {
        let text = acme.fails(tool, arguments).await;
        assert!(text.starts_with("Contact not found."), "{tool}: {text}");
    }
    let theirs = acme.call("create_contact", json!({ "phone": "+14155550123" })).await;
    assert!(theirs["id"] != id && theirs["outcome"] == "created", "{theirs}");
    let ours = bundle.agent().call("get_contact", json!({ "id": id })).await;
    assert_eq!((&ours["name"], &ours["tags"]), (&Value::Null, &json!(["vip"])));
}

#[tokio::test]
async fn agents_have_a_rate_limit_of_their_own() {
    let parameters = [("RateLimit".to_owned(), "2".to_owned())].into();
    let bundle = Bundle::with(Options { parameters, ..Options::new(template(), executables()) }).await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let first = bundle.mcp(&[], ping).await;
    first.has("x-ratelimit-limit", "300").has("x-ratelimit-remaining", "299");
    // Notifications are calls too.
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    bundle.mcp(&[], notification).await.has("x-ratelimit-remaining", "298");
    // The calls of a token are counted together: here the limit of the other endpoints is reached.
    assert_eq!(bundle.call("list-tags", json!({})).await.status, 429);
    bundle.mcp(&[], ping).await.has("x-ratelimit-remaining", "297");
    assert_eq!(bundle.call_as("acme-token", "list-tags", json!({})).await.status, 200);

    let bundle = Bundle::with_rate_limit(1).await;
    assert_eq!(bundle.mcp(&[], ping).await.status, 200);
    let create = json!({ "phone": "+14155550123" });
    let refused = bundle.agent().send("create_contact", &create).await;
    refused.is(429, r#"{"message":"Too Many Attempts.","error":"Too Many Attempts."}"#);
    assert!(refused.headers.contains_key("retry-after"));
    let tenant = bundle.tenant("demo-token").await;
    let id = tenant.contact_id(&"+14155550123".parse().unwrap());
    assert!(bundle.table.get(&tenant, id).await.unwrap().is_none(), "a rejected call writes nothing");
}
