//! A resource as it is written, and how its properties are read.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A resource of the template, its properties not read yet.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Resource {
    pub(super) r#type: String,
    pub(super) condition: Option<String>,
    #[serde(default)]
    pub(super) properties: Value,
    #[serde(default)]
    pub(super) metadata: Value,
}

/// Reads properties into their type. The error names what is missing or of the wrong type.
pub(super) fn properties<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}
