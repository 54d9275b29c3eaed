//! Verifying and repairing a tenant's items: no finding on a healthy tenant, also while it is written to; every sabotaged
//! item found; repairs that lose no update.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use contacts::model::{Contact, ContactId, Phone, Source, Tag, Tags, Tenant, Timestamp};
use contacts::store::{Counts, Error, Finding, FindingKind, Pace, Place, Repair, Verification};
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::support::stored::{Item, contradictions, items};
use crate::support::{Bundle, Fault};

const TABLE: &str = "ContactsTable";

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

async fn verify(bundle: &Bundle, tenant: &Tenant) -> Verification {
    bundle.table.verify(tenant, &mut Pace::new(0), &mut |_, _| {}).await.unwrap()
}

/// The findings, as `kind place`.
async fn found(bundle: &Bundle, tenant: &Tenant) -> Vec<Finding> {
    verify(bundle, tenant).await.findings
}

fn finding(kind: FindingKind, place: Place) -> Finding {
    Finding { kind, place }
}

fn membership(kind: FindingKind, contact: ContactId, label: &str) -> Finding {
    finding(kind, Place::Membership { contact, label: label.to_owned() })
}

/// A contact with tags, written as functions write it.
async fn write(
    bundle: &Bundle,
    tenant: &Tenant,
    phone: &str,
    tags: &str,
    change: impl Fn(&mut Contact) + Send + Sync,
) -> Contact {
    let phone: Phone = phone.parse().unwrap();
    let tags: Tags = tags.parse().unwrap();
    let id = tenant.contact_id(&phone);
    let rule = |stored: Option<Contact>| {
        let new = || Contact::new(id, phone.clone(), Source::Api, Timestamp::now());
        let mut contact = stored.unwrap_or_else(new);
        contact.tags = tags.clone();
        change(&mut contact);
        Ok::<_, Error>(contact)
    };
    patiently(async || bundle.table.upsert(tenant, id, Some(&tags), &rule).await).await.0
}

