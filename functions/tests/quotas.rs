//! Quotas: how often a token may call, and what the one call too many is told.
//!
//! Time is moved by moving what the table says of it: the calls in a log are made so much older.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use contacts::model::TenantRecord;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{ACTIONS, Bundle, Fault, Reply, limited, token_record};

const REFUSED: &str = r#"{"message":"Too Many Attempts.","error":"Too Many Attempts."}"#;

/// The logs of calls in the access table.
async fn logs(bundle: &Bundle) -> Vec<HashMap<String, AttributeValue>> {
    let items = bundle.dynamodb().scan().table_name("AccessTable").send().await.unwrap().items.unwrap_or_default();
    items.into_iter().filter(|item| item["key"].as_s().unwrap().starts_with("calls#")).collect()
}

/// Makes every logged call older, by tenths of a second.
async fn pass(bundle: &Bundle, tenths: i64) {
    for mut log in logs(bundle).await {
        let calls =
            log["calls"].as_l().unwrap().iter().map(|call| call.as_n().unwrap().parse::<i64>().unwrap() - tenths);
        let calls = calls.map(|call| AttributeValue::N(call.to_string())).collect();
        log.insert("calls".into(), AttributeValue::L(calls));
        bundle.dynamodb().put_item().table_name("AccessTable").set_item(Some(log)).send().await.unwrap();
    }
}

/// What a caller is told of its quota: limit, what is left, how long to wait.
fn standing(reply: &Reply) -> (u64, u64, Option<u64>) {
    let number = |name| reply.headers.get(name).map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
    (number("x-ratelimit-limit").unwrap(), number("x-ratelimit-remaining").unwrap(), number("retry-after"))
}

async fn list(bundle: &Bundle) -> Reply {
    bundle.call("list-tags", json!({})).await
}

/// In the template's own default.
#[tokio::test]
async fn the_121st_call_in_a_minute() {
    let bundle = Bundle::limited(120).await;
    for left in (0..120).rev() {
        let reply = list(&bundle).await;
        assert_eq!((reply.status, standing(&reply)), (200, (120, left, None)));
    }
    let refused = list(&bundle).await;
    let (limit, left, wait) = standing(refused.is(429, REFUSED));
    assert_eq!((limit, left), (120, 0));
    assert!((1..=61).contains(&wait.unwrap()), "{wait:?}");
    // Another token is not affected, be it the same tenant's.
    for token in ["acme-token", "fiq_demo"] {
        assert_eq!(standing(&bundle.call_as(token, "list-tags", json!({})).await), (120, 119, None));
    }
}

/// Whichever process a call comes to, and whatever minute of the clock it is.
#[tokio::test]
async fn processes_agree() {
    let bundle = Bundle::limited(20).await;
    let body = |n: usize| json!({ "phone": format!("+1415555{n:04}") });
    let calls = |from: usize| {
        let bundle = &bundle;
        join_all((from..from + 15).map(|n| async move {
            match n % 3 {
                0 => bundle.call("create-contact", body(n)).await,
                1 => bundle.call("search-contacts", json!({})).await,
                _ => bundle.call("list-tags", json!({})).await,
            }
        }))
    };
    let statuses = |replies: Vec<Reply>| replies.iter().filter(|reply| reply.status == 429).count();
    assert_eq!(statuses(calls(0).await), 0);
    // A while later there is room for five, and when those fifteen are over a minute old, for as many
    // again.
    pass(&bundle, 200).await;
    assert_eq!(statuses(calls(100).await), 10);
    pass(&bundle, 200).await;
    assert_eq!(statuses(calls(200).await), 15);
    pass(&bundle, 201).await;
    assert_eq!(statuses(calls(300).await), 0);
    assert_eq!(statuses(calls(400).await), 15);
    assert!(bundle.processes("create-contact") > 1 && bundle.processes("list-tags") > 1);
}

#[tokio::test]
async fn after_waiting_as_told_a_call_passes() {
    let bundle = Bundle::limited(2).await;
    list(&bundle).await;
    list(&bundle).await;
    pass(&bundle, 550).await;
    let (_, _, wait) = standing(list(&bundle).await.is(429, REFUSED));
    assert!((1..=6).contains(&wait.unwrap()), "{wait:?}");
    tokio::time::sleep(std::time::Duration::from_secs(wait.unwrap())).await;
    assert_eq!(list(&bundle).await.status, 200);
}

