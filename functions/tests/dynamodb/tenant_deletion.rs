//! Deleting a tenant: nothing of it is left and nothing of others is lost, wherever it is interrupted.

use contacts::access::{
    Access, DeletionError, Error, MAX_AGE, QUIET, Secret, SecretKind, TenantDeletion, TenantUpdate,
};
use contacts::model::{Patch, TenantId};
use contacts::store::PAGE;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::stored::layout::{item_to_json, scan};
use crate::support::stored::Item;
use crate::support::{Bundle, Fault, error_of, failed_records, output_of, sqs_record, template, with_rate_limit};

/// Deletes a tenant as the command does, without waiting for calls that are still running.
async fn delete(bundle: &Bundle, access: &Access, tenant: TenantId) -> Result<TenantDeletion, DeletionError> {
    let mut deletion = access.begin_deletion(tenant).await?;
    access.delete_tokens(&mut deletion).await?;
    loop {
        let items = bundle.table.first_items(&deletion.tenant).await?;
        if items.keys.is_empty() {
            break;
        }
        access.note_items(&mut deletion, &items).await?;
        deletion.removed.write_units += bundle.table.delete_items(&deletion.tenant, &items).await?;
    }
    access.end_deletion(&mut deletion).await?;
    Ok(deletion)
}

/// A deletion waits for calls that have begun. The change feed takes longer, and writes nothing.
#[test]
fn no_call_takes_longer_than_a_deletion_waits() {
    let template = std::fs::read_to_string(template()).unwrap();
    let longest_call = (QUIET - MAX_AGE).as_secs();
    let mut checked = 0;
    for resource in template.split("\n\n").filter(|resource| !resource.contains("publish-changes")) {
        let timeouts = resource.lines().filter_map(|line| line.trim_start().strip_prefix("Timeout: "));
        for seconds in timeouts.map(|seconds| seconds.parse::<u64>().unwrap()) {
            let name = resource.trim_start().lines().next().unwrap();
            assert!(
                seconds <= longest_call,
                "{name}: raise LONGEST_CALL in shared/src/access/deletion.rs to {seconds} s"
            );
            checked += 1;
        }
    }
    assert!(checked >= 2, "{checked}");
}

/// All items of both tables as text.
async fn dump(bundle: &Bundle) -> Vec<String> {
    let [mut items, contacts] =
        [scan(bundle.dynamodb(), "AccessTable").await, scan(bundle.dynamodb(), "ContactsTable").await];
    items.extend(contacts);
    let mut texts: Vec<String> = items.iter().map(|item| json!(item_to_json(item)).to_string()).collect();
    texts.sort();
    texts
}

/// Contacts with tags, an applied message, and a counted call of each token.
async fn fill(bundle: &Bundle, slug: &str, tenant: TenantId) {
    let token = format!("{slug}-token");
    let create = |n: usize| {
        let body = json!({ "phone": format!("+1415555{n:04}"), "name": "Jane Smith", "tags": "vip, new" });
        bundle.call_as(&token, "create-contact", body)
    };
    for created in join_all((0..20).map(create)).await {
        assert_eq!(created.status, 201);
    }
    let message =
        json!({ "phone": "+14155550000", "message_id": "m", "direction": "in", "occurred_at": "2026-06-01T00:00:00Z" });
    output_of(&bundle.invoke("record-message", json!({ "tenant_id": tenant, "input": message })).await);
    assert_eq!(
        bundle.call_as(&format!("fiq_{slug}"), "create-contact", json!({ "phone": "+14155550000" })).await.status,
        201
    );
}

