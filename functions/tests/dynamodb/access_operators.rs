//! What operators change in the access table: tenants and tokens, at the same time as others and with lost responses.

use std::time::Duration;

use contacts::access::{Error, ListedToken, NewToken, RotateError, Secret, SecretKind, TenantUpdate};
use contacts::model::{Patch, Slug, TenantId, Timestamp};
use futures_util::future::join_all;

use crate::support::{Bundle, Fault, FaultProxy, new_token};

/// An update that changes nothing.
const NOTHING: TenantUpdate = TenantUpdate { name: None, slug: None, rate_limit: Patch::Keep };

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn renamed(text: &str) -> TenantUpdate {
    TenantUpdate { slug: Some(slug(text)), ..NOTHING }
}

/// From now on, the proxy injects these faults into transactions, one after the other.
fn inject_into_transactions(proxy: &FaultProxy, faults: impl IntoIterator<Item = Fault>) {
    let mut faults = faults.into_iter().collect::<Vec<_>>().into_iter();
    proxy.inject(move |operation| match operation {
        "TransactWriteItems" => faults.next().unwrap_or(Fault::None),
        _ => Fault::None,
    });
}

async fn listed(bundle: &Bundle, token: &str) -> ListedToken {
    bundle.access.find(token).await.unwrap().unwrap()
}

#[tokio::test]
async fn all_tenants_are_listed_by_slug_and_without_reading_a_namespace() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let new = bundle.create_tenant("biz").await;
    proxy.clear();
    let tenants = bundle.access.tenants().await.unwrap();
    assert_eq!(tenants.iter().map(|tenant| tenant.slug.as_str()).collect::<Vec<_>>(), ["acme", "biz", "demo"]);
    assert_eq!(tenants[1], bundle.access.tenant_record(new).await.unwrap().unwrap());
    assert_eq!(proxy.take_operations(), ["Scan", "GetItem"]);
}

#[tokio::test]
async fn simultaneous_changes_of_different_fields_are_all_kept() {
    let bundle = Bundle::start().await;
    let id = bundle.create_tenant("first").await;
    let updates = [
        TenantUpdate { name: Some("Name".into()), ..NOTHING },
        TenantUpdate { rate_limit: Patch::Set(7), ..NOTHING },
        renamed("second"),
    ];
    let updated = join_all(updates.iter().map(|update| bundle.access.update_tenant(id, update))).await;
    assert!(updated.iter().all(Result::is_ok), "{updated:?}");
    let stored = bundle.access.tenant_record(id).await.unwrap().unwrap();
    assert_eq!((&*stored.name, stored.slug.as_str(), stored.rate_limit), ("Name", "second", Some(7)));

    // Contacts keep their ids, because the namespace is the same.
    bundle.issue("token-of-first", Some(id)).await;
    let phone = "+14155550123".parse().unwrap();
    let contact = bundle.tenant("token-of-first").await.contact_id(&phone);
    let update = TenantUpdate { rate_limit: Patch::Clear, ..renamed("third") };
    let updated = bundle.access.update_tenant(id, &update).await.unwrap();
    assert_eq!((updated.slug.as_str(), updated.rate_limit), ("third", None));
    assert_eq!(bundle.access.tenant_record(id).await.unwrap(), Some(updated.clone()));
    assert_eq!(bundle.access.update_tenant(id, &NOTHING).await.unwrap(), updated);
    let fresh = bundle.fresh_access();
    assert_eq!(fresh.authenticate("token-of-first").await.unwrap().tenant.unwrap().contact_id(&phone), contact);
}

#[tokio::test]
async fn a_slug_has_one_tenant_whoever_renames_at_the_same_time() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let mut tenants = Vec::new();
    for n in 0..6 {
        tenants.push(bundle.create_tenant(&format!("old-{n}")).await);
    }
    inject_into_transactions(&proxy, vec![Fault::TransactionConflict; 5]);
    let wanted = renamed("wanted");
    let results = join_all(tenants.iter().map(|id| bundle.access.update_tenant(*id, &wanted))).await;
    let won: Vec<usize> = (0..6).filter(|n| results[*n].is_ok()).collect();
    let [winner] = won[..] else { panic!("{results:?}") };
    assert!(results.iter().filter(|result| matches!(result, Err(Error::SlugTaken))).count() == 5, "{results:?}");
    let find = async |text: &str| bundle.access.find_tenant(&slug(text)).await.unwrap().map(|tenant| tenant.id);
    assert_eq!(find("wanted").await, Some(tenants[winner]));
    for (n, id) in tenants.iter().enumerate() {
        assert_eq!(find(&format!("old-{n}")).await, (n != winner).then_some(*id));
    }

    // Of simultaneous renames of one tenant, one is the last; its slug alone stays.
    let updates: Vec<TenantUpdate> = (0..4).map(|n| renamed(&format!("new-{n}"))).collect();
    let id = tenants[winner];
    let results = join_all(updates.iter().map(|update| bundle.access.update_tenant(id, update))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let last = bundle.access.tenant_record(id).await.unwrap().unwrap().slug;
    for n in 0..4 {
        let text = format!("new-{n}");
        assert_eq!(find(&text).await, (text == last.as_str()).then_some(id), "{text}");
    }
}

