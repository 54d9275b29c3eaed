//! Random interleaved writes and deletions by several writers, under random faults. Afterwards the memberships of every
//! contact equal its tags, every index row equals its contact, every tombstone is alone, and every acknowledged message is
//! counted, unless its contact was deleted.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use contacts::model::Tenant;
use contacts::model::Timestamp;
use contacts::model::{Contact, Phone, Source, Tags};
use contacts::store::{Search, Window};
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::support::{Bundle, Fault, FaultProxy, stored};

/// One write, by one of several writers.
#[derive(Debug, Clone)]
struct Write {
    phone: usize,
    name: Option<String>,
    /// Empty to clear it.
    email: Option<&'static str>,
    tags: Option<&'static str>,
    message: bool,
    /// It deletes the contact instead.
    delete: bool,
}

const PHONES: [&str; 4] = ["+14155550101", "+5511987654321", "+551187654321", "+4915112345678"];

fn write() -> impl Strategy<Value = Write> {
    let name = prop::option::of("[A-Za-zÉé ]{1,12}x");
    let email = prop::option::of(prop::sample::select(vec!["", "a@example.com", "B@example.com", "a+1@example.com"]));
    let tags = prop::option::of(prop::sample::select(vec!["", "a", "a,b", "b,c,d", "*", "*+,a#b", "#"]));
    let delete = prop::bool::weighted(0.2);
    (0..PHONES.len(), name, email, tags, any::<bool>(), delete)
        .prop_map(|(phone, name, email, tags, message, delete)| Write { phone, name, email, tags, message, delete })
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(Fault::None),
        1 => Just(Fault::Throttled),
        1 => Just(Fault::TransactionConflict),
        1 => Just(Fault::ThrottledTransaction),
        1 => Just(Fault::InternalError),
        1 => Just(Fault::InternalErrorAfterwards),
        1 => Just(Fault::Unavailable),
        1 => Just(Fault::UnprocessedKeys),
        1 => Just(Fault::LostRequest),
        1 => Just(Fault::LostResponse),
        1 => Just(Fault::CutResponse),
    ]
}

#[test]
fn memberships_equal_tags_after_random_writes_and_faults() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (bundle, proxy, _engine) = runtime.block_on(Bundle::behind_proxy());
    let tenants = AtomicUsize::new(0);
    let histories = prop::collection::vec(prop::collection::vec(write(), 1..6), 1..5);
    let config = ProptestConfig { cases: 40, ..ProptestConfig::default() };
    let outcome =
        TestRunner::new(config).run(&(histories, prop::collection::vec(fault(), 0..24)), |(writers, faults)| {
            let token = format!("token-{}", tenants.fetch_add(1, Ordering::Relaxed));
            runtime.block_on(history(&bundle, &proxy, &token, &writers, faults));
            Ok(())
        });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

async fn history(bundle: &Bundle, proxy: &FaultProxy, token: &str, writers: &[Vec<Write>], faults: Vec<Fault>) {
    proxy.inject(|_| Fault::None);
    bundle.issue(token, Some(bundle.create_tenant(token).await)).await;
    let tenant = &bundle.tenant(token).await;
    let is_lost =
        |fault: &&Fault| matches!(fault, Fault::LostResponse | Fault::CutResponse | Fault::InternalErrorAfterwards);
    let lost = if writers.len() == 1 { 0 } else { faults.iter().filter(is_lost).count() };
    let lost = lost as u64;
    let mut faults = faults.into_iter();
    proxy.inject(move |_| faults.next().unwrap_or(Fault::None));

    // Per contact: the messages of acknowledged writes, and of all writes, which may have been applied; whether a deletion
    // may have been applied, and so removed the messages before it.
    let counted = Mutex::new(BTreeMap::<String, Counted>::new());
    let counted = &counted;
    join_all(writers.iter().map(|writes| async move {
        for write in writes {
            let acknowledged = apply(bundle, tenant, write).await;
            let id = tenant.contact_id(&phone(write)).to_string();
            let mut counted = counted.lock().unwrap();
            let counted = counted.entry(id).or_default();
            if write.delete {
                counted.is_deleted = true;
            } else {
                counted.sure += u64::from(acknowledged && write.message);
                counted.possible += u64::from(write.message);
            }
        }
    }))
    .await;
    proxy.inject(|_| Fault::None);
    let counted = counted.lock().unwrap().clone();
    check(bundle, tenant, &counted, lost).await;
}

/// What a contact has to have counted.
#[derive(Debug, Default, Clone)]
struct Counted {
    sure: u64,
    possible: u64,
    is_deleted: bool,
}

fn phone(write: &Write) -> Phone {
    PHONES[write.phone].parse().unwrap()
}

/// Applies a write. True if it was acknowledged.
async fn apply(bundle: &Bundle, tenant: &Tenant, write: &Write) -> bool {
    let phone = phone(write);
    let id = tenant.contact_id(&phone);
    if write.delete {
        return bundle.table.delete(tenant, id).await.is_ok();
    }
    let tags: Option<Tags> = write.tags.map(|tags| tags.parse().unwrap());
    let written = bundle.table.upsert(tenant, id, tags.as_ref(), |stored| {
        let new = || Contact::new(id, phone.clone(), Source::Api, Timestamp::now());
        let mut contact = stored.unwrap_or_else(new);
        contact.name = write.name.as_ref().map(|name| name.parse().unwrap()).or(contact.name);
        if let Some(email) = write.email {
            contact.email = email.parse().ok();
        }
        contact.tags = tags.clone().unwrap_or(contact.tags);
        if write.message {
            contact.total_messages += 1;
            contact.last_message_at = Some(Timestamp::now());
        }
        Ok::<_, contacts::store::Error>(contact)
    });
    written.await.is_ok()
}

async fn check(bundle: &Bundle, tenant: &Tenant, counted: &BTreeMap<String, Counted>, lost: u64) {
    let id = tenant.id().to_string();
    let items = async |prefix| stored::items(bundle.dynamodb(), &id, prefix).await;
    let (contacts, memberships, definitions) = (items("contact#").await, items("tag#").await, items("tagdef#").await);
    assert_eq!(stored::contradictions(&contacts, &memberships, &definitions), []);
    let (tombstones, contacts): (Vec<_>, Vec<_>) = contacts.iter().partition(|item| stored::is_tombstone(item));
    for tombstone in tombstones {
        let id = stored::text(tombstone, "item").trim_start_matches("contact#");
        assert!(counted[id].is_deleted, "nobody has deleted {id}");
    }
    for contact in &contacts {
        let messages: u64 = contact["total_messages"].as_n().unwrap().parse().unwrap();
        let Counted { sure, possible, is_deleted } = counted[stored::text(contact, "id")].clone();
        let sure = if is_deleted { 0 } else { sure };
        // A failed write may have been applied all the same. One whose response was lost may have been applied a
        // second time, after another writer's.
        assert!((sure..=possible + lost).contains(&messages), "{messages} of {sure} to {possible} + {lost}");
    }
    assert_eq!(
        bundle.table.search(tenant, &Search::default(), Window::default()).await.unwrap().rows.len(),
        contacts.len()
    );
}
