//! What must hold when nothing is under way: the items of the table agree with each other, and searches return what is
//! stored.

use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::client::{Client, Headers};
use super::generate::{EMAILS, TAGS, own_tag};
use super::history::Outcome;
use super::local_sdk::local_sdk;
use super::operation::Operation;
use super::population::{Customer, Population};
use super::report::Violation;
use super::state::{Image, State};
use super::stored::{self, Item};

/// How many contacts a search returns at most.
const PAGE: usize = 50;

/// The tables of a deployment.
pub struct Tables(pub aws_sdk_dynamodb::Client);

impl Tables {
    /// The tables in the DynamoDB at this address.
    pub fn open(engine_url: &str) -> Self {
        let config = Builder::from(&local_sdk()).endpoint_url(engine_url).build();
        Tables(aws_sdk_dynamodb::Client::from_conf(config))
    }

    /// The secret namespace of a tenant.
    pub async fn namespace(&self, tenant_id: &str) -> Uuid {
        let get =
            self.0.get_item().table_name("AccessTable").key("key", AttributeValue::S(format!("tenant#{tenant_id}")));
        let item = get.send().await.unwrap().item.unwrap();
        item["namespace"].as_s().unwrap().parse().unwrap()
    }

    /// The contacts of all tenants, and where items contradict each other.
    pub async fn read(&self, population: &Population) -> (Vec<Image>, Vec<Violation>) {
        let (mut images, mut violations) = (Vec::new(), Vec::new());
        for customer in &population.customers {
            let items = async |prefix| stored::items(&self.0, &customer.id, prefix).await;
            let (contacts, memberships, definitions) =
                (items("contact#").await, items("tag#").await, items("tagdef#").await);
            for (id, sentence) in stored::contradictions(&contacts, &memberships, &definitions) {
                let rule = "memberships, tag catalogue and index attributes equal the contacts";
                violations.push(Violation { contact_id: Some(id), ..Violation::new(rule, sentence) });
            }
            images.extend(contacts.iter().map(|contact| Image::read(&json(contact))));
        }
        (images, violations)
    }
}

/// An item in DynamoDB's JSON.
fn json(item: &Item) -> Value {
    Value::Object(item.iter().map(|(name, value)| (name.clone(), json_value(value))).collect::<Map<_, _>>())
}

fn json_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(json_value).collect::<Vec<_>>() }),
        AttributeValue::M(map) => json!({ "M": json(map) }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Ss(set) => json!({ "SS": set }),
        other => panic!("an attribute of an unexpected type: {other:?}"),
    }
}

/// Compares searches over HTTP with what is stored.
pub async fn check_searches(client: &Client, url: &str, population: &Population, stored: &[Image]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for customer in &population.customers {
        let is_own = |image: &&Image| image.tenant_id == customer.id && image.state.is_contact();
        let mut contacts: Vec<&Image> = stored.iter().filter(is_own).collect();
        contacts.sort_by_key(|image| std::cmp::Reverse((activity(&image.state), &image.contact_id)));
        let number = population.customers.iter().position(|other| other.id == customer.id).unwrap_or_default();
        let mut searches = vec![json!({})];
        searches.extend(TAGS.into_iter().filter(|tag| !tag.contains(',')).map(|tag| json!({ "tag": tag })));
        searches.push(json!({ "tag": own_tag(number) }));
        searches.extend(EMAILS.map(|email| json!({ "email": email })));
        searches.push(json!({ "query": "+551" }));
        for criteria in searches {
            let expected: Vec<&Image> =
                contacts.iter().copied().filter(|image| matches(&image.state, &criteria)).take(PAGE).collect();
            if let Some(sentence) = difference(client, url, customer, &criteria, &expected).await {
                violations.push(Violation::new("after the last write, searches return what is stored", sentence));
            }
        }
    }
    violations
}

async fn difference(
    client: &Client,
    url: &str,
    customer: &Customer,
    criteria: &Value,
    expected: &[&Image],
) -> Option<String> {
    let operation = Operation::Search { criteria: criteria.clone() };
    let outcome = client.call(url, customer, &customer.token, &operation, &Headers::default()).await.outcome;
    let Outcome::Read(Value::Array(rows)) = &outcome else { return Some(format!("{criteria}: {outcome:?}")) };
    if rows.len() != expected.len() {
        return Some(format!("{criteria} found {} contacts instead of {}", rows.len(), expected.len()));
    }
    let mut pairs = rows.iter().zip(expected);
    pairs.find_map(|(row, image)| {
        let unlike = image.state.unlike(&image.contact_id, row);
        (!unlike.is_empty()).then(|| format!("{criteria}: {} {unlike:?}", image.contact_id))
    })
}

/// Contacts with a message come first, by the time of the last one; the others by their creation.
pub fn activity(state: &State) -> (Option<&String>, &String) {
    match &state.last_message_at {
        Some(time) => (Some(time), time),
        None => (None, &state.created_at),
    }
}

fn matches(state: &State, criteria: &Value) -> bool {
    let lower = |text: Option<&str>| text.unwrap_or_default().to_lowercase();
    let tag = criteria["tag"].as_str().is_none_or(|tag| state.tags.iter().any(|stored| stored == tag));
    let email = criteria["email"].is_null() || lower(state.email.as_deref()) == lower(criteria["email"].as_str());
    let query = criteria["query"].as_str().is_none_or(|query| {
        [Some(&state.phone), state.email.as_ref(), state.name.as_ref()]
            .into_iter()
            .flatten()
            .any(|text| text.contains(query))
    });
    tag && email && query
}
