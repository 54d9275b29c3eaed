//! A contact gets another number, and with it another id: what finds it, what is left under its former ids, and what
//! happens at the same time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use contacts::model::{Contact, ContactId, Metadata, Phone, Tags, Tenant, Timestamp};
use contacts::store::{Error, FindingKind, Outcome, Pace, Place, Repair};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::stored::{self, Item};
use crate::support::{Bundle, Fault, output_of, sqs_record};

const FIRST: &str = "+14155550101";
const SECOND: &str = "+14155550102";
const THIRD: &str = "+14155550103";
const NOT_FOUND: &str = r#"{"error":"Contact not found"}"#;

fn number(text: &str) -> Phone {
    text.parse().unwrap()
}

/// The time this many seconds from now.
fn at(seconds: i64) -> String {
    Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap().to_string()
}

async fn tenant(bundle: &Bundle) -> Tenant {
    bundle.tenant("demo-token").await
}

/// Changes the number of a contact, and nothing else.
async fn change(bundle: &Bundle, id: ContactId, phone: &str) -> Result<(Contact, Outcome), Error> {
    bundle.table.change_phone(&tenant(bundle).await, id, &number(phone), Ok::<_, Error>).await
}

/// Creates a contact and returns its id.
async fn create(bundle: &Bundle, body: Value) -> ContactId {
    bundle.call("create-contact", body).await.id().parse().unwrap()
}

/// The items of tenant `demo` whose keys begin so.
async fn items(bundle: &Bundle, prefix: &str) -> Vec<Item> {
    stored::items(bundle.dynamodb(), &tenant(bundle).await.id().to_string(), prefix).await
}

/// Asserts that all items agree with each other, by the tests' own rules and by those of the verification.
async fn assert_consistent(bundle: &Bundle) {
    let (contacts, memberships, definitions) =
        (items(bundle, "contact#").await, items(bundle, "tag#").await, items(bundle, "tagdef#").await);
    assert_eq!(stored::contradictions(&contacts, &memberships, &definitions), []);
    let tenant = tenant(bundle).await;
    let verified = bundle.table.verify(&tenant, &mut Pace::new(0), &mut |_, _| {}).await.unwrap();
    assert_eq!(verified.findings, []);
}

async fn send(bundle: &Bundle, function: &str, input: Value) -> Value {
    output_of(&bundle.invoke(function, bundle.envelope(input).await).await)
}

/// The contact that get-contact shows for an id.
async fn by_id(bundle: &Bundle, id: ContactId) -> Value {
    bundle.call("get-contact", json!({ "contact_id": id })).await.json()
}

