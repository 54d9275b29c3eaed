//! Makes JSON of the contract's YAML, so that no function has to.

use std::path::PathBuf;
use std::{env, fs};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Anything YAML and JSON both can say, in the order it is written.
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
    println!("cargo::rerun-if-changed=openapi.yaml");
    let document: Node = serde_saphyr::from_str(&fs::read_to_string("openapi.yaml")?)?;
    let directory = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(directory.join("openapi.json"), serde_json::to_string(&document)?)?;
    Ok(())
}
