//! Layout files: what is in them, and how their items get into tables and out of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, WriteRequest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::support::stored::Item;
use crate::support::{Bundle, output_of};

/// The two tables, and their partition and sort keys.
pub const TABLES: [(&str, &[&str]); 2] = [("AccessTable", &["key"]), ("ContactsTable", &["tenant_id", "item"])];

/// The items of one layout.
pub struct Layout {
    /// The name of its file, without `.json`.
    pub name: String,
    file: Value,
}

impl Layout {
    /// All layouts, the oldest first.
    pub fn all() -> Vec<Layout> {
        let mut paths: Vec<PathBuf> = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(Layout::read).collect()
    }

    fn read(path: &PathBuf) -> Layout {
        let text = fs::read_to_string(path).unwrap();
        let file = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Layout { name: path.file_stem().unwrap().to_str().unwrap().to_owned(), file }
    }

    /// The items of a table. Items that expire do so a month from now, because the engine deletes expired ones.
    pub fn items(&self, table: &str) -> Vec<Item> {
        let in_a_month = (contacts::model::Timestamp::now().as_second() + 31 * 86_400).to_string();
        let items = self.file[table].as_array().unwrap_or_else(|| panic!("{}: no {table}", self.name)).iter();
        let items = items.map(|item| match parsed(&json!({ "M": item })) {
            AttributeValue::M(item) => item,
            other => panic!("{other:?}"),
        });
        let renew = |mut item: Item| {
            item.entry("expires_at".to_owned()).and_modify(|time| *time = AttributeValue::N(in_a_month.clone()));
            item
        };
        items.map(renew).collect()
    }

    /// The calls whose answers were recorded, with their answers.
    pub fn answers(&self) -> &[Value] {
        self.file["answers"].as_array().unwrap()
    }

    /// Keys and indexes of the tables.
    pub fn tables(&self) -> &Value {
        &self.file["tables"]
    }

    /// The shape of the items of both tables.
    pub fn shape(&self) -> BTreeSet<String> {
        shape(TABLES.iter().flat_map(|(table, _)| self.items(table)))
    }

    /// Replaces everything in the tables of a bundle by the items of this layout.
    pub async fn load(&self, bundle: &Bundle) {
        for (table, _) in TABLES {
            self.load_table(bundle, table).await;
        }
    }

    /// Replaces everything in one table of a bundle by the items of this layout.
    pub async fn load_table(&self, bundle: &Bundle, table: &str) {
        let (_, keys) = TABLES.into_iter().find(|(name, _)| *name == table).unwrap();
        let stored = scan(bundle.dynamodb(), table).await;
        let wanted = self.items(table);
        let key = |item: &Item| keys.iter().map(|name| ((*name).to_owned(), item[*name].clone())).collect::<Item>();
        let surplus = stored.iter().map(key).filter(|stored| wanted.iter().all(|item| key(item) != *stored));
        let deletes = surplus.map(|key| {
            let delete = DeleteRequest::builder().set_key(Some(key)).build().unwrap();
            WriteRequest::builder().delete_request(delete).build()
        });
        let changed = wanted.iter().filter(|item| !stored.contains(item));
        let puts = changed.map(|item| {
            let put = PutRequest::builder().set_item(Some(item.clone())).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        });
        for writes in deletes.chain(puts).collect::<Vec<_>>().chunks(25) {
            let write = bundle.dynamodb().batch_write_item().request_items(table, writes.to_vec());
            assert!(write.send().await.unwrap().unprocessed_items.is_none_or(|left| left.is_empty()));
        }
    }
}

/// The calls that wrote the items of the layouts, and those whose answers were recorded.
#[derive(Deserialize)]
pub struct Calls {
    writes: Vec<Call>,
    pub reads: Vec<Call>,
}

/// A call of `calls.json`: an HTTP call with its body, the name of a function and the input of an event, or a change of
/// number in tenant `demo`.
#[derive(Deserialize)]
pub struct Call {
    /// Method, path and token, as `Bundle::ask` takes them.
    #[serde(default)]
    pub call: String,
    /// Unparsed, because parsing changes the spelling of numbers.
    body: Option<Box<RawValue>>,
    /// Its idempotency key.
    key: Option<String>,
    event: Option<String>,
    /// The number that a contact has, and the one that it gets.
    change_phone: Option<[String; 2]>,
    #[serde(default)]
    input: Value,
}

impl Calls {
    pub fn read() -> Self {
        serde_json::from_str(&fs::read_to_string(directory().with_file_name("calls.json")).unwrap()).unwrap()
    }