#[tokio::test]
async fn the_old_id_finds_the_contact_and_the_old_number_does_not() {
    let bundle = Bundle::start().await;
    let tenant = tenant(&bundle).await;
    let body = json!({ "phone": FIRST, "name": "Jane +1", "email": "jane@example.com", "tags": "vip, b", "metadata": { "a": 1.50 } });
    let old = create(&bundle, body).await;
    let message = json!({ "phone": FIRST, "message_id": "1", "direction": "in", "occurred_at": at(-60) });
    send(&bundle, "record-message", message.clone()).await;
    let before = bundle.table.get(&tenant, old).await.unwrap().unwrap();

    let rename = |contact: Contact| Ok::<_, Error>(Contact { name: Some("Janet".parse().unwrap()), ..contact });
    let changed = bundle.table.change_phone(&tenant, old, &number(SECOND), rename).await;
    let (moved, outcome) = changed.unwrap();
    let new = moved.id;
    assert_eq!((outcome, new), (Outcome::Updated, tenant.contact_id(&number(SECOND))));
    let expected = Contact {
        id: new,
        phone: number(SECOND),
        name: moved.name.clone(),
        version: before.version + 1,
        updated_at: moved.updated_at,
        former_ids: vec![old],
        ..before
    };
    assert_eq!(moved, expected);
    assert_consistent(&bundle).await;

    for id in [old, new] {
        let shown = by_id(&bundle, id).await;
        assert_eq!((&shown["id"], &shown["phone"]), (&json!(new), &json!(SECOND)));
        for (action, body) in [
            ("update-contact", json!({ "contact_id": id, "name": format!("Name {id}") })),
            ("add-tag", json!({ "contact_id": id, "tag": format!("tag {id}") })),
            ("remove-tag", json!({ "contact_id": id, "tag": "b" })),
        ] {
            let answer = bundle.call(action, body).await.json();
            assert_eq!((&answer["id"], &answer["phone"]), (&json!(new), &json!(SECOND)), "{action}: {answer}");
        }
    }
    let tags = by_id(&bundle, old).await["tags"].clone();
    assert_eq!(tags, json!(["vip", format!("tag {old}"), format!("tag {new}")]));
    assert_eq!(bundle.call("get-contact", json!({ "phone": SECOND })).await.id(), new.to_string());
    assert_eq!(bundle.call("search-contacts", json!({ "query": SECOND })).await.each("id"), [new.to_string()]);
    assert_eq!(bundle.call("search-contacts", json!({ "tag": "vip" })).await.each("id"), [new.to_string()]);
    // Nobody has the old number.
    for (action, body) in [
        ("get-contact", json!({ "phone": FIRST })),
        ("update-contact", json!({ "phone": FIRST, "name": "Nobody" })),
        ("add-tag", json!({ "phone": FIRST, "tag": "vip" })),
        ("remove-tag", json!({ "phone": FIRST, "tag": "vip" })),
        ("delete-contact", json!({ "phone": FIRST })),
    ] {
        bundle.call(action, body).await.is(404, NOT_FOUND);
    }
    assert_eq!(bundle.flowiq_get("phone_number=14155550101").await.status, 404);
    assert_eq!(bundle.call("search-contacts", json!({ "query": FIRST })).await.body, "[]");
    bundle.call_as("acme-token", "get-contact", json!({ "contact_id": old })).await.is(404, NOT_FOUND);
    // A message that was counted before the change is not counted again.
    assert_eq!(send(&bundle, "record-message", message).await["total_messages"], 1);

    // Somebody else gets the old number, and with it the old id.
    let other = bundle.call("create-contact", json!({ "phone": FIRST, "name": "Zoe" })).await;
    other.has("x-contact-outcome", "created");
    assert_eq!(other.id(), old.to_string());
    assert_eq!(by_id(&bundle, old).await["name"], "Zoe");
    assert_eq!(by_id(&bundle, new).await["phone"], SECOND);
    assert_consistent(&bundle).await;
    // The next change of number leaves that contact alone.
    let (moved, _) = change(&bundle, new, THIRD).await.unwrap();
    assert_eq!((moved.former_ids, by_id(&bundle, old).await["name"].clone()), (vec![new], json!("Zoe")));
    assert_consistent(&bundle).await;
}

#[tokio::test]
async fn a_taken_number_changes_nothing_and_a_spelling_is_no_other_number() {
    let bundle = Bundle::start().await;
    let id = create(&bundle, json!({ "phone": FIRST, "tags": "vip" })).await;
    create(&bundle, json!({ "phone": "+5511987654321", "tags": "vip" })).await;
    let before = items(&bundle, "").await;
    let rename = |contact: Contact| Ok::<_, Error>(Contact { name: Some("Janet".parse().unwrap()), ..contact });
    let tenant = tenant(&bundle).await;
    // In another spelling.
    let taken = bundle.table.change_phone(&tenant, id, &number("+551187654321"), rename).await;
    assert!(matches!(taken, Err(Error::NumberTaken)), "{taken:?}");
    let unknown = bundle.table.change_phone(&tenant, tenant.contact_id(&number(THIRD)), &number(SECOND), rename).await;
    assert!(matches!(unknown, Err(Error::NotFound)), "{unknown:?}");
    assert_eq!(items(&bundle, "").await, before);

    let brazil = tenant.contact_id(&number("+5511987654321"));
    let (contact, outcome) = change(&bundle, brazil, "+551187654321").await.unwrap();
    assert_eq!((contact.id, contact.phone.as_str(), outcome), (brazil, "+551187654321", Outcome::Updated));
    assert_eq!((contact.version, contact.former_ids), (2, Vec::new()));
    assert_eq!(bundle.call("get-contact", json!({ "phone": "+5511987654321" })).await.json()["phone"], "+551187654321");
    assert_consistent(&bundle).await;
    let before = items(&bundle, "").await;
    assert_eq!(change(&bundle, brazil, "+551187654321").await.unwrap().1, Outcome::Unchanged);
    assert_eq!(items(&bundle, "").await, before);
}

