//! Converts the OpenAPI and the AsyncAPI document and the tools of the MCP server from YAML to JSON at build time, so that no
//! function has to.

use std::path::PathBuf;
use std::{env, fs};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A value of YAML and JSON. Keys keep their order.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Node {
    Null(()),
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(IndexMap<String, Node>),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    for (document, to) in [("src/http/openapi.yaml", "openapi.json"), ("src/events/asyncapi.yaml", "asyncapi.json")] {
        println!("cargo::rerun-if-changed={document}");
        let document: Node = serde_saphyr::from_str(&fs::read_to_string(document)?)?;
        fs::write(directory.join(to), serde_json::to_string(&document)?)?;
    }
    println!("cargo::rerun-if-changed=src/mcp/tools.yaml");
    let mut tools: IndexMap<String, Node> = serde_saphyr::from_str(&fs::read_to_string("src/mcp/tools.yaml")?)?;
    let tools = tools.swap_remove("tools").ok_or("src/mcp/tools.yaml has no list `tools`")?;
    fs::write(directory.join("tools.json"), serde_json::to_string(&tools)?)?;
    Ok(())
}
