//! What each endpoint costs: its requests to DynamoDB and their capacity units, in a warm process that has the token in
//! its cache. The cost of events is in `events/record_message.rs`.

use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use contacts::store::Error;
use serde_json::{Value, json};

use crate::support::{Bundle, ForwardedRequest, error_of, output_of, with_rate_limit};

/// The cost of one call after these calls: operations in order, read units, write units.
async fn cost(warm_up: &[(&str, Value)], action: &str, body: Value) -> (Vec<String>, f64, f64) {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    for (action, body) in warm_up {
        let reply = bundle.call(action, body.clone()).await;
        assert!(reply.status < 300, "{reply:?}");
    }
    // Starts the process that is measured, and caches the token.
    bundle.call(action, json!({ "contact_id": "x", "email": "x", "phone": "x", "tag": "," })).await;
    proxy.clear();
    let reply = bundle.call(action, body).await;
    assert!(reply.status < 300, "{reply:?}");
    let seen = proxy.take_requests();
    let (reads, writes) = units(&seen);
    (seen.into_iter().map(|s| s.operation).collect(), reads, writes)
}

/// The log states what the proxy has counted, for HTTP calls and for events. At the default level
/// nothing is requested and nothing stated.
#[tokio::test]
async fn at_the_log_level_debug_every_call_logs_its_units() {
    let calls = [
        jane(),
        ("create-contact", json!({ "phone": "+14155550124", "tags": "vip, new" })),
        ("get-contact", json!({ "email": "jane@example.com" })),
        ("search-contacts", json!({ "query": "+1 (415) 555-0123" })),
        ("add-tag", json!({ "phone": "+14155550123", "tag": "vip" })),
        ("list-tags", json!({})),
    ];
    for level in ["DEBUG", "INFO"] {
        let mut options = with_rate_limit(120);
        options.environment.insert("AWS_LAMBDA_LOG_LEVEL".into(), level.into());
        let (bundle, proxy, _engine) = Bundle::behind_proxy_with(options).await;
        let mut counted = Vec::new();
        for (action, body) in &calls {
            // Starts the process, and caches the token.
            bundle.call_raw(action, "{").await;
            proxy.clear();
            assert!(bundle.call(action, body.clone()).await.status < 300);
            counted.push(units(&proxy.take_requests()));
        }
        let input = json!({
            "phone": "+14155550123", "message_id": "1", "direction": "in", "occurred_at": "2026-01-01T00:00:00Z"
        });
        // An event of an unknown tenant starts the process.
        let unknown = json!({ "tenant_id": "00000000-0000-4000-8000-000000000000", "input": input });
        error_of(&bundle.invoke("record-message", unknown).await);
        let event = bundle.envelope(input).await;
        proxy.clear();
        output_of(&bundle.invoke("record-message", event).await);
        counted.push(units(&proxy.take_requests()));
        let log = bundle.stop().await;
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let answers = lines.filter(|line| line["message"] == "answered" && line["status"] != 422);
        let logged: Vec<_> =
            answers.map(|line| line["read_units"].as_f64().zip(line["write_units"].as_f64())).collect();
        assert_eq!(logged.len(), counted.len());
        let expected = counted.iter().map(|units| (level == "DEBUG").then_some(*units));
        assert_eq!(logged, expected.collect::<Vec<_>>(), "{log}");
    }
}

/// The read and the write units of requests.
fn units(seen: &[ForwardedRequest]) -> (f64, f64) {
    let is_write = |operation: &str| ["Put", "Write", "Update"].iter().any(|part| operation.contains(part));
    let sum = |write| seen.iter().filter(|s| is_write(&s.operation) == write).map(|s| s.units).sum::<f64>();
    (sum(false), sum(true))
}

fn operations<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

fn jane() -> (&'static str, Value) {
    ("create-contact", json!({ "phone": "+14155550123", "name": "Jane", "email": "jane@example.com" }))
}

#[tokio::test]
async fn creating_a_contact_is_one_read_and_one_put() {
    let named = json!({ "phone": "+14155550123", "name": "Jane" });
    assert_eq!(cost(&[], "create-contact", named).await, (operations(["GetItem", "PutItem"]), 0.5, 3.0));
    assert_eq!(cost(&[], jane().0, jane().1).await, (operations(["GetItem", "PutItem"]), 0.5, 4.0));
}

#[tokio::test]
async fn an_upsert_of_an_existing_contact_is_one_read_and_one_put() {
    let renamed = json!({ "phone": "+14155550123", "name": "Janet" });
    let (requests, reads, writes) = cost(&[jane()], "create-contact", renamed).await;
    assert_eq!((requests, reads), (operations(["GetItem", "PutItem"]), 0.5));
    assert!(writes > 0.0);
}