/// What the change feed publishes since the last call: the type without `contact.`, the ids and the changed fields.
async fn published(bundle: &Bundle, since: &mut usize) -> Vec<String> {
    bundle.caught_up().await;
    let events = bundle.events();
    let describe = |event: &Value| {
        let detail = &event["detail"];
        let changed: Vec<&str> =
            detail["changed"].as_array().into_iter().flatten().map(|field| field.as_str().unwrap()).collect();
        let kind = event["detail-type"].as_str().unwrap().trim_start_matches("contact.");
        let id = |name: &str| detail[name].as_str().unwrap_or("-").to_owned();
        format!("{kind} {} {} {} {}", id("contact_id"), id("previous_id"), detail["version"], changed.join(","))
    };
    let described = events[*since..].iter().map(describe).collect();
    *since = events.len();
    described
}

#[tokio::test]
async fn a_change_of_number_publishes_one_update_with_both_ids() {
    let mut options = crate::support::options();
    options.parameters.insert("EventDetail".into(), "contact".into());
    let bundle = Bundle::with(options).await;
    let tenant = tenant(&bundle).await;
    let old = create(&bundle, json!({ "phone": FIRST, "name": "Jane", "tags": "vip, b" })).await;
    let mut since = 0;
    assert_eq!(published(&bundle, &mut since).await.len(), 2);
    let rename = |contact: Contact| Ok::<_, Error>(Contact { name: Some("Janet".parse().unwrap()), ..contact });
    let new = bundle.table.change_phone(&tenant, old, &number(SECOND), rename).await.unwrap().0.id;
    assert_eq!(published(&bundle, &mut since).await, [format!("updated {new} {old} 2 phone,name")]);
    let event = bundle.events().pop().unwrap();
    assert_eq!(
        (&event["detail"]["contact"]["phone"], &event["detail"]["contact"]["tags"]),
        (&json!(SECOND), &json!(["vip", "b"]))
    );
    // Later changes have the new id only, and the marks of the move are gone.
    bundle.call("update-contact", json!({ "contact_id": old, "name": "Jane" })).await;
    assert_eq!(published(&bundle, &mut since).await, [format!("updated {new} - 3 name")]);
    bundle.call("create-contact", json!({ "phone": FIRST })).await;
    assert_eq!(published(&bundle, &mut since).await, [format!("created {old} - 3 ")]);
    bundle.call("delete-contact", json!({ "contact_id": new })).await;
    assert_eq!(published(&bundle, &mut since).await, [format!("deleted {new} - 4 ")]);

    // A number that opted out before its contact was deleted is still opted out.
    let third = create(&bundle, json!({ "phone": THIRD })).await;
    for _ in 0..3 {
        bundle.call("update-contact", json!({ "phone": THIRD, "name": format!("{}", fastrand::u32(..)) })).await;
    }
    send(&bundle, "record-consent", json!({ "phone": THIRD, "consent": "opt_out", "occurred_at": at(-50) })).await;
    bundle.call("delete-contact", json!({ "phone": THIRD })).await;
    published(&bundle, &mut since).await;
    let (moved, _) = change(&bundle, old, THIRD).await.unwrap();
    assert_eq!((moved.version, moved.opted_out_at.is_some(), moved.id), (7, true, third));
    let expected = [format!("updated {third} {old} 7 phone"), format!("opted_out {third} - 7 ")];
    assert_eq!(published(&bundle, &mut since).await, expected);
    assert_eq!(bundle.dead_letters(), [json!(null); 0]);
    assert_consistent(&bundle).await;
}

