//! Simultaneous calls, served by several processes of a function. Simultaneous changes of tags are in
//! `endpoints/tags.rs`.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::Bundle;

#[tokio::test]
async fn forty_simultaneous_creates_of_one_phone_make_one_contact() {
    let bundle = Bundle::start().await;
    let spellings = ["+5511987654321", "+551187654321", "+55 (11) 98765-4321", "0055 11 8765 4321"];
    let calls = (0..40).map(|n| {
        let body = json!({ "phone": spellings[n % 4], "name": "Jane", "tags": format!("t{}", n % 5) });
        bundle.call("create-contact", body)
    });
    let replies = join_all(calls).await;
    let id = replies[0].id();
    for reply in &replies {
        assert_eq!((reply.status, reply.id()), (201, id.clone()), "{}", reply.body);
    }
    let created = replies.iter().filter(|reply| reply.headers["x-contact-outcome"] == "created").count();
    assert_eq!(created, 1);
    assert!(bundle.processes("create-contact") >= 4, "{}", bundle.processes("create-contact"));
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("id"), [id]);
}

#[tokio::test]
async fn forty_simultaneous_merges_of_metadata_are_all_kept() {
    let bundle = Bundle::start().await;
    bundle.call("create-contact", json!({ "phone": "+14155550123", "tags": "vip" })).await;
    let calls = (0..40).map(|n| {
        let body = json!({ "phone": "+14155550123", "metadata": { format!("key{n}"): n } });
        bundle.call("update-contact", body)
    });
    for reply in join_all(calls).await {
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.has("x-contact-outcome", "updated");
    }
    assert!(bundle.processes("update-contact") >= 4);
    let found = bundle.call("get-contact", json!({ "phone": "+14155550123" })).await.json();
    let metadata = found["metadata"].as_object().unwrap();
    assert_eq!(metadata.len(), 40);
    assert!((0..40).all(|n| metadata[&format!("key{n}")] == n));
}

/// An import gives a new tag to thousands of contacts: no write may fail because another one defines the tag.
#[tokio::test]
async fn forty_contacts_can_define_the_same_tag_simultaneously() {
    let bundle = Bundle::start().await;
    let calls = (0..40).map(|n| {
        let body = json!({ "phone": format!("+1415555{n:04}"), "tags": "import, 2026" });
        bundle.call("create-contact", body)
    });
    for reply in join_all(calls).await {
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.has("x-contact-outcome", "created");
    }
    assert_eq!(bundle.call("search-contacts", json!({ "tag": "import" })).await.each("id").len(), 40);
}