/// The first read is eventually consistent; a decision not to write needs a strongly consistent one.
#[tokio::test]
async fn an_upsert_that_changes_nothing_writes_nothing() {
    let unchanged = cost(&[jane()], "create-contact", jane().1).await;
    assert_eq!(unchanged, (operations(["GetItem", "GetItem"]), 1.5, 0.0));
    let tagged = || ("create-contact", json!({ "phone": "+14155550123", "tags": "vip, new" }));
    let unchanged = cost(&[tagged()], "create-contact", tagged().1).await;
    assert_eq!(unchanged, (operations(["BatchGetItem", "BatchGetItem"]), 4.5, 0.0));
}

/// AWS bills a refused write like a successful one of the larger item, and a cancelled transaction twice as much. The
/// embedded engine reports nothing, so the proxy computes it.
#[tokio::test]
async fn refused_writes_are_counted() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let metadata = json!({ "text": "x".repeat(10_000) });
    let id = bundle.call("create-contact", json!({ "phone": "+14155550123", "metadata": metadata })).await.id();
    let put = {
        let tenant = AttributeValue::S(bundle.tenant("demo-token").await.id().to_string());
        let put = Put::builder().table_name("ContactsTable").item("tenant_id", tenant);
        let put = put.item("item", AttributeValue::S(format!("contact#{id}")));
        let put = put.condition_expression("attribute_not_exists(tenant_id)");
        put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld).build().unwrap()
    };
    proxy.clear();
    let alone = bundle.dynamodb().put_item().table_name("ContactsTable").set_item(Some(put.item.clone()));
    let alone = alone.set_condition_expression(put.condition_expression.clone());
    let alone =
        alone.set_return_values_on_condition_check_failure(put.return_values_on_condition_check_failure.clone());
    alone.send().await.unwrap_err();
    let transaction = bundle.dynamodb().transact_write_items();
    transaction.transact_items(TransactWriteItem::builder().put(put).build()).send().await.unwrap_err();
    let units: Vec<f64> = proxy.take_requests().iter().map(|request| request.units).collect();
    assert_eq!(units, [11.0, 22.0]);
}

