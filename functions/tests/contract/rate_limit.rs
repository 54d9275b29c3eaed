//! The contract's rate limit: a sliding window of 60 seconds per token, its headers, 429, and its cost.
//!
//! Tests do not wait for the window: they make the recorded calls older, in the access table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use contacts::access::{self, NewToken};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Bundle, Fault, Reply, actions, new_token, with_rate_limit};

const TOO_MANY: &str = r#"{"message":"Too Many Attempts.","error":"Too Many Attempts."}"#;

/// The items of the access table that record the calls of a token.
async fn call_items(bundle: &Bundle) -> Vec<HashMap<String, AttributeValue>> {
    let items = bundle.dynamodb().scan().table_name("AccessTable").send().await.unwrap().items.unwrap_or_default();
    items.into_iter().filter(|item| item["key"].as_s().unwrap().starts_with("calls#")).collect()
}

/// Makes every recorded call older, by tenths of a second.
async fn age_calls(bundle: &Bundle, tenths: i64) {
    for mut log in call_items(bundle).await {
        let calls =
            log["calls"].as_l().unwrap().iter().map(|call| call.as_n().unwrap().parse::<i64>().unwrap() - tenths);
        let calls = calls.map(|call| AttributeValue::N(call.to_string())).collect();
        log.insert("calls".into(), AttributeValue::L(calls));
        bundle.dynamodb().put_item().table_name("AccessTable").set_item(Some(log)).send().await.unwrap();
    }
}

/// The rate-limit headers of an answer: the limit, the remaining calls, and `Retry-After` in seconds.
fn rate_limit_headers(reply: &Reply) -> (u64, u64, Option<u64>) {
    let number = |name| reply.headers.get(name).map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
    (number("x-ratelimit-limit").unwrap(), number("x-ratelimit-remaining").unwrap(), number("retry-after"))
}

async fn list_tags(bundle: &Bundle) -> Reply {
    bundle.call("list-tags", json!({})).await
}

/// 120 is the default of the template.
#[tokio::test]
async fn the_121st_call_in_a_minute_gets_429() {
    let bundle = Bundle::with_rate_limit(120).await;
    for left in (0..120).rev() {
        let reply = list_tags(&bundle).await;
        assert_eq!((reply.status, rate_limit_headers(&reply)), (200, (120, left, None)));
    }
    let refused = list_tags(&bundle).await;
    let (limit, left, wait) = rate_limit_headers(refused.is(429, TOO_MANY));
    assert_eq!((limit, left), (120, 0));
    assert!((1..=60).contains(&wait.unwrap()), "{wait:?}");
    // Other tokens are not affected, not even those of the same tenant.
    for token in ["acme-token", "fiq_demo"] {
        assert_eq!(rate_limit_headers(&bundle.call_as(token, "list-tags", json!({})).await), (120, 119, None));
    }
}

#[tokio::test]
async fn all_processes_share_one_sliding_window() {
    let bundle = Bundle::with_rate_limit(20).await;
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
    let rejected = |replies: Vec<Reply>| replies.iter().filter(|reply| reply.status == 429).count();
    assert_eq!(rejected(calls(0).await), 0);
    // 20 seconds later five more calls are allowed. When the first fifteen are over a minute old, fifteen more are.
    age_calls(&bundle, 200).await;
    assert_eq!(rejected(calls(100).await), 10);
    age_calls(&bundle, 200).await;
    assert_eq!(rejected(calls(200).await), 15);
    age_calls(&bundle, 201).await;
    assert_eq!(rejected(calls(300).await), 0);
    assert_eq!(rejected(calls(400).await), 15);
    assert!(bundle.processes("create-contact") > 1 && bundle.processes("list-tags") > 1);
}

#[tokio::test]
async fn a_call_after_retry_after_seconds_is_allowed() {
    let bundle = Bundle::with_rate_limit(2).await;
    list_tags(&bundle).await;
    list_tags(&bundle).await;
    age_calls(&bundle, 550).await;
    let (_, _, wait) = rate_limit_headers(list_tags(&bundle).await.is(429, TOO_MANY));
    assert!((1..=6).contains(&wait.unwrap()), "{wait:?}");
    tokio::time::sleep(std::time::Duration::from_secs(wait.unwrap())).await;
    assert_eq!(list_tags(&bundle).await.status, 200);
}

