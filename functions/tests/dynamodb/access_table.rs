//! The access table: creating tenants and issuing tokens, concurrently and with lost responses, and the index that
//! lists what belongs to a tenant.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use contacts::access::{Error, NewToken};
use contacts::model::{Slug, TenantId};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Bundle, Fault, FaultProxy, new_token, with_rate_limit};

type Item = HashMap<String, AttributeValue>;

/// The items of the access table whose keys begin with `prefix`.
async fn items(bundle: &Bundle, prefix: &str) -> Vec<Item> {
    let items = bundle.dynamodb().scan().table_name("AccessTable").send().await.unwrap().items.unwrap();
    items.into_iter().filter(|item| key(item).starts_with(prefix)).collect()
}

fn key(item: &Item) -> &str {
    item["key"].as_s().unwrap()
}

/// From now on, the proxy injects these faults into transactions, one after the other.
fn inject_into_transactions(proxy: &FaultProxy, faults: impl IntoIterator<Item = Fault>) {
    let mut faults = faults.into_iter().collect::<Vec<_>>().into_iter();
    proxy.inject(move |operation| match operation {
        "TransactWriteItems" => faults.next().unwrap_or(Fault::None),
        _ => Fault::None,
    });
}

#[tokio::test]
async fn of_simultaneous_creations_with_one_slug_one_succeeds() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    for faults in [vec![], vec![Fault::TransactionConflict; 12], vec![Fault::ThrottledTransaction; 3]] {
        let slug: Slug = format!("slug-{}", faults.len()).parse().unwrap();
        inject_into_transactions(&proxy, faults);
        let created = join_all((0..8).map(|_| bundle.access.create_tenant("New", slug.clone(), None))).await;
        let (winners, losers): (Vec<_>, Vec<_>) = created.into_iter().partition(Result::is_ok);
        assert_eq!((winners.len(), losers.len()), (1, 7));
        assert!(losers.iter().all(|error| matches!(error, Err(Error::SlugTaken))), "{losers:?}");
        let stored = bundle.access.find_tenant(&slug).await.unwrap().unwrap();
        assert_eq!(winners[0].as_ref().unwrap(), &stored);
        let of_slug = |item: &Item| item["slug"].as_s().unwrap() == slug.as_str();
        assert_eq!(items(&bundle, "tenant#").await.into_iter().filter(of_slug).count(), 1);
    }
}

/// The transaction was applied each time, and the response was lost once or twice. In the last case its repetition also
/// conflicts with another transaction, so that a new request meets what the first one has written.
#[tokio::test]
async fn a_creation_whose_response_was_lost_succeeds() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let cases = [
        vec![Fault::LostResponse],
        vec![Fault::LostResponse, Fault::LostResponse],
        vec![Fault::LostResponse, Fault::TransactionConflict],
    ];
    for (n, faults) in cases.into_iter().enumerate() {
        let slug: Slug = format!("slug-{n}").parse().unwrap();
        inject_into_transactions(&proxy, faults.clone());
        let created = bundle.access.create_tenant("New", slug.clone(), None).await;
        let created = created.unwrap_or_else(|error| panic!("{faults:?}: {error}"));
        assert_eq!(bundle.access.find_tenant(&slug).await.unwrap().unwrap(), created);
        let again = bundle.access.create_tenant("New", slug, None).await;
        assert!(matches!(again, Err(Error::SlugTaken)), "{again:?}");
    }
}

#[tokio::test]
async fn tokens_are_issued_for_existing_tenants_and_never_move_to_another() {
    let bundle = Bundle::start().await;
    let demo = bundle.tenant("demo-token").await.id();
    let new = bundle.create_tenant("new-tenant").await;
    let find = async |slug: &str| bundle.access.find_tenant(&slug.parse().unwrap()).await.unwrap();
    assert_eq!(find("new-tenant").await.map(|tenant| tenant.id), Some(new));
    assert!(find("nobody").await.is_none());

    let unknown = TenantId::parse("00000000-0000-4000-8000-000000000000");
    let refused = bundle.access.issue("token-of-nobody", new_token(unknown)).await;
    assert!(matches!(refused, Err(Error::UnknownTenant)), "{refused:?}");
    assert!(bundle.access.find("token-of-nobody").await.unwrap().is_none());

    for other in [Some(new), None] {
        let refused = bundle.access.issue("demo-token", new_token(other)).await;
        assert!(matches!(refused, Err(Error::TokenTaken)), "{refused:?}");
    }
    let renewed = NewToken { label: "renewed".into(), ..new_token(Some(demo)) };
    bundle.access.issue("demo-token", renewed).await.unwrap();
    let record = bundle.access.find("demo-token").await.unwrap().unwrap().record;
    assert_eq!((record.tenant_id, &*record.label, &*record.last_four), (Some(demo), "renewed", "oken"));

    // The user of this token gets a tenant.
    bundle.issue("orphan-token", Some(new)).await;
    assert_eq!(bundle.tenant("orphan-token").await.id(), new);
}

/// Everything but the calls of its tokens, and without the secret namespace.
#[tokio::test]
async fn the_index_lists_what_belongs_to_a_tenant() {
    let bundle = Bundle::with(with_rate_limit(10)).await;
    assert_eq!(bundle.call("list-tags", json!({})).await.status, 200);
    assert_eq!(items(&bundle, "calls#").await.len(), 1);
    let id = bundle.tenant("demo-token").await.id();
    let query = bundle.dynamodb().query().table_name("AccessTable").index_name("tenant");
    let query = query.key_condition_expression("tenant_id = :id");
    let found = query.expression_attribute_values(":id", AttributeValue::S(id.to_string())).send().await.unwrap();
    let found = found.items.unwrap();
    let kinds: Vec<&str> = found.iter().map(|item| key(item).split_once('#').unwrap().0).collect();
    assert_eq!(kinds, ["slug", "tenant", "token", "token"]);

    // Nothing else is left out.
    for row in &found {
        let [stored] = &items(&bundle, key(row)).await[..] else { panic!("one item has the key {}", key(row)) };
        let missing: BTreeSet<&str> =
            stored.keys().filter(|name| !row.contains_key(*name)).map(String::as_str).collect();
        let secret: &[&str] = if key(row).starts_with("tenant#") { &["namespace"] } else { &[] };
        assert_eq!(missing, secret.iter().copied().collect(), "{}", key(row));
    }
}

/// DynamoDB returns at most 1 MB per request.
#[tokio::test]
async fn all_tokens_of_a_tenant_are_listed() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let tenant = bundle.create_tenant("new-tenant").await;
    assert!(bundle.access.tokens(tenant).await.unwrap().is_empty());
    let label = "x".repeat(100_000);
    for n in 0..15 {
        let new = NewToken { label: label.clone(), rate_limit: Some(n), ..new_token(Some(tenant)) };
        bundle.access.issue(&format!("random-{n:04}"), new).await.unwrap();
    }
    proxy.clear();
    let tokens = bundle.access.tokens(tenant).await.unwrap();
    assert_eq!(proxy.take_operations(), ["Query", "Query"]);
    let mut listed: Vec<_> =
        tokens.iter().map(|token| (token.record.rate_limit.unwrap(), token.record.last_four.clone())).collect();
    listed.sort();
    assert_eq!(listed, (0..15).map(|n| (n, format!("{n:04}"))).collect::<Vec<_>>());
    assert!(tokens.iter().all(|token| token.key.starts_with("token#") && token.key.len() == "token#".len() + 64));
}
