//! `POST /api/v1/actions/add-tag`, `remove-tag` and `list-tags`: their steps, concurrency, the limit of 45 tags, cost.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::call_until_served;
use crate::support::Bundle;

const PHONE: &str = "+14155550123";

async fn with_jane(tags: &str) -> Bundle {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": PHONE, "name": "Jane", "tags": tags })).await;
    bundle
}

async fn tags_of_jane(bundle: &Bundle) -> Value {
    bundle.call("get-contact", json!({ "phone": PHONE })).await.json()["tags"].clone()
}

#[tokio::test]
async fn an_added_tag_is_listed_and_searchable() {
    let bundle = with_jane("vip").await;
    let body = json!({ "phone": "001 (415) 555-0123", "tag": " beta testers " });
    let answer = r#"{"id":"<id>","phone":"+14155550123","tag_added":"beta testers","tags":["vip","beta testers"]}"#;
    bundle.call("add-tag", body.clone()).await.is(200, answer).has("x-contact-outcome", "updated");
    bundle.call("add-tag", body).await.is(200, answer).has("x-contact-outcome", "unchanged");
    // Adding it twice makes one membership: a search returns the contact once.
    let found = bundle.call("search-contacts", json!({ "tag": "beta testers" })).await;
    assert_eq!(found.each("name"), ["Jane"]);
    // Tags differ by case.
    let id = found.json()[0]["id"].clone();
    let reply = bundle.call("add-tag", json!({ "contact_id": id, "tag": "VIP" })).await;
    assert_eq!(reply.json()["tags"], json!(["vip", "beta testers", "VIP"]));
}