#[tokio::test]
async fn a_rejected_call_has_no_effect() {
    let bundle = Bundle::with_rate_limit(4).await;
    let jane = json!({ "phone": "+14155550123", "name": "Jane", "tags": "vip" });
    let id = bundle.call("create-contact", jane).await.id();
    for _ in 0..3 {
        bundle.call("search-contacts", json!({})).await;
    }
    let before = call_items(&bundle).await;
    let rejections: [(&str, Value); 10] = [
        ("create-contact", json!({ "phone": "+14155550123", "name": "Janet" })),
        ("create-contact", json!({ "phone": "+14155550999" })),
        ("update-contact", json!({ "contact_id": id, "name": "Janet" })),
        ("add-tag", json!({ "contact_id": id, "tag": "new" })),
        ("remove-tag", json!({ "contact_id": id, "tag": "vip" })),
        ("delete-contact", json!({ "contact_id": id })),
        ("get-contact", json!({ "contact_id": id })),
        ("search-contacts", json!({})),
        ("list-tags", json!({})),
        // The limit is checked before the body.
        ("create-contact", json!("no object")),
    ];
    for (action, body) in rejections {
        bundle.call(action, body).await.is(429, TOO_MANY);
    }
    assert_eq!(call_items(&bundle).await, before);
    age_calls(&bundle, 700).await;
    let found = bundle.call("search-contacts", json!({})).await;
    assert_eq!((found.each("name"), &found.json()[0]["tags"]), (vec!["Jane".to_owned()], &json!(["vip"])));
    assert_eq!(bundle.call("list-tags", json!({})).await.each("name"), ["vip"]);
}

#[tokio::test]
async fn every_endpoint_counts() {
    // Every action once, `me`, and one more call.
    let limit = actions().len() as u64 + 2;
    let bundle = Bundle::with_rate_limit(u32::try_from(limit).unwrap()).await;
    let mut left = limit;
    for action in actions() {
        left -= 1;
        let reply = bundle.call(action, json!({ "phone": "+14155550123", "tag": "vip" })).await;
        assert_eq!(rate_limit_headers(&reply), (limit, left, None), "{action}");
    }
    assert_eq!(rate_limit_headers(&bundle.me("demo-token").await), (limit, 1, None));
    // Errors count and have the headers too; calls without a valid token are not counted.
    let reply = bundle.call_raw("get-contact", "nonsense").await;
    assert_eq!((reply.status, rate_limit_headers(&reply)), (422, (limit, 0, None)));
    bundle.me("demo-token").await.is(429, TOO_MANY);
    assert!(!bundle.me("wrong").await.headers.contains_key("x-ratelimit-limit"));

    // A call of a user without a tenant is counted before it is rejected.
    let orphan = bundle.call_as("orphan-token", "list-tags", json!({})).await;
    assert_eq!((orphan.status, rate_limit_headers(&orphan)), (422, (limit, limit - 1, None)));
    for left in (0..limit).rev() {
        let reply = if left % 2 == 0 {
            bundle.flowiq_get("phone_number=1").await
        } else {
            bundle.flowiq_create(json!({})).await
        };
        assert_eq!(rate_limit_headers(&reply), (limit, left, None));
    }
    bundle.flowiq_get("phone_number=1").await.is(429, TOO_MANY);
    bundle.flowiq_create(json!({ "phone_number": "+14155550999" })).await.is(429, TOO_MANY);
}

#[tokio::test]
async fn a_token_can_have_a_limit_of_its_own() {
    let bundle = Bundle::with_rate_limit(1).await;
    let tenant = Some(bundle.create_tenant("tenant").await);
    for (token, rate_limit) in [("more", Some(3)), ("none", Some(0)), ("usual", None)] {
        bundle.access.issue(token, NewToken { rate_limit, ..new_token(tenant) }).await.unwrap();
    }
    let too_high = NewToken { rate_limit: Some(1_001), ..new_token(None) };
    let refused = bundle.access.issue("too-high", too_high).await;
    assert!(matches!(refused, Err(access::Error::RateLimitTooHigh)), "{refused:?}");
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

#[tokio::test]
async fn a_tenant_can_have_a_limit_for_its_tokens() {
    let bundle = Bundle::with_rate_limit(4).await;
    let tenant = bundle.access.create_tenant("Limited", "limited".parse().unwrap(), Some(2)).await.unwrap();
    for (token, rate_limit) in [("own", Some(3)), ("tenants", None)] {
        bundle.access.issue(token, NewToken { rate_limit, ..new_token(Some(tenant.id)) }).await.unwrap();
    }
    for (token, limit) in [("own", 3), ("tenants", 2), ("demo-token", 4)] {
        let reply = bundle.call_as(token, "list-tags", json!({})).await;
        assert_eq!((reply.status, rate_limit_headers(&reply)), (200, (limit, limit - 1, None)), "{token}");
    }
    let too_high = bundle.access.create_tenant("High", "high".parse().unwrap(), Some(1_001)).await;
    assert!(matches!(too_high, Err(access::Error::RateLimitTooHigh)), "{too_high:?}");
    assert!(bundle.access.find_tenant(&"high".parse().unwrap()).await.unwrap().is_none());
}

/// Whether the window has free slots or its oldest call has expired.
#[tokio::test]
async fn counting_a_call_takes_one_request() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(with_rate_limit(5)).await;
    let create = |n: usize| bundle.call("create-contact", json!({ "phone": format!("+1415555{n:04}") }));
    create(0).await;
    proxy.clear();
    for n in 1..10 {
        if n == 5 {
            age_calls(&bundle, 700).await;
            proxy.clear();
        }
        assert_eq!(create(n).await.status, 201);
        let mut seen = proxy.take_requests();
        assert_eq!(seen.last().unwrap().operation, "PutItem", "{n}: only the read is concurrent with the check");
        seen.sort_by(|a, b| a.operation.cmp(&b.operation));
        let operations: Vec<&str> = seen.iter().map(|seen| seen.operation.as_str()).collect();
        assert_eq!(operations, ["GetItem", "PutItem", "UpdateItem"], "{n}");
        assert_eq!(seen[2].units, 1.0);
    }
    create(11).await.is(429, TOO_MANY);
    // The read may have been sent before the check rejected the call; nothing was written.
    let mut seen = proxy.take_requests();
    seen.retain(|seen| seen.operation != "GetItem");
    let seen: Vec<(&str, f64)> = seen.iter().map(|seen| (seen.operation.as_str(), seen.units)).collect();
    assert_eq!(seen, [("UpdateItem", 1.0)], "a refused write is billed");
}

