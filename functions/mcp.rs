//! Serves contacts to agents as tools of the Model Context Protocol (MCP).
//!
//! TODO page

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve_mcp("mcp").await
}
