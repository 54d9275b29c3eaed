//! What a call costs: requests to DynamoDB and capacity units, counted on the line, in a warm
//! process that knows the token.

use serde_json::{Value, json};

use crate::support::Bundle;

/// Counts one call: operations in order, read units, write units.
async fn cost(warm_up: &[(&str, Value)], action: &str, body: Value) -> (Vec<String>, f64, f64) {
    let (bundle, tap, _engine) = Bundle::tapped().await;
    for (action, body) in warm_up {
        let reply = bundle.call(action, body.clone()).await;
        assert!(reply.status < 300, "{reply:?}");
    }
    // The process that will be measured, and its knowledge of the token.
    bundle.call(action, json!({ "contact_id": "x", "email": "x", "phone": "x", "tag": "," })).await;
    tap.forget();
    let reply = bundle.call(action, body).await;
    assert!(reply.status < 300, "{reply:?}");
    let seen = tap.take();
    let is_write = |operation: &str| operation.contains("Put") || operation.contains("Write");
    let units = |write| seen.iter().filter(|s| is_write(&s.operation) == write).map(|s| s.units).sum::<f64>();
    (seen.iter().map(|s| s.operation.clone()).collect(), units(false), units(true))
}

fn jane() -> (&'static str, Value) {
    ("create-contact", json!({ "phone": "+14155550123", "name": "Jane", "email": "jane@example.com" }))
}

#[tokio::test]
async fn create() {
    let (requests, reads, writes) =
        cost(&[], "create-contact", json!({ "phone": "+14155550123", "name": "Jane" })).await;
    assert_eq!((requests.as_slice(), reads, writes), (["PutItem".to_owned()].as_slice(), 0.0, 3.0));

    let (requests, reads, writes) = cost(&[], jane().0, jane().1).await;
    assert_eq!((requests.as_slice(), reads, writes), (["PutItem".to_owned()].as_slice(), 0.0, 4.0));
}

#[tokio::test]
async fn create_existing() {
    let renamed = json!({ "phone": "+14155550123", "name": "Janet" });
    let (requests, ..) = cost(&[jane()], "create-contact", renamed).await;
    assert_eq!(requests, ["PutItem", "PutItem"]);
    let (requests, ..) = cost(&[jane()], "create-contact", jane().1).await;
    assert_eq!(requests, ["PutItem"], "nothing to change: the refused guess has told all");
}

#[tokio::test]
async fn create_with_tags() {
    let tagged = json!({ "phone": "+14155550124", "tags": "vip, new" });
    let (requests, ..) = cost(&[jane()], "create-contact", tagged).await;
    assert_eq!(requests, ["BatchGetItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn get() {
    let (requests, reads, _) = cost(&[jane()], "get-contact", json!({ "phone": "+14155550123" })).await;
    assert_eq!((requests.as_slice(), reads), (["GetItem".to_owned()].as_slice(), 1.0));
    let (requests, ..) = cost(&[jane()], "get-contact", json!({ "email": "jane@example.com" })).await;
    assert_eq!(requests, ["Query", "BatchGetItem"]);
}

#[tokio::test]
async fn get_by_id() {
    let (bundle, tap, _engine) = Bundle::tapped().await;
    let id = bundle.call(jane().0, jane().1).await.id();
    bundle.call("get-contact", json!({})).await;
    tap.forget();
    assert_eq!(bundle.call("get-contact", json!({ "contact_id": id })).await.status, 200);
    let seen = tap.take();
    assert_eq!((seen.len(), seen[0].operation.as_str(), seen[0].units), (1, "GetItem", 1.0));
}

#[tokio::test]
async fn update() {
    let body = json!({ "phone": "+14155550123", "metadata": { "x": 1 } });
    let (requests, reads, writes) = cost(&[jane()], "update-contact", body).await;
    assert_eq!((requests.as_slice(), reads), (["GetItem".to_owned(), "PutItem".to_owned()].as_slice(), 1.0));
    assert_eq!(writes, 1.0, "metadata is in no index");

    let body = json!({ "phone": "+14155550123", "tags": "vip" });
    let (requests, ..) = cost(&[jane()], "update-contact", body).await;
    assert_eq!(requests, ["BatchGetItem", "TransactWriteItems"], "a brand-new tag included");

    let (requests, ..) = cost(&[jane()], "update-contact", json!({ "phone": "+14155550123", "name": "Jane" })).await;
    assert_eq!(requests, ["GetItem"], "nothing to change");
}

#[tokio::test]
async fn search() {
    let contact = |n: i32| {
        let body = json!({
            "phone": format!("+1415555{n:04}"), "name": "Maria Aparecida dos Santos",
            "email": format!("maria.santos.{n}@example.com"), "tags": "vip"
        });
        ("create-contact", body)
    };
    let contacts: Vec<_> = (0..60).map(contact).collect();
    let (requests, reads, _) = cost(&contacts, "search-contacts", json!({})).await;
    assert_eq!(requests, ["Query"]);
    assert!(reads <= 3.0, "{reads}");
    let (requests, reads, _) = cost(&contacts, "search-contacts", json!({ "tag": "vip" })).await;
    assert_eq!(requests, ["Query"]);
    assert!(reads <= 3.0, "{reads}");
}

/// A whole number costs the same however many contacts there are: no walk over all of them.
#[tokio::test]
async fn search_by_number() {
    let (mut requests, reads, _) = cost(&[jane()], "search-contacts", json!({ "query": "+1 (415) 555-0123" })).await;
    requests.sort();
    assert_eq!(requests, ["BatchGetItem", "GetItem", "Query", "Query"]);
    assert!(reads <= 3.0, "{reads}");
}

/// A process opens its connection before its first call, and asks about a token once.
#[tokio::test]
async fn first_calls() {
    let (bundle, tap, _engine) = Bundle::tapped().await;
    let mut operations = Vec::new();
    for _ in 0..2 {
        assert_eq!(bundle.call("search-contacts", json!({})).await.status, 200);
        operations.push(tap.take().into_iter().map(|seen| seen.operation).collect::<Vec<_>>());
    }
    assert_eq!(operations, [vec!["GetItem", "GetItem", "Query"], vec!["Query"]]);
}
