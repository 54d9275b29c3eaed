//! Writers and other contacts at the same time, and lost responses.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use contacts::model::{Contact, Metadata, Tags};
use contacts::store::{Error, Outcome};
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use super::{FIRST, SECOND, THIRD, assert_consistent, at, change, create, items, number, tenant};
use crate::support::{Bundle, Fault, output_of, sqs_record, stored};

/// Writers find the contact by its first id, by its present one, and by its number; it moves between three numbers
/// meanwhile, and DynamoDB fails in every way.
#[tokio::test]
async fn simultaneous_writes_and_changes_of_number_lose_nothing() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let (bundle, tenant) = (&bundle, &tenant(&bundle).await);
    let first = create(bundle, json!({ "phone": FIRST, "tags": "vip, b" })).await;
    proxy.inject(|operation| match (operation, fastrand::u8(..24)) {
        ("TransactWriteItems" | "PutItem", 0) => Fault::LostResponse,
        ("TransactWriteItems" | "PutItem", 1) => Fault::TransactionConflict,
        ("TransactWriteItems", 2) => Fault::ThrottledTransaction,
        ("PutItem", 3) => Fault::InternalErrorAfterwards,
        ("GetItem" | "BatchGetItem", 4) => Fault::InternalError,
        _ => Fault::None,
    });
    let is_done = AtomicBool::new(false);
    let moves = AtomicUsize::new(0);
    let mover = async {
        for n in 0.. {
            if is_done.load(Ordering::Relaxed) && n >= 10 {
                break;
            }
            let phone = [SECOND, THIRD, FIRST][n % 3];
            patiently(async || bundle.table.change_phone(tenant, first, &number(phone), Ok::<_, Error>).await).await;
            moves.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(fastrand::u64(..80))).await;
        }
    };
    let writer = async |n: usize| {
        let id = match n % 2 {
            0 => first,
            _ => bundle.table.get(tenant, first).await.ok().flatten().map_or(first, |contact| contact.id),
        };
        let given = Metadata::parse(&json!({ format!("key{n}"): n }).to_string()).unwrap();
        let tag: Tags = format!("tag{n}").parse().unwrap();
        let tags = n.is_multiple_of(8).then_some(&tag);
        let merge = |mut contact: Contact| {
            contact.metadata = contact.metadata.merged(&given).unwrap();
            for tag in tags.into_iter().flat_map(Tags::iter) {
                contact.tags.add(tag).unwrap();
            }
            Ok::<_, Error>(contact)
        };
        sleep(Duration::from_millis(fastrand::u64(..400))).await;
        patiently(async || bundle.table.update(tenant, id, tags, merge).await).await;
        let message = json!({ "contact_id": id, "message_id": n.to_string(), "direction": "in", "occurred_at": at(0) });
        loop {
            let record = sqs_record("1", &bundle.envelope(message.clone()).await.to_string(), None);
            let outcome = bundle.invoke("record-message", json!({ "Records": [record] })).await;
            if output_of(&outcome) == json!({ "batchItemFailures": [] }) {
                break;
            }
        }
    };
    let writers = async {
        join_all((0..40).map(writer)).await;
        is_done.store(true, Ordering::Relaxed);
    };
    tokio::join!(mover, writers);
    proxy.clear();
    proxy.inject(|_| Fault::None);
    let contact = bundle.table.get(tenant, first).await.unwrap().unwrap();
    let metadata = serde_json::to_value(&contact.metadata).unwrap();
    assert!((0..40).all(|n| metadata[format!("key{n}")] == n), "{metadata}");
    assert_eq!((contact.tags.iter().count(), contact.total_messages), (7, 40));
    assert!(moves.load(Ordering::Relaxed) >= 10);
    let left = items(bundle, "contact#").await;
    assert_eq!(left.iter().filter(|item| !stored::is_tombstone(item)).count(), 1);
    assert_consistent(bundle).await;
}

/// Repeats a call while DynamoDB fails it.
async fn patiently<T>(attempt: impl AsyncFn() -> Result<T, Error>) -> T {
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(Error::Unavailable(_) | Error::Throttled | Error::Conflict) => sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn of_two_contacts_one_gets_the_number() {
    let bundle = Bundle::start().await;
    for round in 0..5 {
        let ids = [0, 1].map(|n| format!("+1415555{round}10{n}"));
        let create = async |phone: &String| create(&bundle, json!({ "phone": phone, "tags": "vip" })).await;
        let ids = join_all(ids.iter().map(create)).await;
        let wanted = format!("+1415555{round}109");
        // A third one is created with it at the same time.
        let created = bundle.call("create-contact", json!({ "phone": wanted }));
        let moves = join_all(ids.iter().map(|id| change(&bundle, *id, &wanted)));
        let (moves, created) = tokio::join!(moves, created);
        assert_eq!(created.status, 201, "{created:?}");
        let won = moves.iter().filter(|result| result.is_ok()).count();
        assert!(moves.iter().all(|result| matches!(result, Ok(_) | Err(Error::NumberTaken))), "{moves:?}");
        let is_first = created.headers["x-contact-outcome"] == "created";
        assert_eq!(won, usize::from(!is_first), "{moves:?} {created:?}");
        assert_consistent(&bundle).await;
    }
}

#[tokio::test]
async fn a_lost_response_is_recognised() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let id = create(&bundle, json!({ "phone": FIRST, "tags": "vip" })).await;
    let rename = |contact: Contact| {
        let name = contact.name.map_or("x".to_owned(), |name| format!("{}x", name.as_str()));
        Ok::<_, Error>(Contact { name: Some(name.parse().unwrap()), ..contact })
    };
    let tenant = tenant(&bundle).await;
    for (n, fault) in [Fault::LostResponse, Fault::CutResponse, Fault::TransactionConflict].into_iter().enumerate() {
        proxy.inject_once("TransactWriteItems", fault);
        let phone = number([SECOND, THIRD, FIRST][n]);
        let (contact, outcome) = bundle.table.change_phone(&tenant, id, &phone, rename).await.unwrap();
        let name = contact.name.map(|name| name.as_str().len());
        assert_eq!((outcome, name, contact.version), (Outcome::Updated, Some(n + 1), n as u64 + 2), "{fault:?}");
    }
    assert_consistent(&bundle).await;
}
