//! The calls that the rate limit counts by day: what is counted, that it costs nothing, and that nothing of it is kept
//! for longer than it is shown.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use contacts::access::{LAST_USE_DAYS, ListedToken, NewToken, TenantUpdate, TokenUsage, USAGE_DAYS};
use contacts::model::{Patch, Timestamp};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Bundle, new_token, with_rate_limit};

type Item = HashMap<String, AttributeValue>;

/// Days since 2026-01-01, by which a record's attributes are named.
fn today() -> i64 {
    (Timestamp::now().as_second() - 1_767_225_600) / 86_400
}

/// Waits until a test that begins now ends on the same UTC day.
async fn not_before_midnight() {
    let left = 86_400 - Timestamp::now().as_second().rem_euclid(86_400);
    if left < 30 {
        tokio::time::sleep(std::time::Duration::from_secs(left.unsigned_abs())).await;
    }
}

fn number(n: impl ToString) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

async fn listed(bundle: &Bundle, token: &str) -> ListedToken {
    bundle.access.find(token).await.unwrap().unwrap()
}

async fn usage(bundle: &Bundle, token: &str) -> TokenUsage {
    bundle.access.token_usage(&[listed(bundle, token).await]).await.unwrap().remove(0)
}

/// The key of the record of a token's calls.
async fn key(bundle: &Bundle, token: &str) -> AttributeValue {
    AttributeValue::S(format!("calls#{}", listed(bundle, token).await.id()))
}

async fn record(bundle: &Bundle, token: &str) -> Item {
    let get = bundle.dynamodb().get_item().table_name("AccessTable").key("key", key(bundle, token).await);
    get.send().await.unwrap().item.unwrap()
}

/// Stores a record of calls that were all made at this time, in tenths of a second since 2026-01-01, with these counts.
async fn store(bundle: &Bundle, token: &str, calls: usize, at: i64, days: impl IntoIterator<Item = (i64, u64)>) {
    let mut item: Item = days.into_iter().map(|(day, calls)| (day.to_string(), number(calls))).collect();
    item.insert("key".into(), key(bundle, token).await);
    item.insert("calls".into(), AttributeValue::L(vec![number(at); calls]));
    item.insert("expires_at".into(), number(Timestamp::now().as_second() + 86_400));
    bundle.dynamodb().put_item().table_name("AccessTable").set_item(Some(item)).send().await.unwrap();
}

/// The names of a record's attributes that are days.
fn days(record: &Item) -> Vec<i64> {
    let mut days: Vec<i64> = record.keys().filter_map(|name| name.parse().ok()).collect();
    days.sort_unstable();
    days
}

#[tokio::test]
async fn accepted_calls_are_counted_by_token_and_day_and_others_are_not() {
    not_before_midnight().await;
    let bundle = Bundle::with_rate_limit(4).await;
    let before = Timestamp::now();
    let tenant = bundle.tenant("demo-token").await.id();
    bundle.access.issue("unlimited", NewToken { rate_limit: Some(0), ..new_token(Some(tenant)) }).await.unwrap();
    for n in 0..6 {
        let status = bundle.call("list-tags", json!({})).await.status;
        assert_eq!(status, if n < 4 { 200 } else { 429 });
    }
    // A call that fails is a call.
    assert_eq!(bundle.call_as("fiq_demo", "get-contact", json!({ "phone": "+14155550123" })).await.status, 404);
    assert_eq!(bundle.call_as("unlimited", "list-tags", json!({})).await.status, 200);
    let event = bundle.envelope(json!({ "phone": "+14155550123" })).await;
    bundle.invoke("create-contact", event).await;

    let tokens = bundle.access.tokens(tenant).await.unwrap();
    let used = bundle.access.token_usage(&tokens).await.unwrap();
    let counted: BTreeMap<&str, u64> =
        tokens.iter().zip(&used).map(|(token, used)| (token.id(), used.by_day.values().sum())).collect();
    for (token, calls) in [("demo-token", 4), ("fiq_demo", 1), ("unlimited", 0)] {
        assert_eq!(counted[listed(&bundle, token).await.id()], calls, "{token}");
    }
    let used = usage(&bundle, "demo-token").await;
    let midnight = Timestamp::from_second(Timestamp::now().as_second() / 86_400 * 86_400).unwrap();
    assert_eq!(used.by_day.keys().collect::<Vec<_>>(), [&midnight]);
    assert!((before..=Timestamp::now()).contains(&used.last_call.unwrap()), "{used:?}");
    assert_eq!(usage(&bundle, "unlimited").await, TokenUsage::default());
    assert_eq!(TokenUsage::days(USAGE_DAYS).last(), Some(&midnight));
    assert_eq!(TokenUsage::days(3).len(), 3);
}

#[tokio::test]
async fn simultaneous_calls_of_all_processes_are_counted_exactly() {
    not_before_midnight().await;
    let bundle = Bundle::with_rate_limit(500).await;
    for _ in 0..4 {
        let calls = (0..30).map(|n| {
            let action = ["list-tags", "search-contacts", "get-contact"][n % 3];
            bundle.call(action, json!({ "phone": "+14155550123" }))
        });
        join_all(calls).await;
    }
    assert_eq!(usage(&bundle, "demo-token").await.by_day.values().sum::<u64>(), 120);
    assert!(bundle.processes("list-tags") > 1);
}