/// Repeats what is idempotent while the machine is too busy for it.
async fn patiently<T>(attempt: impl AsyncFn() -> Result<T, Error>) -> T {
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(Error::Unavailable(_) | Error::Throttled | Error::Conflict) => sleep(Duration::from_millis(200)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Contacts with everything that decides about memberships and index attributes.
async fn populate(bundle: &Bundle, tenant: &Tenant, count: u32) {
    let person = async |n: u32| {
        let tags = match n % 9 {
            0 => String::new(),
            1 => "vip".to_owned(),
            2 => "*, *+, **starred".to_owned(),
            3 => "a#b, vip".to_owned(),
            4 => (0..45).map(|tag| format!("tag-{tag}")).collect::<Vec<_>>().join(","),
            n => format!("vip, tag-{n}, é"),
        };
        // Some with 45 tags are enough.
        let tags = if n % 9 == 4 && n > 200 { "vip" } else { &tags };
        write(bundle, tenant, &format!("+1415555{n:05}"), tags, |contact| {
            contact.name = (!n.is_multiple_of(4)).then(|| format!("Zoë {n}").parse().unwrap());
            contact.email = (!n.is_multiple_of(3)).then(|| format!("Jane+{n}@example.com").parse().unwrap());
            if n.is_multiple_of(5) {
                contact.last_message_at = Some(Timestamp::from_second(1_780_000_000 + i64::from(n)).unwrap());
                contact.total_messages = 1;
            }
            contact.opted_out_at = n.is_multiple_of(7).then(Timestamp::now);
            contact.state.archived = n.is_multiple_of(11);
        })
        .await;
    };
    for first in (0..count).step_by(16) {
        join_all((first..count.min(first + 16)).map(person)).await;
    }
}

#[tokio::test]
async fn a_healthy_tenant_has_no_findings() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let tenant = bundle.tenant("demo-token").await;
    assert_eq!(found(&bundle, &tenant).await, []);
    populate(&bundle, &tenant, 2_000).await;
    // Tags that no contact has any more stay in the catalogue, and events stay for a month.
    write(&bundle, &tenant, "+14155500000", "gone", |_| {}).await;
    write(&bundle, &tenant, "+14155500000", "", |_| {}).await;
    let message = serde_json::json!({
        "phone": "+14155500001", "message_id": "wamid.1", "direction": "in", "occurred_at": "2026-05-07T08:15:00Z"
    });
    bundle.invoke("record-message", bundle.envelope(message).await).await;
    populate(&bundle, &bundle.tenant("acme-token").await, 20).await;
    proxy.clear();

    let mut pace = Pace::new(0);
    let mut pages = 0;
    let verified = bundle.table.verify(&tenant, &mut pace, &mut |_, _| pages += 1).await.unwrap();
    assert_eq!(verified.findings, []);
    let Counts { contacts, memberships, tags, inspected, .. } = verified.counts;
    assert_eq!((contacts, tags, inspected), (2_002, 52, 0));
    let stored = items(bundle.dynamodb(), &tenant.id().to_string(), "tag#").await;
    assert_eq!(memberships, stored.len() as u64);
    let forwarded = proxy.take_requests();
    assert!(forwarded.iter().all(|request| request.operation == "Query"), "{forwarded:?}");
    let counted: f64 = forwarded.iter().map(|request| request.units).sum();
    // A page that takes longer than the SDK waits is requested again, and only the answer that arrives is counted.
    let is_repeated = forwarded.len() > pages;
    let difference = counted - pace.units();
    assert!(difference.abs() < 0.01 || is_repeated && difference > 0.0, "{} {counted}", pace.units());
    assert!(pages >= 10, "{pages}");
    assert!(verified.bytes < 2_002 * 2 * 32 + stored.len() * 8 + 10_000, "{}", verified.bytes);
}

#[tokio::test]
async fn writers_at_the_same_time_are_no_findings() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let tenant = bundle.tenant("demo-token").await;
    populate(&bundle, &tenant, 300).await;
    // The pages of the verification are partly those of before.
    let mut queries = 0;
    proxy.inject(move |operation| {
        queries += usize::from(operation == "Query");
        if operation == "Query" && queries % 2 == 0 { Fault::StaleRead } else { Fault::None }
    });
    let is_done = AtomicBool::new(false);
    let writer = async |n: u32| {
        let mut round = 0;
        while !is_done.load(Ordering::Relaxed) {
            round += 1;
            let tags = ["", "vip", "vip, é", "new, a#b"][fastrand::usize(..4)];
            let phone = format!("+1415555{:05}", fastrand::u32(..20) * 15 + n);
            write(&bundle, &tenant, &phone, tags, |contact| {
                contact.name = Some(format!("+1 {round}").parse().unwrap());
                contact.state.blocked = round % 2 == 0;
            })
            .await;
        }
    };
    let verifier = async {
        let mut inspected = 0;
        for _ in 0..4 {
            let verified = verify(&bundle, &tenant).await;
            assert_eq!(verified.findings, []);
            inspected += verified.counts.inspected;
        }
        is_done.store(true, Ordering::Relaxed);
        inspected
    };
    let (inspected, _) = tokio::join!(verifier, join_all((0..4).map(writer)));
    assert!(inspected > 0, "nothing was suspicious, so the test shows nothing");
}

/// Edits items by hand, as an operator should not.
struct Sabotage<'a> {
    bundle: &'a Bundle,
    tenant: &'a Tenant,
}

impl Sabotage<'_> {
    fn key(&self, item: &str) -> Item {
        [("tenant_id".to_owned(), s(self.tenant.id().to_string())), ("item".to_owned(), s(item))].into()
    }

    async fn delete(&self, item: &str) {
        let delete = self.bundle.dynamodb().delete_item().table_name(TABLE).set_key(Some(self.key(item)));
        delete.send().await.unwrap();
    }

    async fn set(&self, item: &str, name: &str, value: Option<AttributeValue>) {
        let update = self.bundle.dynamodb().update_item().table_name(TABLE).set_key(Some(self.key(item)));
        let update = update.expression_attribute_names("#name", name);
        let update = match value {
            Some(value) => update.update_expression("SET #name = :value").expression_attribute_values(":value", value),
            None => update.update_expression("REMOVE #name"),
        };
        update.send().await.unwrap();
    }

    async fn get(&self, item: &str) -> Option<Item> {
        let get = self.bundle.dynamodb().get_item().table_name(TABLE).set_key(Some(self.key(item)));
        get.consistent_read(true).send().await.unwrap().item
    }
}