#[tokio::test]
async fn a_call_turned_away_has_no_other_effect() {
    let bundle = Bundle::limited(4).await;
    let jane = json!({ "phone": "+14155550123", "name": "Jane", "tags": "vip" });
    let id = bundle.call("create-contact", jane).await.id();
    for _ in 0..3 {
        bundle.call("search-contacts", json!({})).await;
    }
    let before = logs(&bundle).await;
    let refusals: [(&str, Value); 9] = [
        ("create-contact", json!({ "phone": "+14155550123", "name": "Janet" })),
        ("create-contact", json!({ "phone": "+14155550999" })),
        ("update-contact", json!({ "contact_id": id, "name": "Janet" })),
        ("add-tag", json!({ "contact_id": id, "tag": "new" })),
        ("remove-tag", json!({ "contact_id": id, "tag": "vip" })),
        ("get-contact", json!({ "contact_id": id })),
        ("search-contacts", json!({})),
        ("list-tags", json!({})),
        // Nor is the body looked at.
        ("create-contact", json!("no object")),
    ];
    for (action, body) in refusals {
        bundle.call(action, body).await.is(429, REFUSED);
    }
    assert_eq!(logs(&bundle).await, before);
    pass(&bundle, 700).await;
    let found = bundle.call("search-contacts", json!({})).await;
    assert_eq!((found.each("name"), &found.json()[0]["tags"]), (vec!["Jane".to_owned()], &json!(["vip"])));
    assert_eq!(bundle.call("list-tags", json!({})).await.each("name"), ["vip"]);
}

#[tokio::test]
async fn every_endpoint_counts() {
    let bundle = Bundle::limited(9).await;
    let mut left = 9;
    for action in ACTIONS {
        left -= 1;
        let reply = bundle.call(action, json!({ "phone": "+14155550123", "tag": "vip" })).await;
        assert_eq!(standing(&reply), (9, left, None), "{action}");
    }
    assert_eq!(standing(&bundle.me("demo-token").await), (9, 1, None));
    // Errors count and say so too; who is not known has no quota.
    let reply = bundle.call_raw("get-contact", "nonsense").await;
    assert_eq!((reply.status, standing(&reply)), (422, (9, 0, None)));
    bundle.me("demo-token").await.is(429, REFUSED);
    assert!(!bundle.me("wrong").await.headers.contains_key("x-ratelimit-limit"));

    // A user without a tenant is counted before being told.
    let orphan = bundle.call_as("orphan-token", "list-tags", json!({})).await;
    assert_eq!((orphan.status, standing(&orphan)), (422, (9, 8, None)));
    for left in (0..9).rev() {
        let reply = if left % 2 == 0 { bundle.find("phone_number=1").await } else { bundle.post(json!({})).await };
        assert_eq!(standing(&reply), (9, left, None));
    }
    bundle.find("phone_number=1").await.is(429, REFUSED);
    bundle.post(json!({ "phone_number": "+14155550999" })).await.is(429, REFUSED);
}

#[tokio::test]
async fn a_token_may_have_a_quota_of_its_own() {
    let bundle = Bundle::limited(1).await;
    for (token, rate_limit) in [("more", Some(3)), ("none", Some(0)), ("usual", None)] {
        let record =
            contacts::access::TokenRecord { rate_limit, ..token_record(Some(TenantRecord::new(token, token)), None) };
        bundle.access.issue(token, &record).await.unwrap();
    }
    let mut statuses: HashMap<&str, Vec<u16>> = HashMap::new();
    for token in ["more", "none", "usual"] {
        for _ in 0..4 {
            let reply = bundle.call_as(token, "list-tags", json!({})).await;
            assert_eq!(reply.headers.contains_key("x-ratelimit-limit"), token != "none");
            statuses.entry(token).or_default().push(reply.status);
        }
    }
    assert_eq!(statuses["more"], [200, 200, 200, 429]);
    assert_eq!(statuses["none"], [200, 200, 200, 200]);
    assert_eq!(statuses["usual"], [200, 429, 429, 429]);
}

