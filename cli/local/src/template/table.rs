//! Tables as the template describes them.

use serde::Deserialize;

use super::resource::{Resource, properties};

/// A table, its properties named as CloudFormation and DynamoDB name them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Table {
    /// The resource's name within the template.
    #[serde(skip)]
    pub logical_id: String,
    /// `TableName` if it is a plain string, else the logical id.
    #[serde(skip)]
    pub name: String,
    /// The attributes that are part of a key, with their types.
    pub attribute_definitions: Vec<AttributeDefinition>,
    /// The table's own key.
    pub key_schema: Vec<KeyElement>,
    /// Its global secondary indexes.
    #[serde(default)]
    pub global_secondary_indexes: Vec<Index>,
    /// Its expiry (TTL).
    pub time_to_live_specification: Option<TimeToLive>,
    /// Its stream of changes.
    pub stream_specification: Option<Stream>,
}

/// A key attribute and its type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeDefinition {
    /// The attribute.
    pub attribute_name: String,
    /// Its type: `S`, `N` or `B`.
    pub attribute_type: String,
}

/// An attribute of a key. An index may have several hash and several range attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyElement {
    /// The attribute.
    pub attribute_name: String,
    /// Its role: `HASH` or `RANGE`.
    pub key_type: String,
}

/// A global secondary index.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Index {
    /// Its name.
    pub index_name: String,
    /// Its key.
    pub key_schema: Vec<KeyElement>,
    /// The attributes it holds beside the keys.
    pub projection: Projection,
}

/// The attributes an index holds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Projection {
    /// `KEYS_ONLY`, `INCLUDE` or `ALL`.
    pub projection_type: String,
    /// The attributes of `INCLUDE`.
    #[serde(default)]
    pub non_key_attributes: Vec<String>,
}

/// A table's expiry (TTL).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimeToLive {
    /// The attribute with the time of expiry, in seconds since 1970.
    pub attribute_name: String,
    /// Whether items expire.
    pub enabled: bool,
}

/// A table's stream of changes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stream {
    /// Which images a record has: `KEYS_ONLY`, `NEW_IMAGE`, `OLD_IMAGE` or `NEW_AND_OLD_IMAGES`.
    pub stream_view_type: String,
}

impl Table {
    pub(super) fn from_resource(id: &str, resource: &Resource) -> Result<Self, String> {
        if resource.properties.get("LocalSecondaryIndexes").is_some() {
            return Err("the local stack has no local secondary indexes".into());
        }
        let mut table: Self = properties(&resource.properties)?;
        table.logical_id = id.to_owned();
        table.name = resource.properties["TableName"].as_str().unwrap_or(id).to_owned();
        Ok(table)
    }
}