#[tokio::test]
async fn sabotaged_items_are_found_and_repaired() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let sabotage = Sabotage { bundle: &bundle, tenant: &tenant };
    populate(&bundle, &tenant, 30).await;
    let mut ids = Vec::new();
    for n in 0..12 {
        let phone = format!("+4477009{n:05}");
        let contact = write(&bundle, &tenant, &phone, "x, y", |contact| {
            contact.name = Some("Jane".parse().unwrap());
            contact.email = Some(format!("jane{n}@example.com").parse().unwrap());
        });
        ids.push(contact.await.id);
    }
    assert_eq!(found(&bundle, &tenant).await, []);

    sabotage.delete(&format!("tag#x#{}", ids[0])).await;
    sabotage.set(&format!("tag#y#{}", ids[1]), "search_text", Some(s("joan"))).await;
    sabotage.set(&format!("tag#y#{}", ids[1]), "note", Some(s("by hand"))).await;
    sabotage.set(&format!("tag#x#{}", ids[2]), "tag", Some(s("y"))).await;
    // The contact is gone, and its name and number are still in its memberships.
    sabotage.delete(&format!("contact#{}", ids[3])).await;
    sabotage.set(&format!("contact#{}", ids[4]), "phone_key", Some(s("+15555550000"))).await;
    sabotage.set(&format!("contact#{}", ids[5]), "email_key", None).await;
    sabotage.set(&format!("contact#{}", ids[6]), "tag", None).await;
    // Edited by hand, in the contact alone.
    sabotage.set(&format!("contact#{}", ids[7]), "tags", Some(AttributeValue::L(vec![s("x"), s("z")]))).await;
    // Deleted as functions delete; then the memberships and some attributes come back from nowhere.
    let before = sabotage.get(&format!("tag#x#{}", ids[8])).await.unwrap();
    bundle.table.delete(&tenant, ids[8]).await.unwrap();
    bundle.dynamodb().put_item().table_name(TABLE).set_item(Some(before)).send().await.unwrap();
    sabotage.set(&format!("contact#{}", ids[8]), "name", Some(s("Jane"))).await;
    sabotage.set(&format!("contact#{}", ids[8]), "tag", Some(s("*"))).await;
    sabotage.set(&format!("contact#{}", ids[8]), "active_at", Some(s("1#2026"))).await;
    sabotage.set(&format!("contact#{}", ids[9]), "phone", Some(s("+447700900999"))).await;
    sabotage.set(&format!("contact#{}", ids[10]), "version", Some(s("many"))).await;
    sabotage.delete("tagdef#vip").await;
    sabotage.set("tagdef#é", "id", Some(s("00000000-0000-4000-8000-000000000000"))).await;
    let first_use = sabotage.get("tagdef#é").await.unwrap()["created_at"].clone();
    let id = ids[11];
    let garbage = [
        "note#1".to_owned(),
        "contact#Jane".to_owned(),
        format!("contact#{}", id.to_string().to_uppercase()),
        "tag#x#Jane".to_owned(),
        "tagdef#".to_owned(),
        "tagdef# x".to_owned(),
        "aaa".to_owned(),
        "contact$".to_owned(),
        "event".to_owned(),
        "zzz".to_owned(),
    ];
    for key in &garbage {
        sabotage.set(key, "any", Some(s("thing"))).await;
    }

    use FindingKind::{
        ExtraMembership, MissingMembership, MissingTag, OrphanedMembership, StaleMembership, TombstoneWithData,
        UnknownItem, UnreadableContact, WrongId, WrongIndexAttributes, WrongTag,
    };
    let mut lost = vec![finding(WrongId, Place::Contact(ids[9])), finding(UnreadableContact, Place::Contact(ids[10]))];
    lost.extend(garbage.iter().map(|key| finding(UnknownItem, Place::Item(key.clone()))));
    lost.sort();
    let mut expected = vec![
        membership(MissingMembership, ids[0], "x"),
        membership(StaleMembership, ids[1], "y"),
        membership(StaleMembership, ids[2], "x"),
        membership(OrphanedMembership, ids[3], "x"),
        membership(OrphanedMembership, ids[3], "y"),
        finding(WrongIndexAttributes, Place::Contact(ids[4])),
        finding(WrongIndexAttributes, Place::Contact(ids[5])),
        finding(WrongIndexAttributes, Place::Contact(ids[6])),
        // The row of each membership has the list of tags.
        membership(StaleMembership, ids[7], "x"),
        membership(ExtraMembership, ids[7], "y"),
        membership(MissingMembership, ids[7], "z"),
        membership(OrphanedMembership, ids[8], "x"),
        finding(TombstoneWithData, Place::Contact(ids[8])),
        finding(MissingTag, Place::Tag("vip".into())),
        finding(MissingTag, Place::Tag("z".into())),
        finding(WrongTag, Place::Tag("é".into())),
    ];
    expected.extend(lost.iter().cloned());
    expected.sort();
    let findings = found(&bundle, &tenant).await;
    assert_eq!(findings, expected);

    let mut pace = Pace::new(0);
    for found in &findings {
        let repair = bundle.table.repair(&tenant, found, &mut pace).await.unwrap();
        // A contact's memberships are repaired together.
        let possible: &[Repair] =
            if found.kind.is_repairable() { &[Repair::Repaired, Repair::NotNeeded] } else { &[Repair::NotPossible] };
        assert!(possible.contains(&repair), "{found:?}: {repair:?}");
    }
    assert_eq!(found(&bundle, &tenant).await, lost);
    for found in &findings {
        let again = bundle.table.repair(&tenant, found, &mut pace).await.unwrap();
        assert!(matches!(again, Repair::NotNeeded | Repair::NotPossible), "{found:?}: {again:?}");
    }
    assert_eq!(sabotage.get("tagdef#é").await.unwrap()["created_at"], first_use);

    // The judge of the other tests, which shares no code with the store, agrees.
    for key in &garbage {
        sabotage.delete(key).await;
    }
    for id in &ids[9..11] {
        for item in ["contact#", "tag#x#", "tag#y#"] {
            sabotage.delete(&format!("{item}{id}")).await;
        }
    }
    let tombstone = sabotage.get(&format!("contact#{}", ids[8])).await.unwrap();
    let mut names: Vec<&String> = tombstone.keys().collect();
    names.sort();
    assert_eq!(names, ["deleted_at", "item", "tenant_id", "version", "write_ids"]);
    assert_eq!(judged(&bundle, &tenant).await, []);
    assert_eq!(found(&bundle, &tenant).await, []);
    // The contact of the garbage is there.
    let search = bundle.call("search-contacts", serde_json::json!({ "tag": "x" })).await;
    assert_eq!(search.json().as_array().unwrap().len(), 8);
}

