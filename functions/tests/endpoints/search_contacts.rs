//! `POST /api/v1/actions/search-contacts`: its documented sample, queries, filters, order, completeness.

use std::collections::BTreeSet;

use contacts::model::Contact;
use futures_util::stream::{self, StreamExt};
use serde_json::json;

use crate::support::Bundle;

#[tokio::test]
async fn the_documented_sample_works() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let jane = |contact: &mut Contact| {
        contact.name = "Jane Smith".parse().ok();
        contact.email = "jane@example.com".parse().ok();
        contact.source = contacts::model::Source::Shopify;
        contact.tags = "vip".parse().unwrap();
        contact.last_message_at = "2026-05-07T08:14:23+00:00".parse().ok();
        contact.created_at = "2026-04-15T10:32:00+00:00".parse().unwrap();
    };
    let id = bundle.put(&tenant, "+14155550123", jane).await.id;
    bundle.call("create-contact", json!({ "phone": "+14155550124", "name": "John Smith" })).await;
    bundle.call("create-contact", json!({ "phone": "+14155550125", "tags": "vip" })).await;
    let found = bundle.call("search-contacts", json!({ "query": "smith", "tag": "vip" })).await;
    let whole = format!(
        r#"[{{"id":"{id}","phone":"+14155550123","name":"Jane Smith","email":"jane@example.com","source":"shopify","tags":["vip"],"last_message_at":"2026-05-07T08:14:23+00:00","created_at":"2026-04-15T10:32:00+00:00"}}]"#
    );
    assert_eq!((found.status, found.body), (200, whole));
}

#[tokio::test]
async fn a_search_without_matches_returns_an_empty_list() {
    let bundle = Bundle::start().await;
    for body in
        [json!({}), json!([]), json!({ "query": "x" }), json!({ "tag": "x" }), json!({ "email": "x@example.com" })]
    {
        bundle.call("search-contacts", body).await.is(200, "[]");
    }
    bundle.call_raw("search-contacts", "").await.is(200, "[]");
}

/// The embedded DynamoDB's indexes are never stale; `dynamodb/faults.rs` tests stale ones.
#[tokio::test]
async fn a_contact_is_found_right_after_it_was_written() {
    let bundle = Bundle::start().await;
    for round in 0..20 {
        let phone = format!("+1415555{round:04}");
        let tag = format!("tag {round}");
        let id = bundle.call("create-contact", json!({ "phone": phone, "tags": tag })).await.id();
        assert_eq!(bundle.call("search-contacts", json!({ "tag": tag })).await.each("id"), [id.as_str()]);
        bundle.call("update-contact", json!({ "phone": phone, "tags": "other", "name": format!("N{round}") })).await;
        assert_eq!(bundle.call("search-contacts", json!({ "tag": tag })).await.body, "[]");
        assert_eq!(
            bundle.call("search-contacts", json!({ "query": format!("n{round}"), "tag": "other" })).await.each("id")[0],
            id
        );
    }
}

#[tokio::test]
async fn a_query_matches_part_of_a_name_phone_or_email() {
    let bundle = Bundle::start().await;
    for (phone, name, email) in [
        ("+14155550101", "José 100% O'Neil", "jose@example.com"),
        ("+14155550102", "Jane Mary Smith", "jane_smith@example.com"),
        ("+14165550103", "back\\slash \"quoted\"", "+1415@example.com"),
        ("+5511987654321", "ÉMILE 😀", ""),
        ("+14155559999", "Σίσυφος +1 (415) 555", "Straße@example.com"),
    ] {
        let body = json!({ "phone": phone, "name": name, "email": email, "tags": "all" });
        assert_eq!(bundle.call("create-contact", body).await.status, 201, "{name}");
    }
    let (jose, jane, back, emile, sisyphos) =
        ("+14155550101", "+14155550102", "+14165550103", "+5511987654321", "+14155559999");
    for (query, found) in [
        ("", &[jose, jane, back, emile, sisyphos][..]),
        ("  ", &[jose, jane, back, emile, sisyphos]),
        ("%", &[jose]),
        ("_", &[jane]),
        ("\\", &[back]),
        ("\"", &[back]),
        ("'", &[jose]),
        ("😀", &[emile]),
        ("É", &[jose, jane, back, emile, sisyphos]),
        ("émile", &[emile]),
        ("emile", &[emile]),
        ("ÉMILE 😀", &[emile]),
        ("JOSE", &[jose]),
        ("jose\u{301}", &[jose]),
        ("mary smith", &[jane]),
        ("smith mary", &[]),
        ("σισυφος", &[sisyphos]),
        ("STRASSE@", &[sisyphos]),
        ("example.COM", &[jose, jane, back, sisyphos]),
        ("+1 (415) 555", &[jose, jane, sisyphos]),
        ("+1415", &[jose, jane, back, sisyphos]),
        ("(415) 555-01", &[jose, jane]),
        ("415.555.0101", &[jose]),
        ("001 415", &[jose, jane, sisyphos]),
        ("+1", &[jose, jane, back, sisyphos]),
        ("+", &[jose, jane, back, emile, sisyphos]),
        ("9876", &[emile]),
        ("+55 11 8765-4321", &[emile]),
        ("0055 11 8765-4321", &[emile]),
        ("551187654321", &[emile]),
        ("+49", &[]),
        ("J%", &[]),
        ("jane smith", &[]),
    ] {
        for search in [json!({ "query": query }), json!({ "query": query, "tag": "all" })] {
            let phones: BTreeSet<String> =
                bundle.call("search-contacts", search.clone()).await.each("phone").into_iter().collect();
            assert_eq!(phones, found.iter().map(|p| (*p).to_owned()).collect(), "{search}");
        }
    }
}