#[tokio::test]
async fn counting_a_call_costs_one_write_unit_at_the_default_limit() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(with_rate_limit(120)).await;
    for _ in 0..120 {
        list_tags(&bundle).await;
    }
    age_calls(&bundle, 700).await;
    proxy.clear();
    for _ in 0..3 {
        assert_eq!(list_tags(&bundle).await.status, 200);
    }
    let seen = proxy.take_requests();
    let units: Vec<f64> = seen.iter().filter(|seen| seen.operation == "UpdateItem").map(|seen| seen.units).collect();
    assert_eq!(units, [1.0, 1.0, 1.0]);
}

/// The answer waits for the count for a second at most.
#[tokio::test]
async fn reads_run_concurrently_with_the_rate_limit_check() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(with_rate_limit(100)).await;
    bundle.call("create-contact", json!({ "phone": "+14155550123" })).await;
    let reads = ["get-contact", "search-contacts", "list-tags", "GET /contact?tenantId=demo&phone_number=14155550123"];
    let body = r#"{"phone":"+14155550123"}"#;
    for read in reads {
        bundle.ask(read, body).await;
    }
    proxy.clear();
    proxy.inject(|operation| if operation == "UpdateItem" { Fault::HeldRequest } else { Fault::None });
    for read in reads {
        // After a second the call is answered without having been counted.
        let reply = bundle.ask(read, body).await;
        assert_eq!((reply.status, reply.headers.contains_key("x-ratelimit-limit")), (200, false), "{read}");
        assert_eq!(proxy.take_requests().len(), 1, "{read} waited for the rate-limit check");
    }
}

/// The read is still running when the check rejects the call.
#[tokio::test]
async fn a_rejected_read_is_cancelled() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(with_rate_limit(1)).await;
    assert_eq!(bundle.call("search-contacts", json!({})).await.status, 200);
    proxy.inject(|operation| if operation == "Query" { Fault::HeldRequest } else { Fault::None });
    bundle.call("search-contacts", json!({})).await.is(429, TOO_MANY);
}

#[tokio::test]
async fn calls_that_cannot_be_counted_are_allowed() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(with_rate_limit(1)).await;
    proxy.inject(|operation| if operation == "UpdateItem" { Fault::Throttled } else { Fault::None });
    for n in 0..3 {
        let reply = bundle.call("create-contact", json!({ "phone": format!("+1415555012{n}") })).await;
        assert_eq!(reply.status, 201);
        assert!(!reply.headers.contains_key("x-ratelimit-limit"));
    }
    let log = bundle.stop().await;
    assert_eq!(log.lines().filter(|line| line.contains("the call was not counted")).count(), 3, "{log}");
}

/// DynamoDB deletes the recorded calls of an idle token by TTL.
#[tokio::test]
async fn counting_restarts_after_the_calls_have_expired() {
    let bundle = Bundle::with_rate_limit(2).await;
    for _ in 0..2 {
        list_tags(&bundle).await;
    }
    for log in call_items(&bundle).await {
        let expires_at: i64 = log["expires_at"].as_n().unwrap().parse().unwrap();
        let now = contacts::model::Timestamp::now().as_second();
        // The record also holds when the token was last used.
        assert!((now + 90 * 86_400..=now + 91 * 86_400).contains(&expires_at), "{expires_at}");
        bundle.dynamodb().delete_item().table_name("AccessTable").key("key", log["key"].clone()).send().await.unwrap();
    }
    assert_eq!(rate_limit_headers(&list_tags(&bundle).await), (2, 1, None));
}