#[tokio::test]
async fn nothing_of_a_deleted_tenant_is_left_and_nothing_of_others_is_lost() {
    let bundle = Bundle::with(with_rate_limit(100)).await;
    let [demo, acme] = [bundle.tenant("demo-token").await.id(), bundle.tenant("acme-token").await.id()];
    fill(&bundle, "demo", demo).await;
    fill(&bundle, "acme", acme).await;
    bundle.caught_up().await;
    let mut marks = vec![demo.to_string()];
    marks.extend(bundle.access.tokens(demo).await.unwrap().iter().map(|token| token.id().to_owned()));
    let is_demos = |item: &&String| marks.iter().any(|mark| item.contains(mark));
    let before = dump(&bundle).await;
    // Contacts, memberships, the catalogue, a message; tenant, slug, tokens, call records.
    assert_eq!(before.iter().filter(is_demos).count(), 20 + 40 + 2 + 1 + 1 + 1 + 2 + 2);
    let events_before = bundle.events().len();

    let deletion = delete(&bundle, &bundle.fresh_access(), demo).await.unwrap();
    let removed =
        json!({ "calls": 2, "contact": 20, "event": 1, "slug": 1, "tag": 40, "tagdef": 2, "tenant": 1, "token": 2 });
    assert_eq!(json!(deletion.removed.items), removed);
    // A contact with a name has three index entries, a membership one, and an applied event none.
    assert_eq!(deletion.removed.write_units, f64::from(20 * 3 + 40 * 2 + 2 + 1));
    assert!(deletion.removed.read_units > 0.0);
    let others: Vec<String> = before.into_iter().filter(|item| !is_demos(&item)).collect();
    assert_eq!(dump(&bundle).await, others);

    // These processes have not cached the tenant.
    assert_eq!(bundle.call_as("demo-token", "list-tags", json!({})).await.status, 401);
    assert_eq!(bundle.flowiq_get("phone_number=14155550000").await.status, 401);
    let consent = json!({ "phone": "+14155550000", "consent": "opt_out", "occurred_at": "2026-06-01T00:00:00Z" });
    let event = json!({ "tenant_id": demo, "input": consent });
    assert_eq!(error_of(&bundle.invoke("record-consent", event.clone()).await).0, "UnknownTenant");
    let records = json!({ "Records": [sqs_record("1", &event.to_string(), None)] });
    assert_eq!(failed_records(&bundle.invoke("record-consent", records).await), ["1"]);

    // The change feed publishes each removal once, and nothing is retried or ends in a dead-letter queue.
    bundle.caught_up().await;
    let events = bundle.events().split_off(events_before);
    let of = |event: &Value| (event["detail-type"].clone(), event["detail"]["tenant_id"].clone());
    assert_eq!(events.iter().map(of).collect::<Vec<_>>(), vec![(json!("contact.deleted"), json!(demo)); 20]);
    assert_eq!(bundle.dead_letters(), [Value::Null; 0]);
    assert_eq!(bundle.call_as("acme-token", "get-contact", json!({ "phone": "+14155550000" })).await.status, 200);
    let log = bundle.stop().await;
    let problems = log.lines().filter(|line| line.contains("publish-changes") && !line.contains(r#""INFO""#));
    assert_eq!(problems.collect::<Vec<_>>(), [""; 0]);
}

/// A tenant with two tokens, of which one has made calls, and more items than one page. The items are those of the tag index, which the change feed
/// does not publish.
async fn large_tenant(bundle: &Bundle, slug: &str) -> TenantId {
    use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
    let tenant = bundle.create_tenant(slug).await;
    for token in ["one", "two"] {
        bundle.issue(&format!("{token}-of-{slug}"), Some(tenant)).await;
    }
    let token = bundle.access.find(&format!("one-of-{slug}")).await.unwrap().unwrap();
    let record = bundle.dynamodb().put_item().table_name("AccessTable");
    record.item("key", AttributeValue::S(format!("calls#{}", token.id()))).send().await.unwrap();
    let items = (0..PAGE + 30).map(|n| {
        let [tenant, item] = [tenant.to_string(), format!("tag#vip#{n}")].map(AttributeValue::S);
        let item = Item::from([("tenant_id".to_owned(), tenant), ("item".to_owned(), item)]);
        let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    });
    for writes in items.collect::<Vec<_>>().chunks(25) {
        let write = bundle.dynamodb().batch_write_item().request_items("ContactsTable", writes.to_vec());
        write.send().await.unwrap();
    }
    tenant
}

/// The command may be killed before a request is sent, or after DynamoDB has applied it.
#[tokio::test]
async fn a_deletion_that_was_interrupted_at_any_request_is_continued() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let mut interrupted = 0;
    for (last, name) in [(Fault::Rejected, "before"), (Fault::LostResponse, "after")] {
        for n in 0.. {
            let slug = format!("{name}-{n}");
            let tenant = large_tenant(&bundle, &slug).await;
            let mut sent = 0;
            proxy.inject(move |_| {
                sent += 1;
                match sent - 1 {
                    before if before < n => Fault::None,
                    now if now == n => last,
                    _ => Fault::Rejected,
                }
            });
            let first = delete(&bundle, &bundle.fresh_access(), tenant).await;
            proxy.inject(|_| Fault::None);
            let is_left = bundle.access.find_tenant(&slug.parse().unwrap()).await.unwrap().is_some();
            if first.is_ok() {
                break;
            }
            interrupted += 1;
            // The slug names the tenant as long as anything is left.
            if is_left {
                let continued = delete(&bundle, &bundle.fresh_access(), tenant).await.unwrap();
                let removed = json!({ "calls": 1, "slug": 1, "tag": PAGE + 30, "tenant": 1, "token": 2 });
                assert_eq!(json!(continued.removed.items), removed, "{slug}");
            }
            let left: Vec<String> =
                dump(&bundle).await.into_iter().filter(|item| item.contains(&tenant.to_string())).collect();
            assert!(left.is_empty(), "{slug}: {left:?}");
            assert!(!dump(&bundle).await.iter().any(|item| item.contains("calls#")), "{slug}: a call record is left");
            assert!(bundle.access.tenant_record(tenant).await.unwrap().is_none());
            let again = delete(&bundle, &bundle.fresh_access(), tenant).await;
            assert!(matches!(again, Err(DeletionError::Access(Error::UnknownTenant))), "{again:?}");
        }
    }
    assert!(interrupted > 40, "{interrupted}");
}

#[tokio::test]
async fn throttled_and_unprocessed_deletions_are_repeated() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let tenant = large_tenant(&bundle, "large").await;
    let mut faults = [Fault::UnprocessedKeys, Fault::Throttled].into_iter().cycle().take(12);
    proxy.inject(move |operation| match operation {
        "BatchWriteItem" => faults.next().unwrap_or(Fault::None),
        _ => Fault::None,
    });
    let deletion = delete(&bundle, &bundle.fresh_access(), tenant).await.unwrap();
    assert_eq!(deletion.removed.items["tag"], PAGE as u64 + 30);
    assert!(!dump(&bundle).await.iter().any(|item| item.contains(&tenant.to_string())));
}

