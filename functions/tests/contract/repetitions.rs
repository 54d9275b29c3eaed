//! Repetitions with the header `Idempotency-Key`, together with what else decides about a call: conditional headers, changes
//! of a contact's number, and reads that are not up to date.

use contacts::store::Error;
use serde_json::{Value, json};

use super::idempotency::{GONE, answer, is_replayed};
use crate::support::stored::{contradictions, items};
use crate::support::{Bundle, Fault, Reply};

const FIRST: &str = "+14155550101";
const SECOND: &str = "+14155550102";
const THIRD: &str = "+14155550103";

impl Bundle {
    /// Gives a contact of tenant `demo` another number.
    async fn change_number(&self, from: &str, to: &str) {
        let tenant = self.tenant("demo-token").await;
        let id = tenant.contact_id(&from.parse().unwrap());
        self.table.change_phone(&tenant, id, &to.parse().unwrap(), Ok::<_, Error>).await.unwrap();
    }

    /// Calls an action with an idempotency key and a condition.
    async fn once_if(&self, action: &str, key: &str, condition: (&str, &str), body: &Value) -> Reply {
        let headers = [("authorization", "Bearer demo-token"), ("idempotency-key", key), condition];
        self.send(action, &headers, body.to_string()).await
    }
}

/// The recorded answer is found before the conditions are checked, because they were met when the call was carried out.
#[tokio::test]
async fn a_repetition_is_answered_whatever_its_conditions_say() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": FIRST, "name": "Jane" })).await.has("etag", r#""1""#);
    let rename = json!({ "phone": FIRST, "name": "Janet" });
    let stale = bundle.once_if("update-contact", "key", ("if-match", r#""7""#), &rename).await;
    assert_eq!(stale.status, 412, "{stale:?}");
    let first = bundle.once_if("update-contact", "key", ("if-match", r#""1""#), &rename).await;
    first.has("etag", r#""2""#).has("x-contact-outcome", "updated");
    bundle.call("update-contact", json!({ "phone": FIRST, "name": "Zoe" })).await.has("etag", r#""3""#);
    for condition in [r#""1""#, r#""3""#, r#""7""#] {
        let again = bundle.once_if("update-contact", "key", ("if-match", condition), &rename).await;
        assert_eq!((answer(&again), is_replayed(&again)), (answer(&first), true), "{condition}");
    }
    let create = json!({ "phone": SECOND });
    let created = bundle.once_if("create-contact", "key", ("if-none-match", "*"), &create).await;
    let again = bundle.once_if("create-contact", "key", ("if-none-match", "*"), &create).await;
    assert_eq!((answer(&again), is_replayed(&again)), (answer(&created), true));
    let other = bundle.once_if("create-contact", "other", ("if-none-match", "*"), &create).await;
    assert_eq!(other.status, 412);
    assert_eq!(bundle.call("get-contact", json!({ "phone": FIRST })).await.json()["name"], "Zoe");
}

/// The transaction that gives a contact its key is throttled, and the call changes nothing else: the key of the first attempt
/// must not seal the answer, because nothing has stored it.
#[tokio::test]
async fn a_throttled_call_that_changes_nothing_can_be_repeated() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let body = json!({ "phone": FIRST, "name": "Jane" });
    bundle.call("create-contact", body.clone()).await.has("etag", r#""1""#);
    proxy.inject_once("TransactWriteItems", Fault::ThrottledTransaction);
    let first = bundle.once("create-contact", "key", &body).await;
    first.has("x-contact-outcome", "unchanged").has("etag", r#""2""#);
    let again = bundle.once("create-contact", "key", &body).await;
    assert_eq!((answer(&again), is_replayed(&again)), (answer(&first), true));
}

/// The first of two contacts with one number is throttled: the second is not applied before it, so that it still wins when the
/// batch is repeated.
#[tokio::test]
async fn a_repeated_batch_keeps_the_order_of_contacts_with_one_number() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let batch = json!({ "contacts": [{ "phone": FIRST, "name": "first" }, { "phone": SECOND }, { "phone": FIRST, "name": "last" }] });
    proxy.inject(|operation| if operation == "TransactWriteItems" { Fault::ThrottledTransaction } else { Fault::None });
    let failed = bundle.once("batch-upsert-contacts", "key", &batch).await;
    assert_eq!(statuses(&failed), [503, 503, 503]);
    // Enough for all attempts of one contact.
    let mut left = 4;
    proxy.inject(move |operation| {
        let is_hit = operation == "TransactWriteItems" && left > 0;
        left -= i32::from(is_hit);
        if is_hit { Fault::ThrottledTransaction } else { Fault::None }
    });
    let one = json!({ "contacts": [{ "phone": THIRD, "name": "first" }, { "phone": THIRD, "name": "last" }] });
    assert_eq!(statuses(&bundle.once("batch-upsert-contacts", "other", &one).await), [503, 503]);
    for (key, batch, phone) in [("key", &batch, FIRST), ("other", &one, THIRD)] {
        let again = bundle.once("batch-upsert-contacts", key, batch).await;
        assert!(statuses(&again).iter().all(|status| *status == 201), "{again:?}");
        assert_eq!(bundle.call("get-contact", json!({ "phone": phone })).await.json()["name"], "last");
    }
}

/// The status of each contact of a batch.
fn statuses(reply: &Reply) -> Vec<u64> {
    reply.json()["results"].as_array().unwrap().iter().map(|result| result["status"].as_u64().unwrap()).collect()
}

/// The answers to earlier calls stay readable when the contact gets another number, and are gone when it is deleted.
#[tokio::test]
async fn answers_move_with_the_contact_and_are_deleted_with_it() {
    let bundle = Bundle::start().await;
    let create = json!({ "phone": FIRST, "name": "Zebedee", "tags": "a" });
    let created = bundle.once("create-contact", "key", &create).await;
    let id = created.id();
    let calls = [
        ("create-contact", create.clone()),
        ("add-tag", json!({ "contact_id": id, "tag": "vip" })),
        ("update-contact", json!({ "phone": FIRST, "email": "zebedee@example.com" })),
        ("batch-upsert-contacts", json!({ "contacts": [{ "phone": FIRST, "name": "Zebedee II" }] })),
    ];
    let mut first = vec![answer(&created)];
    for (action, body) in &calls[1..] {
        first.push(answer(&bundle.once(action, "key", body).await));
    }
    let tenant = bundle.tenant("demo-token").await.id().to_string();
    for (from, to) in [(FIRST, SECOND), (SECOND, THIRD), (THIRD, SECOND)] {
        bundle.change_number(from, to).await;
        for ((action, body), first) in calls.iter().zip(&first) {
            let again = bundle.once(action, "key", body).await;
            assert_eq!((&answer(&again), is_replayed(&again)), (first, true), "{action} after {to}");
        }
        let contacts = items(bundle.dynamodb(), &tenant, "contact#").await;
        assert_eq!(
            contacts.iter().filter(|item| item.contains_key("answer_key")).count(),
            1,
            "the contact's item alone"
        );
    }
    // A call of today finds the contact where it is, and its answer moves as well.
    let tag = json!({ "contact_id": id, "tag": "late" });
    let late = bundle.once("add-tag", "late", &tag).await;
    assert_eq!(late.status, 200);
    bundle.change_number(SECOND, THIRD).await;
    assert_eq!(answer(&bundle.once("add-tag", "late", &tag).await), answer(&late));
    // Without a key, a batch is about the contact with the number, which does not exist any more.
    let batch = json!({ "contacts": [{ "phone": FIRST, "name": "Another" }] });
    let another = bundle.call("batch-upsert-contacts", batch).await.json();
    assert_eq!(another["results"][0]["outcome"], "created");
    // Calls by the first number are now about another contact, which cannot open the answers.
    bundle.once("create-contact", "key", &create).await.is(410, GONE);
    assert_eq!(bundle.call("get-contact", json!({ "phone": FIRST })).await.json()["name"], "Another");
    let delete = json!({ "phone": THIRD });
    let deleted = bundle.once("delete-contact", "key", &delete).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    assert_eq!(answer(&bundle.once("delete-contact", "key", &delete).await), answer(&deleted));
    for (action, body) in &calls[..3] {
        bundle.once(action, "key", body).await.is(410, GONE);
    }
    bundle.once("add-tag", "late", &tag).await.is(410, GONE);
    let stored = items(bundle.dynamodb(), &tenant, "").await;
    for trace in ["Zebedee", "zebedee", "answer_key"] {
        assert!(!format!("{stored:?}").contains(trace), "{trace} in {stored:?}");
    }
    let of =
        |kind: &str| stored.iter().filter(|item| item["item"].as_s().unwrap().starts_with(kind)).cloned().collect();
    let [contacts, memberships, definitions]: [Vec<_>; 3] = ["contact#", "tag#", "tagdef#"].map(of);
    assert_eq!(contradictions(&contacts, &memberships, &definitions), []);
}

/// DynamoDB returns the record of a call and the contact as it was before the call, without the key of the record.
#[tokio::test]
async fn a_read_that_misses_the_contacts_key_is_repeated() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    bundle.call("create-contact", json!({ "phone": FIRST, "name": "Jane" })).await;
    let rename = json!({ "phone": FIRST, "name": "Janet" });
    let first = bundle.once("create-contact", "key", &rename).await;
    first.has("x-contact-outcome", "updated");
    proxy.inject(|operation| if operation == "BatchGetItem" { Fault::StaleContacts } else { Fault::None });
    proxy.take_requests();
    let again = bundle.once("create-contact", "key", &rename).await;
    assert_eq!((answer(&again), is_replayed(&again)), (answer(&first), true));
    let reads: Vec<String> = proxy.take_operations();
    assert_eq!(reads, ["BatchGetItem", "BatchGetItem"], "the second is strongly consistent");
}

/// DynamoDB returns the contact as it was before it was deleted.
#[tokio::test]
async fn a_read_that_misses_a_deletion_is_repeated() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let jane = json!({ "phone": FIRST, "name": "Jane" });
    bundle.once("create-contact", "key", &jane).await.has("x-contact-outcome", "created");
    assert!(is_replayed(&bundle.once("create-contact", "key", &jane).await));
    bundle.call("delete-contact", json!({ "phone": FIRST })).await;
    proxy.inject(|operation| if operation == "BatchGetItem" { Fault::StaleRead } else { Fault::None });
    proxy.take_requests();
    assert_eq!(bundle.once("create-contact", "key", &jane).await.status, 410);
    assert_eq!(proxy.take_operations(), ["BatchGetItem", "BatchGetItem"], "the second is strongly consistent");
}