#[tokio::test]
async fn filters_are_combined_with_and() {
    let bundle = Bundle::start().await;
    for (phone, name, email, tags) in [
        ("+14155550101", "Jane", "Shared@example.com", "vip, new"),
        ("+14155550102", "John", "shared@example.com", "vip"),
        ("+14155550103", "Jane", "other@example.com", "VIP, *"),
    ] {
        bundle.call("create-contact", json!({ "phone": phone, "name": name, "email": email, "tags": tags })).await;
    }
    for (search, found) in [
        (json!({ "tag": "vip" }), vec!["+14155550101", "+14155550102"]),
        (json!({ "tag": "VIP" }), vec!["+14155550103"]),
        (json!({ "tag": "vi" }), vec![]),
        (json!({ "tag": "*" }), vec!["+14155550103"]),
        (json!({ "tag": "vip, new" }), vec![]),
        (json!({ "tag": "x".repeat(101) }), vec![]),
        (json!({ "email": "SHARED@example.com" }), vec!["+14155550101", "+14155550102"]),
        (json!({ "email": "shared@example.com", "query": "jane" }), vec!["+14155550101"]),
        (json!({ "email": "shared@example.com", "tag": "new" }), vec!["+14155550101"]),
        (json!({ "email": "shared@example.com", "tag": "vip", "query": "0102" }), vec!["+14155550102"]),
        (json!({ "email": "shared@example", "query": null }), vec![]),
        (json!({ "query": "jane", "tag": "new", "email": "" }), vec!["+14155550101"]),
        (json!({ "query": "+1415", "tag": "new" }), vec!["+14155550101"]),
    ] {
        let mut phones = bundle.call("search-contacts", search.clone()).await.each("phone");
        phones.sort();
        assert_eq!(phones, found, "{search}");
    }
}

/// Contacts with a message by its time, then the others by created_at, both descending; ties by id.
#[tokio::test]
async fn the_fifty_most_recently_active_come_first() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let mut expected = Vec::new();
    for n in 0..51 {
        let day = 1 + n / 2 % 28;
        let at = format!("2026-0{}-{day:02}T00:00:00+00:00", 1 + n % 3);
        let messaged = n % 4 != 0;
        let write = |contact: &mut Contact| {
            contact.name = "Same Name".parse().ok();
            contact.tags = "same".parse().unwrap();
            let time = at.parse().unwrap();
            if messaged { contact.last_message_at = Some(time) } else { contact.created_at = time }
        };
        let contact = bundle.put(&tenant, &format!("+141555500{n:02}"), write).await;
        expected.push((messaged, at, contact.id.to_string()));
    }
    expected.sort();
    expected.reverse();
    let expected: Vec<String> = expected.into_iter().map(|(_, _, id)| id).take(50).collect();
    for search in [
        json!({}),
        json!({ "tag": "same" }),
        json!({ "query": "same" }),
        json!({ "query": "+1415", "tag": "same" }),
        json!({ "query": "+1415555" }),
        json!({}),
    ] {
        assert_eq!(bundle.call("search-contacts", search.clone()).await.each("id"), expected, "{search}");
    }
}

#[tokio::test]
async fn a_search_covers_all_of_three_thousand_contacts() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let write = |n: i32| {
        let (bundle, tenant) = (&bundle, &tenant);
        async move {
            let phone = format!("+1415{:07}", n);
            let last = n == 1234;
            let change = |contact: &mut Contact| {
                contact.name = if last { "Needle" } else { "Haystack straw" }.parse().ok();
                contact.created_at =
                    if last { "2020-01-01T00:00:00+00:00" } else { "2026-01-01T00:00:00+00:00" }.parse().unwrap();
            };
            bundle.put(tenant, &phone, change).await;
        }
    };
    stream::iter(0..3_000).map(write).buffer_unordered(16).collect::<Vec<()>>().await;
    for query in ["needle", "+14150001234", "0001234"] {
        assert_eq!(bundle.call("search-contacts", json!({ "query": query })).await.each("name"), ["Needle"], "{query}");
    }
    // Too many numbers begin like this for the phone index to be used; the walk finds them all the same.
    assert_eq!(bundle.call("search-contacts", json!({ "query": "+1415000" })).await.each("id").len(), 50);
    assert_eq!(bundle.call("search-contacts", json!({ "query": "straw" })).await.each("id").len(), 50);
}