#[tokio::test]
async fn a_tenant_that_is_being_deleted_gets_no_tokens_and_is_not_changed() {
    let bundle = Bundle::start().await;
    let tenant = bundle.create_tenant("leaving").await;
    bundle.issue("early", Some(tenant)).await;
    let early = bundle.access.find("early").await.unwrap().unwrap();
    let access = bundle.fresh_access();
    let mut deletion = access.begin_deletion(tenant).await.unwrap();
    let again = access.begin_deletion(tenant).await.unwrap();
    assert_eq!(again.since, deletion.since);
    assert_eq!(bundle.access.tenant_record(tenant).await.unwrap().unwrap().deleting_since, Some(deletion.since));

    let refused = bundle.access.issue("late", crate::support::new_token(Some(tenant))).await;
    assert!(matches!(refused, Err(Error::UnknownTenant)), "{refused:?}");
    for update in [
        TenantUpdate { name: Some("New".into()), slug: None, rate_limit: Patch::Keep },
        TenantUpdate { name: None, slug: Some("new".parse().unwrap()), rate_limit: Patch::Keep },
    ] {
        let refused = bundle.access.update_tenant(tenant, &update).await;
        assert!(matches!(refused, Err(Error::UnknownTenant)), "{refused:?}");
    }
    let refused = bundle.fresh_access().tenant(tenant).await;
    assert!(matches!(refused, Err(Error::UnknownTenant)), "{refused:?}");
    let refused = bundle.fresh_access().authenticate("early").await;
    assert!(matches!(refused, Err(Error::Unauthenticated)), "{refused:?}");

    // A rotation that has begun before stores a token after the tokens were listed.
    access.delete_tokens(&mut deletion).await.unwrap();
    let secret = Secret::generate(SecretKind::Bearer);
    let late = contacts::access::ListedToken { key: early.key.clone(), ..early };
    let rotated = bundle.access.rotate(&late, &secret, std::time::Duration::ZERO, None).await;
    assert!(rotated.is_err(), "{rotated:?}");
    let mut item = scan(bundle.dynamodb(), "AccessTable").await;
    let mut item =
        item.swap_remove(item.iter().position(|item| item["key"].as_s().unwrap().starts_with("token#")).unwrap());
    use aws_sdk_dynamodb::types::AttributeValue;
    item.insert("key".into(), AttributeValue::S(format!("token#{}", "0".repeat(64))));
    item.insert("tenant_id".into(), AttributeValue::S(tenant.to_string()));
    bundle.dynamodb().put_item().table_name("AccessTable").set_item(Some(item)).send().await.unwrap();
    access.end_deletion(&mut deletion).await.unwrap();
    assert_eq!(deletion.removed.items["token"], 2);
    assert!(!dump(&bundle).await.iter().any(|item| item.contains(&tenant.to_string())));
    // The slug is free.
    bundle.create_tenant("leaving").await;
}