async fn judged(bundle: &Bundle, tenant: &Tenant) -> Vec<(String, String)> {
    let tenant = tenant.id().to_string();
    let of = async |prefix| items(bundle.dynamodb(), &tenant, prefix).await;
    contradictions(&of("contact#").await, &of("tag#").await, &of("tagdef#").await)
}

#[tokio::test]
async fn repairs_lose_no_update_and_undo_none() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let tenant = bundle.tenant("demo-token").await;
    let sabotage = Sabotage { bundle: &bundle, tenant: &tenant };
    const PHONE: &str = "+14155550123";
    let contact = write(&bundle, &tenant, PHONE, "first", |_| {}).await;
    let id = contact.id;
    let mut conflicts = 0;
    proxy.inject(move |operation| match operation {
        "TransactGetItems" => {
            conflicts += 1;
            if conflicts % 3 == 0 { Fault::Throttled } else { Fault::None }
        }
        "TransactWriteItems" if fastrand::u8(..4) == 0 => Fault::TransactionConflict,
        _ => Fault::None,
    });
    let is_done = AtomicBool::new(false);
    let writer = async |n: usize| {
        for round in 0..10 {
            let tag: Tag = format!("tag-{}", n * 10 + round).parse().unwrap();
            let tags = Tags::from(tag.clone());
            let add = |mut contact: Contact| {
                contact.tags.add(&tag).map_err(|_| Error::NotFound)?;
                contact.name = Some(tag.as_str().parse().unwrap());
                Ok::<_, Error>(contact)
            };
            patiently(async || bundle.table.update(&tenant, id, Some(&tags), add).await).await;
            sleep(Duration::from_millis(fastrand::u64(..60))).await;
        }
    };
    let saboteur = async {
        let mut repaired = 0;
        // A writer may be faster and write the memberships too, so the last round is without writers.
        while !is_done.load(Ordering::Relaxed) || repaired == 0 {
            sabotage.delete(&format!("tag#first#{id}")).await;
            sabotage.set(&format!("contact#{id}"), "phone_key", Some(s("+1"))).await;
            for wrong in [
                membership(FindingKind::MissingMembership, id, "first"),
                finding(FindingKind::WrongIndexAttributes, Place::Contact(id)),
            ] {
                let repair = patiently(async || bundle.table.repair(&tenant, &wrong, &mut Pace::new(0)).await).await;
                repaired += usize::from(repair == Repair::Repaired);
            }
        }
        repaired
    };
    let writers = async {
        join_all((0..4).map(writer)).await;
        is_done.store(true, Ordering::Relaxed);
    };
    let (repaired, ()) = tokio::join!(saboteur, writers);
    assert!(repaired > 0);
    proxy.clear();
    let stored = bundle.table.get(&tenant, id).await.unwrap().unwrap();
    assert_eq!(stored.tags.iter().count(), 41, "an added tag was lost");
    assert_eq!(judged(&bundle, &tenant).await, []);
    assert_eq!(found(&bundle, &tenant).await, []);
}