#[tokio::test]
async fn former_ids_are_bounded_and_end_with_the_contact() {
    let bundle = Bundle::start().await;
    let tenant = tenant(&bundle).await;
    // The most that a contact can have: 45 tags, and the label for a number in the name.
    let tags: Vec<String> = (0..45).map(|n| format!("tag {n}")).collect();
    let first = create(&bundle, json!({ "phone": "+14155550200", "name": "Jane +1", "tags": tags.join(",") })).await;
    let mut ids = vec![first];
    for n in 1..8 {
        let (moved, _) = change(&bundle, first_leading(&ids), &format!("+1415555020{n}")).await.unwrap();
        ids.push(moved.id);
        let former: Vec<ContactId> = ids.iter().rev().skip(1).take(5).copied().collect();
        assert_eq!(moved.former_ids, former);
        for (age, id) in ids.iter().rev().enumerate() {
            let expected = (age <= 5).then_some(moved.id);
            assert_eq!(bundle.table.get(&tenant, *id).await.unwrap().map(|contact| contact.id), expected, "{age}");
        }
    }
    assert_eq!(items(&bundle, "tag#").await.len(), 46);
    assert_consistent(&bundle).await;

    // Back to a number that it had before, and to one whose id is forgotten.
    for (to, former) in [(4, [7, 6, 5, 3, 2]), (0, [4, 7, 6, 5, 3])] {
        let (moved, _) = change(&bundle, ids[6], &format!("+1415555020{to}")).await.unwrap();
        assert_eq!((moved.id, moved.former_ids), (ids[to], former.map(|n| ids[n]).to_vec()));
        assert_consistent(&bundle).await;
    }
    let verified = bundle.table.verify(&tenant, &mut Pace::new(0), &mut |_, _| {}).await.unwrap();
    assert_eq!((verified.counts.contacts, verified.counts.redirects, verified.counts.tombstones), (1, 5, 2));

    let out = json!({ "contact_id": ids[3], "consent": "opt_out", "occurred_at": at(-50) });
    send(&bundle, "record-consent", out).await;
    let answer = bundle.call("delete-contact", json!({ "contact_id": ids[5] })).await.json();
    assert_eq!(answer, json!({ "id": ids[0], "deleted": true }));
    for item in items(&bundle, "contact#").await {
        assert!(stored::is_tombstone(&item) && !item.contains_key("moved_to"), "{item:?}");
    }
    assert_eq!(items(&bundle, "tag#").await, []);
    // The opt-out is remembered under every number from which the contact could be created again.
    for (n, is_out) in [(0, true), (3, true), (4, true), (7, true), (1, false)] {
        let again = bundle.call("create-contact", json!({ "phone": format!("+1415555020{n}") })).await;
        again.has("x-contact-outcome", "created");
        assert_eq!(by_id(&bundle, ids[n]).await["opted_out_at"].is_string(), is_out, "{n}");
    }
    assert_consistent(&bundle).await;
}

/// An id that leads to the contact: a former one, if there is one.
fn first_leading(ids: &[ContactId]) -> ContactId {
    ids[ids.len().saturating_sub(5)]
}

#[tokio::test]
async fn events_are_about_who_had_the_number_when_they_occurred() {
    let bundle = Bundle::start().await;
    let old = create(&bundle, json!({ "phone": FIRST })).await;
    let new = change(&bundle, old, SECOND).await.unwrap().0.id;
    let message = |reference: (&str, Value), id: &str, seconds: i64| {
        let mut input = json!({ "message_id": id, "direction": "in", "occurred_at": at(seconds) });
        input[reference.0] = reference.1;
        input
    };
    let phone = || ("phone", json!(FIRST));
    let by_old_id = || ("contact_id", json!(old));
    // From before the change, and by id whenever.
    for (input, count) in [(message(phone(), "1", -60), 1), (message(by_old_id(), "2", 100), 2)] {
        let answer = send(&bundle, "record-message", input).await;
        assert_eq!((&answer["id"], &answer["total_messages"]), (&json!(new), &json!(count)), "{answer}");
    }
    let state = json!({ "phone": FIRST, "bot_status": "paused", "occurred_at": at(-60) });
    assert_eq!(send(&bundle, "set-contact-state", state).await["id"], json!(new));
    let consent = json!({ "phone": FIRST, "consent": "opt_out", "occurred_at": at(-60) });
    assert_eq!(send(&bundle, "record-consent", consent).await["id"], json!(new));
    assert_eq!(bundle.call("get-contact", json!({ "phone": FIRST })).await.status, 404);

    // A batch with messages from before and after: each finds its contact, and a redelivery counts nothing.
    let inputs = [
        message(phone(), "3", -50),
        message(phone(), "4", 100),
        message(by_old_id(), "5", -40),
        message(phone(), "6", 110),
        message(phone(), "7", -30),
    ];
    let mut records = Vec::new();
    for (n, input) in inputs.into_iter().enumerate() {
        records.push(sqs_record(&n.to_string(), &bundle.envelope(input).await.to_string(), None));
    }
    for _ in 0..2 {
        let outcome = bundle.invoke("record-message", json!({ "Records": records })).await;
        assert_eq!(output_of(&outcome), json!({ "batchItemFailures": [] }));
        // The second message has created a contact with the number, and later ones from before the change are not its own.
        assert_eq!(
            (&by_id(&bundle, new).await["total_messages"], &by_id(&bundle, old).await["total_messages"]),
            (&json!(3), &json!(2))
        );
    }
    assert_consistent(&bundle).await;
}

