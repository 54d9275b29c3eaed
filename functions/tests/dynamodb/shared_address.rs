//! Thousands of contacts with one email address: requests and memory do not grow with their number.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Bundle, peak_memory};

const ADDRESS: &str = "office@example.com";

/// The largest resident memory of a function, in MiB.
const MAX_MEMORY: u64 = 64;

#[tokio::test]
async fn ten_thousand_small_contacts() {
    found_in_bounded_memory_and_requests(10_000, json!({})).await;
}

#[tokio::test]
async fn four_thousand_contacts_of_60_kb() {
    found_in_bounded_memory_and_requests(4_000, json!({ "text": "x".repeat(60_000) })).await;
}

/// As many as are fetched one by one.
#[tokio::test]
async fn four_hundred_contacts_of_60_kb() {
    found_in_bounded_memory_and_requests(400, json!({ "text": "x".repeat(60_000) })).await;
}

/// The search walks over the activity index, which has only the stored spelling.
#[tokio::test]
async fn another_spelling_of_a_number_is_found_among_many() {
    let (bundle, _proxy, engine) = Bundle::behind_proxy().await;
    share_address(&bundle, engine.dynamodb(), 600, json!({})).await;
    bundle.call("create-contact", json!({ "phone": "+5511987654321", "email": ADDRESS })).await;
    let criteria = json!({ "email": ADDRESS, "query": "+551187654321" });
    assert_eq!(bundle.call("search-contacts", criteria).await.each("phone"), ["+5511987654321"]);
}

async fn found_in_bounded_memory_and_requests(count: usize, metadata: Value) {
    let (bundle, proxy, engine) = Bundle::behind_proxy().await;
    share_address(&bundle, engine.dynamodb(), count, metadata).await;
    for action in ["get-contact", "search-contacts"] {
        bundle.call(action, json!({ "email": "nobody@example.com" })).await;
    }
    proxy.clear();
    let oldest = bundle.call("get-contact", json!({ "email": ADDRESS })).await;
    assert_eq!(oldest.json()["phone"], phone(0), "{}", oldest.body);
    assert_eq!(proxy.take_operations(), ["Query", "GetItem"]);

    let most_recent: Vec<String> = (count - 50..count).rev().map(phone).collect();
    assert_eq!(
        bundle.call("search-contacts", json!({ "email": "OFFICE@example.com" })).await.each("phone"),
        most_recent
    );
    let requests = proxy.take_requests();
    // One page of the email index and the contacts in it, or the walk, whose first page has 50 matches.
    assert!(requests.len() <= 1 + count.div_ceil(100).min(5), "{requests:?}");
    for function in ["get-contact", "search-contacts"] {
        let memory = peak_memory(function);
        assert!(memory <= MAX_MEMORY, "{function}: {memory} MiB");
    }
}

/// Writes contacts with the same address, of which each is a second younger than the one before.
async fn share_address(bundle: &Bundle, dynamodb: &Client, count: usize, metadata: Value) {
    let first = json!({ "phone": "+14155550123", "email": ADDRESS, "metadata": metadata });
    let id = bundle.call("create-contact", first).await.id();
    let tenant = AttributeValue::S(bundle.tenant("demo-token").await.id().to_string());
    let key = [("tenant_id", tenant), ("item", AttributeValue::S(format!("contact#{id}")))];
    let key: HashMap<String, AttributeValue> = key.map(|(name, value)| (name.to_owned(), value)).into();
    let get = dynamodb.get_item().table_name("ContactsTable").set_key(Some(key.clone()));
    let template = get.send().await.unwrap().item.unwrap();
    dynamodb.delete_item().table_name("ContactsTable").set_key(Some(key)).send().await.unwrap();

    let copies: Vec<WriteRequest> = (0..count).map(|n| copy(&template, n)).collect();
    // At most 25 writes and 16 MB per request.
    for requests in copies.chunks(25 * 4) {
        let writes = requests.chunks(25).map(|writes| {
            let batch = dynamodb.batch_write_item();
            batch.request_items("ContactsTable", writes.to_vec()).send()
        });
        for written in join_all(writes).await {
            assert!(written.unwrap().unprocessed_items.is_none_or(|left| left.is_empty()));
        }
    }
}

/// The same contact with another number, id and time.
fn copy(template: &HashMap<String, AttributeValue>, n: usize) -> WriteRequest {
    let id = uuid::Uuid::from_u128(n as u128);
    let time = format!("2026-01-01T{:02}:{:02}:{:02}+00:00", n / 3600, n / 60 % 60, n % 60);
    let mut item = template.clone();
    for (name, value) in [
        ("item", format!("contact#{id}")),
        ("id", id.to_string()),
        ("phone", phone(n)),
        ("phone_key", phone(n)),
        ("created_at", time.clone()),
        ("active_at", format!("0#{time}")),
        ("search_text", format!("\n{}\n{ADDRESS}", phone(n))),
    ] {
        item.insert(name.to_owned(), AttributeValue::S(value));
    }
    WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item)).build().unwrap()).build()
}

fn phone(n: usize) -> String {
    format!("+1415{n:07}")
}
