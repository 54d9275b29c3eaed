//! The template's tables, created with the ordinary API, so that any DynamoDB-compatible server will do.
//!
//! A table that exists already is used only if its keys and indexes are the template's: functions that find an older
//! layout fail with errors that do not name the cause.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, Projection, StreamSpecification,
    TableDescription, TableStatus, TimeToLiveSpecification,
};
use tokio::time;

use crate::error::Error;
use crate::options::Store;
use crate::template::{Index, KeyElement, Table};

/// Creates the tables that do not exist, and checks those that do.
///
/// # Errors
/// [`Error::Table`], [`Error::StaleTable`].
pub(crate) async fn create(client: &Client, url: &str, tables: &[Table], store: &Store) -> Result<(), Error> {
    for table in tables {
        let failed = |reason| Error::Table { table: table.name.clone(), url: url.to_owned(), reason };
        let request = request(client, table).map_err(|error| failed(error.to_string()))?;
        let exists = match request.send().await {
            Ok(_) => false,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => true,
            Err(error) => return Err(failed(reason(&error))),
        };
        let found = active(client, &table.name).await.map_err(failed)?;
        if exists && Layout::of_server(&found) != Layout::of_template(table) {
            return Err(stale(table, store));
        }
        // On another server, a table that exists is left as it is.
        if exists
            && !matches!(store, Store::Url(_))
            && found.stream_specification().is_none_or(|stream| !stream.stream_enabled)
        {
            enable_stream(client, table).await.map_err(failed)?;
        }
        enable_ttl(client, table).await.map_err(failed)?;
    }
    Ok(())
}

fn request(client: &Client, table: &Table) -> Result<CreateTableFluentBuilder, BuildError> {
    let attributes = table.attribute_definitions.iter().map(|attribute| {
        AttributeDefinition::builder()
            .attribute_name(&attribute.attribute_name)
            .attribute_type(attribute.attribute_type.as_str().into())
            .build()
    });
    let indexes = table.global_secondary_indexes.iter().map(index).collect::<Result<Vec<_>, _>>()?;
    Ok(client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.collect::<Result<_, _>>()?))
        .set_key_schema(Some(keys(&table.key_schema)?))
        .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
        .set_stream_specification(stream(table)?))
}

fn stream(table: &Table) -> Result<Option<StreamSpecification>, BuildError> {
    let stream = table.stream_specification.as_ref().map(|stream| {
        let view = stream.stream_view_type.as_str().into();
        StreamSpecification::builder().stream_enabled(true).stream_view_type(view).build()
    });
    stream.transpose()
}

/// Enables the stream of a table that was created before the template had one.
async fn enable_stream(client: &Client, table: &Table) -> Result<(), String> {
    let Some(stream) = stream(table).map_err(|error| error.to_string())? else { return Ok(()) };
    let request = client.update_table().table_name(&table.name).stream_specification(stream);
    request.send().await.map_err(|error| reason(&error))?;
    active(client, &table.name).await.map(drop)
}

fn index(index: &Index) -> Result<GlobalSecondaryIndex, BuildError> {
    let others = &index.projection.non_key_attributes;
    let projection = Projection::builder()
        .projection_type(index.projection.projection_type.as_str().into())
        .set_non_key_attributes((!others.is_empty()).then(|| others.clone()));
    GlobalSecondaryIndex::builder()
        .index_name(&index.index_name)
        .set_key_schema(Some(keys(&index.key_schema)?))
        .projection(projection.build())
        .build()
}

fn keys(elements: &[KeyElement]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let keys = elements.iter().map(|element| {
        KeySchemaElement::builder()
            .attribute_name(&element.attribute_name)
            .key_type(element.key_type.as_str().into())
            .build()
    });
    keys.collect()
}

/// Waits until a table can be used.
async fn active(client: &Client, name: &str) -> Result<TableDescription, String> {
    loop {
        let answer = client.describe_table().table_name(name).send().await.map_err(|error| reason(&error))?;
        let table = answer.table.ok_or("the server didn't describe it")?;
        match table.table_status() {
            Some(TableStatus::Creating | TableStatus::Updating) => time::sleep(Duration::from_millis(200)).await,
            _ => return Ok(table),
        }
    }
}

/// Enables the expiry of items.
async fn enable_ttl(client: &Client, table: &Table) -> Result<(), String> {
    let Some(ttl) = table.time_to_live_specification.as_ref().filter(|ttl| ttl.enabled) else {
        return Ok(());
    };
    let specification = TimeToLiveSpecification::builder()
        .attribute_name(&ttl.attribute_name)
        .enabled(true)
        .build()
        .map_err(|error| error.to_string())?;
    let request = client.update_time_to_live().table_name(&table.name).time_to_live_specification(specification);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let reason = reason(&error);
            if reason.contains("already enabled") { Ok(()) } else { Err(reason) }
        }
    }
}

fn stale(table: &Table, store: &Store) -> Error {
    let (place, remedy) = match store {
        Store::Url(url) => (url.clone(), "delete it there, or use another server"),
        Store::Dir(dir) => (dir.display().to_string(), "remove the directory, or use --memory"),
        Store::Memory => ("memory".into(), "start again"),
    };
    Error::StaleTable { table: table.name.clone(), place, remedy }
}

/// What the server answered, without the layers of the SDK.
fn reason<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    match (error.message(), error.code()) {
        (Some(message), _) => message.to_owned(),
        (None, Some(code)) => code.to_owned(),
        (None, None) => "the server doesn't answer".to_owned(),
    }
}

/// The part of a table that cannot be changed once it exists.
#[derive(PartialEq)]
struct Layout {
    types: BTreeMap<String, String>,
    keys: Keys,
    /// By name: the keys, the type of projection, its attributes.
    indexes: BTreeMap<String, (Keys, String, BTreeSet<String>)>,
}

/// Attributes and their roles in the key.
type Keys = Vec<(String, String)>;

impl Layout {
    fn of_template(table: &Table) -> Self {
        let keys =
            |keys: &[KeyElement]| keys.iter().map(|key| (key.attribute_name.clone(), key.key_type.clone())).collect();
        let types = table.attribute_definitions.iter();
        let indexes = table.global_secondary_indexes.iter().map(|index| {
            let others = index.projection.non_key_attributes.iter().cloned().collect();
            let projection = index.projection.projection_type.clone();
            (index.index_name.clone(), (keys(&index.key_schema), projection, others))
        });
        Self {
            types: types.map(|each| (each.attribute_name.clone(), each.attribute_type.clone())).collect(),
            keys: keys(&table.key_schema),
            indexes: indexes.collect(),
        }
    }

    fn of_server(table: &TableDescription) -> Self {
        let keys = |keys: &[KeySchemaElement]| {
            keys.iter().map(|key| (key.attribute_name.clone(), key.key_type.to_string())).collect()
        };
        let types = table.attribute_definitions().iter();
        let indexes = table.global_secondary_indexes().iter().map(|index| {
            let projection = index.projection();
            let others = projection.map(|projection| projection.non_key_attributes().iter().cloned().collect());
            let kind = projection.and_then(Projection::projection_type).map(ToString::to_string);
            let name = index.index_name().unwrap_or_default().to_owned();
            (name, (keys(index.key_schema()), kind.unwrap_or_default(), others.unwrap_or_default()))
        });
        Self {
            types: types.map(|each| (each.attribute_name.clone(), each.attribute_type.to_string())).collect(),
            keys: keys(table.key_schema()),
            indexes: indexes.collect(),
        }
    }
}