#[tokio::test]
async fn a_removed_tag_stays_in_the_tag_list() {
    let bundle = with_jane("vip, fr-FR").await;
    let answer = |tags: &str| format!(r#"{{"id":"<id>","phone":"+14155550123","tag_removed":"vip","tags":{tags}}}"#);
    let body = json!({ "phone": PHONE, "tag": "vip" });
    bundle.call("remove-tag", body.clone()).await.is(200, &answer(r#"["fr-FR"]"#)).has("x-contact-outcome", "updated");
    bundle.call("remove-tag", body).await.is(200, &answer(r#"["fr-FR"]"#)).has("x-contact-outcome", "unchanged");
    let unknown = bundle.call("remove-tag", json!({ "phone": PHONE, "tag": "never used" })).await;
    unknown.has("x-contact-outcome", "unchanged");
    bundle.call("search-contacts", json!({ "tag": "vip" })).await.is(200, "[]");
    // The removed tag is still listed. Removing a tag that no contact has defines no tag.
    assert_eq!(bundle.call("list-tags", json!({})).await.each("name"), ["fr-FR", "vip"]);
}

#[tokio::test]
async fn a_contact_has_at_most_45_tags() {
    let full: Vec<String> = (0..45).map(|n| format!("t{n:02}")).collect();
    let bundle = with_jane(&full.join(",")).await;
    let refused = r#"{"error":"A contact can have at most 45 tags.","message":"A contact can have at most 45 tags."}"#;
    bundle.call("add-tag", json!({ "phone": PHONE, "tag": "t45" })).await.is(422, refused);
    let again = bundle.call("add-tag", json!({ "phone": PHONE, "tag": "t07" })).await;
    assert_eq!(again.status, 200);
    again.has("x-contact-outcome", "unchanged");
    assert_eq!(tags_of_jane(&bundle).await, json!(full));
}

#[tokio::test]
async fn forty_tags_added_simultaneously_are_all_kept() {
    let bundle = with_jane("vip").await;
    // Forty processes that start at once take most of the time of a call, so they start before.
    join_all((0..40).map(|_| bundle.call("add-tag", json!({ "phone": PHONE, "tag": "vip" })))).await;
    // Forty writers in turn take longer than a call may, if the machine is busy. A write whose call failed may have been applied.
    let calls =
        (0..40).map(|n| call_until_served(&bundle, "add-tag", json!({ "phone": PHONE, "tag": format!("t{n:02}") })));
    for (n, reply) in join_all(calls).await.iter().enumerate() {
        assert_eq!((reply.status, &reply.json()["tag_added"]), (200, &json!(format!("t{n:02}"))), "{}", reply.body);
    }
    assert!(bundle.processes("add-tag") > 1);
    let tags = tags_of_jane(&bundle).await;
    let mut tags: Vec<&str> = tags.as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
    tags.sort();
    let mut all: Vec<String> = (0..40).map(|n| format!("t{n:02}")).collect();
    all.push("vip".into());
    assert_eq!(tags, all);
    assert_eq!(bundle.call("list-tags", json!({})).await.each("name"), all);
    for tag in ["t00", "t39", "vip"] {
        assert_eq!(bundle.call("search-contacts", json!({ "tag": tag })).await.each("phone"), [PHONE], "{tag}");
    }
    let calls =
        (0..10).map(|n| call_until_served(&bundle, "remove-tag", json!({ "phone": PHONE, "tag": format!("t{n:02}") })));
    for reply in join_all(calls).await {
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    assert_eq!(tags_of_jane(&bundle).await.as_array().unwrap().len(), 31);
}

#[tokio::test]
async fn tags_are_listed_by_name_and_filtered() {
    let bundle = with_jane("vip, fr-FR, VIP 2026, Évènement, 100%, a_b, b").await;
    bundle.call_as("acme-token", "create-contact", json!({ "phone": PHONE, "tags": "theirs" })).await;
    let list = bundle.call("list-tags", json!({})).await;
    assert_eq!(list.each("name"), ["100%", "a_b", "b", "fr-FR", "vip", "VIP 2026", "Évènement"]);
    for (name, found) in [
        (json!("vip"), vec!["vip", "VIP 2026"]),
        (json!(" VIP "), vec!["vip", "VIP 2026"]),
        (json!("evene"), vec!["Évènement"]),
        (json!("%"), vec!["100%"]),
        (json!("_"), vec!["a_b"]),
        (json!("nothing like it"), vec![]),
        (json!(""), list.each("name").iter().map(String::as_str).collect()),
        (json!(null), list.each("name").iter().map(String::as_str).collect()),
    ] {
        assert_eq!(bundle.call("list-tags", json!({ "name": name })).await.each("name"), found, "{name}");
    }
    bundle
        .call("list-tags", json!({ "name": "fr" }))
        .await
        .is(200, r#"[{"id":"<id>","name":"fr-FR","created_at":"<time>"}]"#);
    bundle
        .call("list-tags", json!({ "name": 5 }))
        .await
        .is(422, r#"{"message":"The given data was invalid.","errors":{"name":["The name must be a string."]}}"#);
    // Each tag has an id of its own, which never changes.
    let ids = list.each("id");
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len());
    bundle.call("remove-tag", json!({ "phone": PHONE, "tag": "b" })).await;
    bundle.call("add-tag", json!({ "phone": PHONE, "tag": "b" })).await;
    assert_eq!(bundle.call("list-tags", json!({})).await.body, list.body);
}

#[tokio::test]
async fn a_thousand_tags_are_listed_with_one_request() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let tenant = bundle.tenant("demo-token").await;
    for batch in 0..25 {
        let tags: Vec<String> = (0..41).map(|n| format!("{:04}", (batch * 41 + n) * 7919 % 1025)).collect();
        let tagged = |contact: &mut contacts::model::Contact| contact.tags = tags.join(",").parse().unwrap();
        bundle.put(&tenant, &format!("+141555501{batch:02}"), tagged).await;
    }
    bundle.call("list-tags", json!({ "name": 5 })).await;
    proxy.clear();
    let names = bundle.call("list-tags", json!({})).await.each("name");
    assert_eq!(names, (0..1000).map(|n| format!("{n:04}")).collect::<Vec<_>>());
    let seen = proxy.take_requests();
    assert_eq!(seen.iter().map(|seen| seen.operation.as_str()).collect::<Vec<_>>(), ["Query"]);
    // The filter applies to all tags, also to those after the first thousand.
    let names = bundle.call("list-tags", json!({ "name": "102" })).await.each("name");
    assert_eq!(names, ["0102", "1020", "1021", "1022", "1023", "1024"]);
    assert_eq!(proxy.take_requests().len(), 1);
}