#[tokio::test]
async fn creating_a_contact_with_tags_is_one_transaction() {
    let tagged = json!({ "phone": "+14155550124", "tags": "vip, new" });
    let (requests, ..) = cost(&[jane()], "create-contact", tagged).await;
    assert_eq!(requests, ["BatchGetItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn get_contact_is_one_read_by_phone_and_two_by_email() {
    let (requests, reads, _) = cost(&[jane()], "get-contact", json!({ "phone": "+14155550123" })).await;
    assert_eq!((requests.as_slice(), reads), (["GetItem".to_owned()].as_slice(), 1.0));
    let by_email = cost(&[jane()], "get-contact", json!({ "email": "jane@example.com" })).await;
    assert_eq!(by_email, (operations(["Query", "GetItem"]), 1.5, 0.0));
    // The other keys are compared with what was read.
    let both = json!({ "phone": "+14155550123", "email": "jane@example.com" });
    assert_eq!(cost(&[jane()], "get-contact", both).await, (operations(["GetItem"]), 1.0, 0.0));
}

#[tokio::test]
async fn get_contact_by_id_is_one_read() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let id = bundle.call(jane().0, jane().1).await.id();
    bundle.call("get-contact", json!({})).await;
    proxy.clear();
    for (phone, status) in [("", 200), ("+14155550123", 200), ("+14155550124", 422)] {
        let body = json!({ "contact_id": id, "phone": phone, "email": "jane@example.com" });
        assert_eq!(bundle.call("get-contact", body).await.status, status);
        let seen = proxy.take_requests();
        assert_eq!((seen.len(), seen[0].operation.as_str(), seen[0].units), (1, "GetItem", 1.0), "{phone}");
    }
}

#[tokio::test]
async fn an_update_is_one_read_and_one_write() {
    let body = json!({ "phone": "+14155550123", "metadata": { "x": 1 } });
    let (requests, reads, writes) = cost(&[jane()], "update-contact", body).await;
    assert_eq!((requests.as_slice(), reads), (["GetItem".to_owned(), "PutItem".to_owned()].as_slice(), 1.0));
    assert_eq!(writes, 1.0, "metadata is not part of an index");

    let body = json!({ "phone": "+14155550123", "tags": "vip" });
    let (requests, ..) = cost(&[jane()], "update-contact", body).await;
    assert_eq!(requests, ["BatchGetItem", "TransactWriteItems"], "a brand-new tag included");

    let (requests, ..) = cost(&[jane()], "update-contact", json!({ "phone": "+14155550123", "name": "Jane" })).await;
    assert_eq!(requests, ["GetItem"], "nothing to change");
}

#[tokio::test]
async fn a_search_page_is_one_query() {
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

/// It does not walk over all contacts, so its cost does not depend on their number.
#[tokio::test]
async fn a_search_for_a_whole_phone_number_is_four_requests() {
    let (mut requests, reads, _) = cost(&[jane()], "search-contacts", json!({ "query": "+1 (415) 555-0123" })).await;
    requests.sort();
    assert_eq!(requests, ["BatchGetItem", "GetItem", "Query", "Query"]);
    assert!(reads <= 3.0, "{reads}");
}

/// The former number does not name the contact, so the redirect under its key is not followed.
#[tokio::test]
async fn a_search_for_a_former_number_does_not_follow_the_redirect() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let (action, body) = jane();
    let id = bundle.call(action, body).await.id().parse().unwrap();
    let (tenant, phone) = (bundle.tenant("demo-token").await, "+14155550124".parse().unwrap());
    bundle.table.change_phone(&tenant, id, &phone, Ok::<_, Error>).await.unwrap();
    // Starts the process that is measured, and caches the token.
    bundle.call_raw("search-contacts", "{").await;
    proxy.clear();
    assert_eq!(bundle.call("search-contacts", json!({ "query": "14155550123" })).await.body, "[]");
    let mut requests: Vec<_> = proxy.take_requests().into_iter().map(|seen| seen.operation).collect();
    requests.sort();
    assert_eq!(requests, ["GetItem", "Query"]);
}

#[tokio::test]
async fn changing_a_tag_is_one_read_and_one_transaction() {
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
async fn flowiq_calls_read_first() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let operations = || proxy.take_operations();
    bundle.flowiq_create(json!({})).await;
    bundle.flowiq_get("phone_number=1").await;
    proxy.clear();
    assert_eq!(bundle.flowiq_create(json!({ "phone_number": "27123456789", "name": "John Doe" })).await.status, 201);
    assert_eq!(operations(), ["GetItem", "PutItem"]);
    assert_eq!(bundle.flowiq_create(json!({ "phone_number": "27123456789" })).await.status, 409);
    assert_eq!(operations(), ["GetItem", "GetItem"], "the second read is strongly consistent");
    assert_eq!(bundle.flowiq_get("phone_number=27123456789").await.status, 200);
    assert_eq!(operations(), ["GetItem"]);
    assert_eq!(bundle.flowiq_create(json!({ "phone_number": "27999999999", "tags": "a,b" })).await.status, 201);
    assert_eq!(operations(), ["BatchGetItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn me_the_documents_and_unknown_paths_cost_nothing() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    bundle.me("demo-token").await;
    proxy.clear();
    assert_eq!(bundle.me("demo-token").await.status, 200);
    assert_eq!(bundle.ask("GET /api/v1/openapi.json -", "").await.status, 200);
    assert_eq!(bundle.ask("GET /api/v1/asyncapi.json -", "").await.status, 200);
    assert_eq!(bundle.ask("GET /nowhere -", "").await.status, 404);
    assert_eq!(proxy.take_requests().len(), 0);
}

/// One GetItem opens the connection during start-up, one reads the token and one its tenant.
#[tokio::test]
async fn a_first_call_reads_the_token_and_its_tenant_once() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let mut operations = Vec::new();
    for _ in 0..2 {
        assert_eq!(bundle.call("search-contacts", json!({})).await.status, 200);
        operations.push(proxy.take_operations());
    }
    assert_eq!(operations, [vec!["GetItem", "GetItem", "GetItem", "Query"], vec!["Query"]]);
    // The process has cached the tenant, but not this token of it.
    assert_eq!(bundle.call_as("fiq_demo", "search-contacts", json!({})).await.status, 200);
    assert_eq!(proxy.take_operations(), ["GetItem", "Query"]);
    // Events name the tenant and carry no token.
    let event = bundle.envelope(json!({})).await;
    proxy.clear();
    assert_eq!(output_of(&bundle.invoke("search-contacts", event).await), json!([]));
    assert_eq!(proxy.take_operations(), ["Query"]);
}

/// Counting the call is one more request. A function opens two connections during start-up, because it counts and reads
/// concurrently.
#[tokio::test]
async fn a_first_call_with_a_rate_limit_is_one_request_more() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(with_rate_limit(120)).await;
    let operations = |_| {
        let mut seen = proxy.take_operations();
        seen.sort();
        seen
    };
    let warm_up = ["GetItem"; 4];
    for (action, body, warm) in [
        ("search-contacts", json!({}), vec!["Query", "UpdateItem"]),
        ("update-contact", json!({ "phone": "+14155550123", "name": "Jane" }), vec!["GetItem", "UpdateItem"]),
    ] {
        let first: Vec<&str> = warm_up.into_iter().chain(warm.clone()).collect();
        assert_eq!(operations(bundle.call(action, body.clone()).await.status), first);
        assert_eq!(operations(bundle.call(action, body).await.status), warm);
    }
}