#[tokio::test]
async fn a_rename_whose_response_was_lost_succeeds_and_a_refused_one_changes_nothing() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let id = bundle.create_tenant("before").await;
    inject_into_transactions(&proxy, [Fault::LostResponse, Fault::TransactionConflict]);
    let update = TenantUpdate { name: Some("After".into()), ..renamed("after") };
    let updated = bundle.access.update_tenant(id, &update).await.unwrap();
    assert_eq!(bundle.access.find_tenant(&slug("after")).await.unwrap(), Some(updated));
    assert!(bundle.access.find_tenant(&slug("before")).await.unwrap().is_none());

    let update = TenantUpdate { name: Some("Refused".into()), ..renamed("demo") };
    let refused = bundle.access.update_tenant(id, &update).await;
    assert!(matches!(refused, Err(Error::SlugTaken)), "{refused:?}");
    assert_eq!(bundle.access.tenant_record(id).await.unwrap().unwrap().name, "After");
    let limit = TenantUpdate { rate_limit: Patch::Set(1_001), ..NOTHING };
    assert!(matches!(bundle.access.update_tenant(id, &limit).await, Err(Error::RateLimitTooHigh)));
    let nobody = TenantId::parse("00000000-0000-4000-8000-000000000000").unwrap();
    for update in [renamed("nobody"), TenantUpdate { rate_limit: Patch::Set(1), ..NOTHING }] {
        assert!(matches!(bundle.access.update_tenant(nobody, &update).await, Err(Error::UnknownTenant)));
    }
    assert!(bundle.access.find_tenant(&slug("nobody")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_rotation_stores_both_tokens_or_nothing() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let tenant = bundle.create_tenant("new").await;
    let day = Duration::from_secs(86_400);
    let now = Timestamp::now().as_second();
    let new = NewToken { rate_limit: Some(9), label: "mine".into(), ..new_token(Some(tenant)) };
    bundle.access.issue("old-token", new).await.unwrap();
    let old = listed(&bundle, "old-token").await;

    // Of simultaneous rotations, one succeeds.
    let secrets: Vec<Secret> = (0..5).map(|_| Secret::generate(SecretKind::Bearer)).collect();
    let results = join_all(secrets.iter().map(|secret| bundle.access.rotate(&old, secret, day, None))).await;
    let won: Vec<usize> = (0..5).filter(|n| results[*n].is_ok()).collect();
    let [winner] = won[..] else { panic!("{results:?}") };
    let changed = |result: &&Result<_, RotateError>| matches!(result, Err(RotateError::Changed));
    assert_eq!(results.iter().filter(changed).count(), 4, "{results:?}");
    assert_eq!(bundle.access.tokens(tenant).await.unwrap().len(), 2);
    let rotated = listed(&bundle, secrets[winner].reveal()).await.record;
    assert_eq!((rotated.rate_limit, &*rotated.label, rotated.expires_at), (Some(9), "mine", None));
    let end = listed(&bundle, "old-token").await.record.expires_at.unwrap();
    assert!((now + 86_400..now + 86_460).contains(&end), "{end}");

    // A lost response, then a conflict with another transaction: the new token is stored already.
    inject_into_transactions(&proxy, [Fault::LostResponse, Fault::TransactionConflict]);
    let (old, secret) = (listed(&bundle, secrets[winner].reveal()).await, Secret::generate(SecretKind::FlowIq));
    let expiry = now + 3 * 86_400;
    let rotation = bundle.access.rotate(&old, &secret, day, Some(Some(expiry))).await.unwrap();
    assert_eq!(rotation.new.record.expires_at, Some(expiry));
    assert_eq!(listed(&bundle, secret.reveal()).await.id(), rotation.new.id());
    assert_eq!(listed(&bundle, secrets[winner].reveal()).await.record.expires_at, Some(rotation.old_expires_at));
}

#[tokio::test]
async fn an_overlap_never_prolongs_a_token_and_an_ended_one_is_not_rotated() {
    let bundle = Bundle::start().await;
    let tenant = bundle.create_tenant("new").await;
    let now = Timestamp::now().as_second();
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let issue = async |token: &str, expires_at| {
        let new = NewToken { expires_at, ..new_token(Some(tenant)) };
        bundle.access.issue(token, new).await.unwrap()
    };
    let rotate = async |old: &ListedToken, overlap, expires_at| {
        bundle.access.rotate(old, &Secret::generate(SecretKind::Bearer), overlap, expires_at).await
    };
    let old = issue("expires-in-an-hour", Some(now + 3_600)).await;
    assert!(matches!(rotate(&old, hours(1), None).await, Err(RotateError::TooShort)));
    assert!(matches!(rotate(&old, hours(2), Some(Some(now + 7_000))).await, Err(RotateError::TooShort)));
    assert_eq!(bundle.access.tokens(tenant).await.unwrap().len(), 1);
    let rotation = rotate(&old, hours(24), Some(None)).await.unwrap();
    assert_eq!((rotation.old_expires_at, rotation.new.record.expires_at), (now + 3_600, None));

    let expired = issue("expired", Some(now)).await;
    assert!(matches!(rotate(&expired, hours(1), Some(None)).await, Err(RotateError::Expired)));
    let revoked = issue("revoked", None).await;
    // The second time changes nothing.
    for _ in 0..2 {
        bundle.access.revoke(&revoked).await.unwrap();
        assert!(bundle.access.find("revoked").await.unwrap().is_none());
    }
    assert!(matches!(rotate(&revoked, hours(1), None).await, Err(RotateError::Revoked)));

    // Without an overlap, the old token ends at once.
    let old = issue("ends-at-once", None).await;
    rotate(&old, hours(0), None).await.unwrap();
    let refused = bundle.fresh_access().authenticate("ends-at-once").await;
    assert!(matches!(refused, Err(Error::Unauthenticated)), "{refused:?}");
}