/// The sizes are the largest that a record can have at its limit.
#[tokio::test]
async fn counting_by_day_never_costs_a_write_unit() {
    not_before_midnight().await;
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(with_rate_limit(120)).await;
    let tenant = bundle.tenant("demo-token").await.id();
    for (token, limit, units) in [("default", 120_usize, 1.0), ("second", 266, 2.0), ("largest", 1_000, 7.0)] {
        let rate_limit = u32::try_from(limit).ok();
        bundle.access.issue(token, NewToken { rate_limit, ..new_token(Some(tenant)) }).await.unwrap();
        // As many calls a day as the limit allows, on each day. The names have four digits, as from 2028-09-27 on.
        let per_day = limit as u64 * 1_440 - 1;
        let kept = (1..USAGE_DAYS).map(|n| (1_000 + n, per_day)).chain([(today(), per_day - 9)]);
        store(&bundle, token, limit, today() * 864_000 - 700, kept).await;
        proxy.clear();
        // The first one replaces the oldest call, as every later one does.
        for _ in 0..3 {
            assert_eq!(bundle.call_as(token, "list-tags", json!({})).await.status, 200);
        }
        let seen = proxy.take_requests();
        let counted: Vec<f64> = seen.iter().filter(|s| s.operation == "UpdateItem").map(|s| s.units).collect();
        // A process does not know at first that the record is full.
        assert_eq!(counted, [units; 4], "{token}");
        assert_eq!(days(&record(&bundle, token).await).len(), 7);
    }
}

#[tokio::test]
async fn counts_of_expired_days_are_not_shown_and_removed_by_the_next_call() {
    not_before_midnight().await;
    let bundle = Bundle::with_rate_limit(10).await;
    let today = today();
    let last_week = today - USAGE_DAYS + 1..=today;
    let all = today - LAST_USE_DAYS - 20..=today;
    store(&bundle, "demo-token", 3, today * 864_000 - 700, all.map(|day| (day, 5))).await;
    let used = usage(&bundle, "demo-token").await;
    assert_eq!(used.by_day.into_values().collect::<Vec<_>>(), [5; 7]);
    assert_eq!(bundle.call("list-tags", json!({})).await.status, 200);
    let stored = record(&bundle, "demo-token").await;
    assert_eq!(days(&stored), last_week.collect::<Vec<_>>());
    let used = usage(&bundle, "demo-token").await;
    assert_eq!(used.by_day.into_values().collect::<Vec<_>>(), [5, 5, 5, 5, 5, 5, 6]);
    // The record outlives the last call by the days for which the last use is shown.
    let end: i64 = stored["expires_at"].as_n().unwrap().parse().unwrap();
    let now = Timestamp::now().as_second();
    assert!((now + LAST_USE_DAYS * 86_400..=now + (LAST_USE_DAYS + 1) * 86_400).contains(&end), "{end}");

    // A process that has cleaned a record does not do so again on the same day.
    store(&bundle, "demo-token", 3, today * 864_000 - 700, [(today - 10, 5)]).await;
    assert_eq!(bundle.call("list-tags", json!({})).await.status, 200);
    assert_eq!(days(&record(&bundle, "demo-token").await), [today - 10, today]);
}

/// The record is the same before and after, so the window is exact over the change.
#[tokio::test]
async fn a_changed_limit_counts_the_calls_before_the_change() {
    not_before_midnight().await;
    let bundle = Bundle::start().await;
    let tenant = bundle.access.create_tenant("limited", "limited".parse().unwrap(), Some(400)).await.unwrap();
    bundle.issue("limited", Some(tenant.id)).await;
    let limit_to = async |limit| {
        let update = TenantUpdate { name: None, slug: None, rate_limit: Patch::Set(limit) };
        bundle.access.update_tenant(tenant.id, &update).await.unwrap();
    };
    let now = || (Timestamp::now().as_second() - 1_767_225_600) * 10;
    // Of 400 calls, the last 5 are in the window. Each function has a process of its own, which has not cached the tenant.
    store(&bundle, "limited", 395, now() - 700, []).await;
    let mut item = record(&bundle, "limited").await;
    let AttributeValue::L(calls) = item.get_mut("calls").unwrap() else { panic!("a list") };
    calls.extend(vec![number(now() - 100); 5]);
    bundle.dynamodb().put_item().table_name("AccessTable").set_item(Some(item)).send().await.unwrap();
    limit_to(8).await;
    let recorded = async || record(&bundle, "limited").await["calls"].as_l().unwrap().len();
    let left = async |action: &str| {
        let reply = bundle.call_as("limited", action, json!({ "phone": "+14155550123" })).await;
        let header = |name: &str| reply.headers[name].to_str().unwrap().parse::<u64>().unwrap();
        (reply.status, header("x-ratelimit-limit"), header("x-ratelimit-remaining"))
    };
    assert_eq!(left("list-tags").await, (200, 8, 2));
    // One request removes at most 200 calls.
    assert_eq!(recorded().await, 400 + 1 - 200);
    assert_eq!(left("list-tags").await, (200, 8, 1));
    assert_eq!(recorded().await, 8);
    assert_eq!(left("list-tags").await, (200, 8, 0));
    assert_eq!(left("list-tags").await, (429, 8, 0));
    limit_to(10).await;
    assert_eq!(left("search-contacts").await, (200, 10, 1));
    assert_eq!(left("search-contacts").await, (200, 10, 0));
    assert_eq!(left("search-contacts").await, (429, 10, 0));
    // A process with the old limit refuses too, and loses no call of the window.
    assert_eq!(left("list-tags").await, (429, 8, 0));
    assert_eq!((recorded().await, usage(&bundle, "limited").await.by_day.values().sum::<u64>()), (10, 5));
}
