//! What a page of a list costs, and a search that runs out of time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Bundle, Fault, FaultProxy, Reply};

/// Calls an action, and returns its answer with the operations and the read units that it took.
async fn counted(bundle: &Bundle, proxy: &FaultProxy, action: &str, body: Value) -> (Reply, Vec<String>, f64) {
    proxy.clear();
    let reply = bundle.call(action, body).await;
    let mut seen = proxy.take_requests();
    seen.sort_by(|a, b| a.operation.cmp(&b.operation));
    let units = seen.iter().map(|request| request.units).sum();
    (reply, seen.into_iter().map(|request| request.operation).collect(), units)
}

fn cursor(reply: &Reply) -> Value {
    json!(reply.headers["x-next-cursor"].to_str().unwrap())
}

/// A later page reads nothing in front of it, except by email address and by number, whose contacts are few.
#[tokio::test]
async fn every_page_of_a_list_costs_the_same() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let tenant = bundle.tenant("demo-token").await;
    for n in 0..60 {
        let phone = format!("+1415555{n:04}");
        let change = |contact: &mut contacts::model::Contact| {
            contact.name = "Maria Aparecida dos Santos".parse().ok();
            contact.email = "maria.santos@example.com".parse().ok();
            contact.tags = format!("vip, t{}", n % 20).parse().unwrap();
        };
        bundle.put(&tenant, &phone, change).await;
    }
    for action in ["search-contacts", "list-tags"] {
        bundle.call(action, json!({ "limit": 0 })).await;
    }
    for (action, filters, operations, most_units) in [
        ("search-contacts", json!({}), &["Query"][..], 1.0),
        ("search-contacts", json!({ "tag": "vip" }), &["Query"], 1.0),
        // The first page of a filtered walk examines 250 rows, and finds the next page's first contact.
        ("search-contacts", json!({ "query": "santos" }), &["Query"], 4.0),
        ("search-contacts", json!({ "email": "maria.santos@example.com" }), &["BatchGetItem", "Query"], 32.0),
        ("search-contacts", json!({ "query": "+1415555" }), &["BatchGetItem", "GetItem", "Query", "Query"], 33.0),
        ("list-tags", json!({}), &["Query"], 2.0),
    ] {
        let mut body = filters.clone();
        body["limit"] = json!(7);
        let (first, requests, first_units) = counted(&bundle, &proxy, action, body.clone()).await;
        assert_eq!(first.each("id").len(), 7, "{filters}");
        assert_eq!(requests, operations, "{filters}");
        body["cursor"] = cursor(&first);
        let (second, requests, second_units) = counted(&bundle, &proxy, action, body.clone()).await;
        assert_eq!(second.each("id").len(), 7, "{filters}");
        assert_eq!(requests, operations, "{filters}");
        assert!(first_units <= most_units && second_units <= first_units, "{filters}: {first_units} {second_units}");
        // A cursor of another search is refused before any request.
        body[if action == "list-tags" { "name" } else { "tag" }] = json!("other");
        let (refused, requests, _) = counted(&bundle, &proxy, action, body).await;
        assert_eq!((refused.status, requests.len()), (422, 0), "{filters}");
    }
}

/// A call with `limit` or `cursor` returns what it has found after 20 s, and where to continue. One without them, whose caller need
/// not know cursors, must not look complete: it gets 503.
#[tokio::test]
async fn a_search_that_runs_out_of_time_continues_at_its_cursor() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let mut all = BTreeSet::new();
    for n in 0..20 {
        let body = json!({ "phone": format!("+1415555{n:04}"), "name": if n % 2 == 0 { "Needle" } else { "Straw" } });
        let id = bundle.call("create-contact", body).await.id();
        if n % 2 == 0 {
            all.insert(id);
        }
    }
    // Two processes, with the token in their caches.
    let warm = || bundle.call("search-contacts", json!({ "tag": "none" }));
    let _ = tokio::join!(warm(), warm());
    // The first Query of both calls sees five contacts; all later ones are throttled.
    let queries = Arc::new(AtomicUsize::new(0));
    proxy.inject(move |operation| match operation {
        "Query" if queries.fetch_add(1, Ordering::SeqCst) < 2 => Fault::ShortPage(5),
        "Query" => Fault::Throttled,
        _ => Fault::None,
    });
    let (short, failed) = tokio::join!(
        bundle.call("search-contacts", json!({ "query": "needle", "limit": 50 })),
        bundle.call("search-contacts", json!({ "query": "needle" })),
    );
    proxy.inject(|_| Fault::None);
    failed.is(503, r#"{"message":"Service Unavailable.","error":"Service Unavailable."}"#);
    let found = short.each("id");
    assert!(!found.is_empty() && found.len() <= 5, "{found:?}");
    let body = json!({ "query": "needle", "cursor": cursor(&short) });
    let rest = bundle.call("search-contacts", body).await;
    assert!(!rest.headers.contains_key("x-next-cursor"));
    let both: Vec<String> = found.into_iter().chain(rest.each("id")).collect();
    assert_eq!((both.len(), both.into_iter().collect()), (10, all));
}