#[tokio::test]
async fn an_opt_out_of_the_old_number_is_remembered_with_it() {
    let bundle = Bundle::start().await;
    let first = create(&bundle, json!({ "phone": FIRST })).await;
    let second = change(&bundle, first, SECOND).await.unwrap().0.id;
    let consent = json!({ "phone": FIRST, "consent": "opt_out", "occurred_at": at(100) });
    let record = sqs_record("1", &bundle.envelope(consent).await.to_string(), None);
    let outcome = bundle.invoke("record-consent", json!({ "Records": [record] })).await;
    assert_eq!(output_of(&outcome), json!({ "batchItemFailures": [] }));
    // It is about whoever has the number, and nobody has it.
    assert_eq!(by_id(&bundle, second).await["opted_out_at"], json!(null));
    assert_eq!(bundle.call("get-contact", json!({ "phone": FIRST })).await.status, 404);
    assert_consistent(&bundle).await;
    let (contact, _) = change(&bundle, second, FIRST).await.unwrap();
    assert!(contact.opted_out_at.is_some() && contact.predecessor_deleted_at.is_none(), "{contact:?}");
    // Of an opt-in that is later than the opt-out that a former number remembers, nothing is lost.
    send(&bundle, "record-consent", json!({ "contact_id": second, "consent": "opt_in", "occurred_at": at(200) })).await;
    for phone in [SECOND, FIRST] {
        let (contact, _) = change(&bundle, first, phone).await.unwrap();
        assert_eq!((contact.opted_out_at, contact.opted_in_at.is_some()), (None, true), "{phone}");
    }
}

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
        let tags = (n % 8 == 0).then_some(&tag);
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

#[tokio::test]
async fn dangling_redirects_are_found_and_repaired() {
    let bundle = Bundle::start().await;
    let tenant = tenant(&bundle).await;
    let mut pairs = Vec::new();
    for n in 0..3 {
        let old = create(&bundle, json!({ "phone": format!("+1415555030{n}"), "tags": "vip" })).await;
        pairs.push((old, change(&bundle, old, &format!("+1415555040{n}")).await.unwrap().0.id));
    }
    let key = |id: ContactId| -> Item {
        let s = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
        [("tenant_id".to_owned(), s(tenant.id().to_string())), ("item".to_owned(), s(format!("contact#{id}")))].into()
    };
    // The first contact is removed by hand. The second one's redirect leads to the third one's.
    let delete = bundle.dynamodb().delete_item().table_name("ContactsTable").set_key(Some(key(pairs[0].1)));
    delete.send().await.unwrap();
    let update = bundle.dynamodb().update_item().table_name("ContactsTable").set_key(Some(key(pairs[1].0)));
    let to = aws_sdk_dynamodb::types::AttributeValue::S(pairs[2].0.to_string());
    update.update_expression("SET moved_to = :to").expression_attribute_values(":to", to).send().await.unwrap();
    let found = async || {
        let findings = bundle.table.verify(&tenant, &mut Pace::new(0), &mut |_, _| {}).await.unwrap().findings;
        findings.into_iter().filter(|found| found.kind == FindingKind::DanglingRedirect).collect::<Vec<_>>()
    };
    let findings = found().await;
    let mut places: Vec<Place> = pairs[..2].iter().map(|(old, _)| Place::Contact(*old)).collect();
    places.sort();
    assert_eq!(findings.iter().map(|found| found.place.clone()).collect::<Vec<_>>(), places);
    for finding in &findings {
        let repair = async || bundle.table.repair(&tenant, finding, &mut Pace::new(0)).await.unwrap();
        assert_eq!((repair().await, repair().await), (Repair::Repaired, Repair::NotNeeded));
    }
    assert_eq!(found().await, []);
    let leads_to = async |id| bundle.table.get(&tenant, id).await.unwrap().map(|contact| contact.id);
    assert_eq!((leads_to(pairs[0].0).await, leads_to(pairs[1].0).await), (None, Some(pairs[2].1)));
}
