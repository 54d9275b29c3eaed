//! An agent: it calls tools over the Model Context Protocol, and holds arguments and results against their schemas.

use boon::{Compiler, Draft, Schemas};
use serde_json::{Value, json};

use super::{Bundle, Reply};

/// An agent with a token.
pub struct Agent<'a> {
    bundle: &'a Bundle,
    token: &'static str,
}

impl Bundle {
    /// An agent of tenant `demo`.
    pub fn agent(&self) -> Agent<'_> {
        self.agent_with("demo-token")
    }

    /// An agent with this token.
    pub fn agent_with(&self, token: &'static str) -> Agent<'_> {
        Agent { bundle: self, token }
    }

    /// Sends a message to the MCP server as tenant `demo`, with these headers besides the token.
    pub async fn mcp(&self, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Reply {
        let headers: Vec<_> = headers.iter().copied().chain([("authorization", "Bearer demo-token")]).collect();
        self.request("POST", "/mcp", &headers, body).await
    }
}

impl Agent<'_> {
    /// What a tool returns, which has to fit its schema and to be the same as structured content and as text.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        let schemas = self.checked(tool, &arguments, true);
        let result = self.result(tool, &arguments).await;
        assert!(result["isError"].is_null(), "{tool} {arguments}: {result}");
        let returned = &result["structuredContent"];
        assert_eq!(
            serde_json::from_str::<Value>(result["content"][0]["text"].as_str().unwrap()).unwrap(),
            *returned,
            "the text is the structured content"
        );
        if let Err(error) = violation(&schemas["outputSchema"], returned) {
            panic!("{tool} returned {returned}, which does not fit its schema: {error}");
        }
        returned.clone()
    }

    /// The text of a tool's error. The arguments fit the schema of the tool, but break a rule that it cannot express.
    pub async fn fails(&self, tool: &str, arguments: Value) -> String {
        self.checked(tool, &arguments, true);
        self.error(tool, arguments).await
    }

    /// The text of a tool's error. The arguments do not fit the schema of the tool.
    pub async fn refuses(&self, tool: &str, arguments: Value) -> String {
        self.checked(tool, &arguments, false);
        self.error(tool, arguments).await
    }

    async fn error(&self, tool: &str, arguments: Value) -> String {
        let result = self.result(tool, &arguments).await;
        assert_eq!(result["isError"], true, "{tool} {arguments}: {result}");
        assert!(result["structuredContent"].is_null(), "an error does not fit the output schema");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// The result of a call, which is a success of the protocol.
    async fn result(&self, tool: &str, arguments: &Value) -> Value {
        let reply = self.send(tool, arguments).await;
        assert_eq!(reply.status, 200, "{tool} {arguments}: {}", reply.body);
        reply.json()["result"].clone()
    }

    /// The whole answer to a call.
    pub async fn send(&self, tool: &str, arguments: &Value) -> Reply {
        let params = json!({ "name": tool, "arguments": arguments });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let authorization = format!("Bearer {}", self.token);
        self.bundle.request("POST", "/mcp", &[("authorization", &authorization)], body.to_string()).await
    }

    /// The description of a tool. Fails unless arguments fit its schema as expected.
    fn checked(&self, tool: &str, arguments: &Value, fit: bool) -> Value {
        let tools = tools();
        let tool = tools.iter().find(|each| each["name"] == tool).unwrap_or_else(|| panic!("{tool} is not described"));
        let violation = violation(&tool["inputSchema"], arguments);
        assert_eq!(violation.is_ok(), fit, "{arguments}: {violation:?}");
        tool.clone()
    }
}

/// The tools as the server describes them.
pub fn tools() -> Vec<Value> {
    serde_json::from_str(functions::MCP_TOOLS).unwrap()
}

/// Why a value does not fit a schema, which has to be a valid one.
pub fn violation(schema: &Value, value: &Value) -> Result<(), String> {
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    compiler.enable_format_assertions();
    compiler.add_resource("carnet:tool", schema.clone()).unwrap();
    let mut schemas = Schemas::new();
    let index = compiler.compile("carnet:tool", &mut schemas).unwrap();
    schemas.validate(value, index).map_err(|error| format!("{error:#}"))
}
