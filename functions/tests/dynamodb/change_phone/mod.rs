//! A contact gets another number, and with it another id: what finds it, and what is left under its former ids.
//!
//! | file | owns |
//! |---|---|
//! | `mod.rs` | look-ups, taken numbers, former ids, their verification |
//! | `events.rs` | the change feed, and events by the old number or id |
//! | `races.rs` | writers and other contacts at the same time, and lost responses |

mod events;
mod races;

use contacts::model::{Contact, ContactId, Phone, Tenant, Timestamp};
use contacts::store::{Error, FindingKind, Outcome, Pace, Place, Repair};
use serde_json::{Value, json};

use crate::support::stored::{self, Item};
use crate::support::{Bundle, output_of};

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
    // No contact has the old number.
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

    // Another contact gets the old number, and with it the old id.
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