    /// Sends the writes to a bundle. Each has to succeed.
    pub async fn write(&self, bundle: &Bundle) {
        for call in &self.writes {
            if let Some([from, to]) = &call.change_phone {
                let tenant = bundle.tenant("demo-token").await;
                let [from, to] = [from, to].map(|phone| phone.parse().unwrap());
                let id = tenant.contact_id(&from);
                bundle.table.change_phone(&tenant, id, &to, Ok::<_, contacts::store::Error>).await.unwrap();
            } else if let Some(function) = &call.event {
                let event = bundle.envelope(call.input.clone()).await;
                output_of(&bundle.invoke(function, event).await);
            } else {
                let reply = match &call.key {
                    None => bundle.ask(&call.call, call.body()).await,
                    Some(key) => {
                        let [method, path, token] = call.call.split(' ').collect::<Vec<_>>()[..] else { panic!() };
                        let headers = [("authorization", &*format!("Bearer {token}")), ("idempotency-key", key)];
                        bundle.request(method, path, &headers, call.body().to_owned()).await
                    }
                };
                assert!(reply.status < 300, "{}: {reply:?}", call.call);
            }
        }
    }
}

impl Call {
    /// The body, empty if it has none.
    pub fn body(&self) -> &str {
        self.body.as_ref().map_or("", |body| body.get())
    }
}

/// The directory of the layout files.
pub fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stored/layouts"))
}

/// All items of a table.
pub async fn scan(client: &Client, table: &str) -> Vec<Item> {
    let mut pages = client.scan().table_name(table).consistent_read(true).into_paginator().items().send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        items.push(item.unwrap());
    }
    items
}

/// Keys and indexes of the tables: the key schemas and projections, as text.
pub async fn tables(client: &Client) -> Value {
    let mut tables = json!({});
    for (name, _) in TABLES {
        let table = client.describe_table().table_name(name).send().await.unwrap().table.unwrap();
        let schema = |keys: &[aws_sdk_dynamodb::types::KeySchemaElement]| {
            let keys = keys.iter().map(|key| format!("{}:{}", key.attribute_name, key.key_type.as_str()));
            keys.collect::<Vec<_>>().join(" ")
        };
        tables[name] = json!({ "keys": schema(table.key_schema()) });
        for index in table.global_secondary_indexes() {
            let projection = index.projection().unwrap();
            let mut text = format!("{} {}", schema(index.key_schema()), projection.projection_type().unwrap().as_str());
            let mut attributes = projection.non_key_attributes().to_vec();
            attributes.sort();
            attributes.iter().for_each(|attribute| text += &format!(" {attribute}"));
            tables[name][format!("index {}", index.index_name().unwrap())] = json!(text);
        }
    }
    tables
}

/// Which attributes of which types the kinds of items have: one line each, such as `contact# version N`. The kind of
/// an item is the beginning of its key.
pub fn shape(items: impl IntoIterator<Item = Item>) -> BTreeSet<String> {
    let mut shape = BTreeSet::new();
    for item in items {
        let key = item.get("item").or(item.get("key")).unwrap().as_s().unwrap();
        let kind = key.split_inclusive('#').next().unwrap();
        describe(&mut shape, kind, &item);
    }
    shape
}

fn describe(shape: &mut BTreeSet<String>, prefix: &str, attributes: &HashMap<String, AttributeValue>) {
    for (name, value) in attributes {
        // These names are data too: the days on which calls were counted.
        let name = if name.bytes().all(|byte| byte.is_ascii_digit()) { "<day>" } else { name };
        let json = to_json(value);
        shape.insert(format!("{prefix} {name} {}", json.as_object().unwrap().keys().next().unwrap()));
        match value {
            // The names in this map are data: fields that events have set.
            AttributeValue::M(map) if name != "event_times" => describe(shape, &format!("{prefix} {name}"), map),
            // How long an id is shows its format.
            AttributeValue::L(list) if name == "write_ids" => {
                let ids = list.iter().map(|id| id.as_s().unwrap().len());
                shape.extend(ids.map(|length| format!("{prefix} {name} of length {length}")));
            }
            _ => {}
        }
    }
}

/// A value of DynamoDB JSON, such as `{"S":"x"}`.
fn parsed(json: &Value) -> AttributeValue {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    let text = || value.as_str().unwrap().to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "B" => AttributeValue::B(Blob::new(STANDARD.decode(text()).unwrap())),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "NULL" => AttributeValue::Null(true),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(parsed).collect()),
        "M" => {
            let map = value.as_object().unwrap().iter();
            AttributeValue::M(map.map(|(name, value)| (name.clone(), parsed(value))).collect())
        }
        _ => panic!("{json}"),
    }
}

/// The value as DynamoDB JSON.
pub fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(to_json).collect::<Vec<_>>() }),
        AttributeValue::M(map) => json!({ "M": item_to_json(map) }),
        other => panic!("{other:?}"),
    }
}

/// The item as DynamoDB JSON, its attributes in alphabetical order.
pub fn item_to_json(item: &Item) -> BTreeMap<&String, Value> {
    item.iter().map(|(name, value)| (name, to_json(value))).collect()
}
