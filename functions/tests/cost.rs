//! What a call costs: requests to DynamoDB and capacity units, counted on the line, in a warm
//! process that knows the token.

use serde_json::{Value, json};

use crate::support::{Bundle, limited};

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

#[tokio::test]
async fn tags() {
    let with = |tags: &str| ("create-contact", json!({ "phone": "+14155550123", "name": "Jane", "tags": tags }));
    let tag = |tag: &str| json!({ "phone": "+14155550123", "tag": tag });
    let two = ["BatchGetItem", "TransactWriteItems"];
    let (requests, ..) = cost(&[with("")], "add-tag", tag("vip")).await;
    assert_eq!(requests, two, "a tag nobody has yet");
    let (requests, ..) = cost(&[with("vip, b")], "add-tag", tag("new")).await;
    assert_eq!(requests, two);
    let (requests, ..) = cost(&[with("vip")], "add-tag", tag("vip")).await;
    assert_eq!(requests, ["BatchGetItem"], "nothing to add");

    let (requests, ..) = cost(&[with("vip, b")], "remove-tag", tag("vip")).await;
    assert_eq!(requests, ["GetItem", "TransactWriteItems"]);
    let (requests, ..) = cost(&[with("vip")], "remove-tag", tag("b")).await;
    assert_eq!(requests, ["GetItem"], "nothing to remove");

    let (requests, reads, _) = cost(&[with("vip, b")], "list-tags", json!({})).await;
    assert_eq!((requests.as_slice(), reads), (["Query".to_owned()].as_slice(), 1.0));
    let (requests, ..) = cost(&[with("vip, b")], "list-tags", json!({ "name": "V" })).await;
    assert_eq!(requests, ["Query"]);
}

#[tokio::test]
async fn flowiq() {
    let (bundle, tap, _engine) = Bundle::tapped().await;
    let operations = || tap.take().into_iter().map(|seen| seen.operation).collect::<Vec<_>>();
    bundle.post(json!({})).await;
    bundle.find("phone_number=1").await;
    tap.forget();
    assert_eq!(bundle.post(json!({ "phone_number": "27123456789", "name": "John Doe" })).await.status, 201);
    assert_eq!(operations(), ["PutItem"]);
    assert_eq!(bundle.post(json!({ "phone_number": "27123456789" })).await.status, 409);
    assert_eq!(operations(), ["PutItem"], "the refusal has told");
    assert_eq!(bundle.find("phone_number=27123456789").await.status, 200);
    assert_eq!(operations(), ["GetItem"]);
    assert_eq!(bundle.post(json!({ "phone_number": "27999999999", "tags": "a,b" })).await.status, 201);
    assert_eq!(operations(), ["BatchGetItem", "TransactWriteItems"]);
}

/// Whose a token is, is known from the token; paths that are none cost nothing.
#[tokio::test]
async fn what_needs_no_contacts() {
    let (bundle, tap, _engine) = Bundle::tapped().await;
    bundle.me("demo-token").await;
    tap.forget();
    assert_eq!(bundle.me("demo-token").await.status, 200);
    assert_eq!(bundle.ask("GET /api/v1/openapi.json -", "").await.status, 200);
    assert_eq!(bundle.ask("GET /nowhere -", "").await.status, 404);
    assert_eq!(tap.take().len(), 0);
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

/// With quotas one more, and what only reads has two connections from the start.
#[tokio::test]
async fn first_calls_with_quotas() {
    let (bundle, tap, _engine) = Bundle::tapped_with(limited(120)).await;
    let operations = |_| {
        let mut seen: Vec<String> = tap.take().into_iter().map(|seen| seen.operation).collect();
        seen.sort();
        seen
    };
    for (action, body, read, first) in [
        ("search-contacts", json!({}), "Query", vec!["GetItem", "GetItem", "GetItem", "Query", "UpdateItem"]),
        (
            "create-contact",
            json!({ "phone": "+14155550123" }),
            "PutItem",
            vec!["GetItem", "GetItem", "PutItem", "UpdateItem"],
        ),
    ] {
        assert_eq!(operations(bundle.call(action, body.clone()).await.status), first);
        assert_eq!(operations(bundle.call(action, body).await.status), [read, "UpdateItem"]);
    }
}