/// Exactly one request, whether the log has room or its oldest call makes some.
#[tokio::test]
async fn counting_is_one_request() {
    let (bundle, tap, _engine) = Bundle::tapped_with(limited(5)).await;
    let create = |n: usize| bundle.call("create-contact", json!({ "phone": format!("+1415555{n:04}") }));
    create(0).await;
    tap.forget();
    for n in 1..10 {
        if n == 5 {
            pass(&bundle, 700).await;
            tap.forget();
        }
        assert_eq!(create(n).await.status, 201);
        let seen = tap.take();
        assert_eq!(
            seen.iter().map(|seen| seen.operation.as_str()).collect::<Vec<_>>(),
            ["UpdateItem", "PutItem"],
            "{n}"
        );
        assert_eq!(seen[0].units, 1.0);
    }
    create(11).await.is(429, REFUSED);
    assert_eq!(tap.take().iter().map(|seen| seen.operation.as_str()).collect::<Vec<_>>(), ["UpdateItem"]);
}

/// A log of the default size costs one write unit.
#[tokio::test]
async fn counting_is_one_unit() {
    let (bundle, tap, _engine) = Bundle::tapped_with(limited(120)).await;
    for _ in 0..120 {
        list(&bundle).await;
    }
    pass(&bundle, 700).await;
    tap.forget();
    for _ in 0..3 {
        assert_eq!(list(&bundle).await.status, 200);
    }
    let seen = tap.take();
    let units: Vec<f64> = seen.iter().filter(|seen| seen.operation == "UpdateItem").map(|seen| seen.units).collect();
    assert_eq!(units, [1.0, 1.0, 1.0]);
}

/// Reads do not wait for their call to be counted; their answer does, and not for long.
#[tokio::test]
async fn reads_are_counted_meanwhile() {
    let (bundle, tap, _engine) = Bundle::tapped_with(limited(100)).await;
    bundle.call("create-contact", json!({ "phone": "+14155550123" })).await;
    let reads = ["get-contact", "search-contacts", "list-tags", "GET /contact?tenantId=demo&phone_number=14155550123"];
    let body = r#"{"phone":"+14155550123"}"#;
    for read in reads {
        bundle.ask(read, body).await;
    }
    tap.forget();
    tap.plan(|operation| if operation == "UpdateItem" { Fault::Hangs } else { Fault::None });
    for read in reads {
        // Who can't be counted in a second goes uncounted.
        let reply = bundle.ask(read, body).await;
        assert_eq!((reply.status, reply.headers.contains_key("x-ratelimit-limit")), (200, false), "{read}");
        assert_eq!(tap.take().len(), 1, "{read} did not read meanwhile");
    }
}

/// A read that is turned away is told so before it has read, however long that takes.
#[tokio::test]
async fn a_read_turned_away_is_told_at_once() {
    let (bundle, tap, _engine) = Bundle::tapped_with(limited(1)).await;
    assert_eq!(bundle.call("search-contacts", json!({})).await.status, 200);
    tap.plan(|operation| if operation == "Query" { Fault::Hangs } else { Fault::None });
    bundle.call("search-contacts", json!({})).await.is(429, REFUSED);
}

/// A counter out of order is no reason to turn anybody away.
#[tokio::test]
async fn when_calls_cannot_be_counted() {
    let (bundle, tap, _engine) = Bundle::tapped_with(limited(1)).await;
    tap.plan(|operation| if operation == "UpdateItem" { Fault::Throttled } else { Fault::None });
    for n in 0..3 {
        let reply = bundle.call("create-contact", json!({ "phone": format!("+1415555012{n}") })).await;
        assert_eq!(reply.status, 201);
        assert!(!reply.headers.contains_key("x-ratelimit-limit"));
    }
    let log = bundle.stop().await;
    assert_eq!(log.lines().filter(|line| line.contains("the call was not counted")).count(), 3, "{log}");
}

/// DynamoDB removes the log of a token that has been idle.
#[tokio::test]
async fn a_log_that_is_gone_is_begun_again() {
    let bundle = Bundle::limited(2).await;
    for _ in 0..2 {
        list(&bundle).await;
    }
    for log in logs(&bundle).await {
        let expires_at: i64 = log["expires_at"].as_n().unwrap().parse().unwrap();
        let now = contacts::model::Timestamp::now().as_second();
        assert!((now + 100..now + 130).contains(&expires_at), "{expires_at}");
        bundle.dynamodb().delete_item().table_name("AccessTable").key("key", log["key"].clone()).send().await.unwrap();
    }
    assert_eq!(standing(&list(&bundle).await), (2, 1, None));
}
