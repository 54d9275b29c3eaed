//! `cursor` and `limit` of search-contacts and list-tags: pages are complete and exact, cursors are bound to their list.

use std::collections::{BTreeMap, HashMap, HashSet};

use contacts::model::{Contact, Tenant};
use contacts::store::{Search, Window};
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::{ATTEMPTS, call_until_served};
use crate::support::{Bundle, InvocationOutcome, Reply, invalid, output_of};

/// Records a message, which is delivered again until it is recorded.
async fn record(bundle: &Bundle, message: Value) {
    let event = bundle.envelope(message).await;
    for _ in 1..ATTEMPTS {
        if matches!(bundle.invoke("record-message", event.clone()).await, InvocationOutcome::Answered(_)) {
            return;
        }
    }
    output_of(&bundle.invoke("record-message", event).await);
}

/// Follows `X-Next-Cursor` to the end. Returns the pages.
async fn pages(bundle: &Bundle, action: &str, filters: &Value, limit: usize) -> Vec<Reply> {
    let mut body = filters.clone();
    body["limit"] = json!(limit);
    let mut pages = Vec::new();
    loop {
        let page = call_until_served(bundle, action, body.clone()).await;
        assert_eq!(page.status, 200, "{body}: {}", page.body);
        let next = next_cursor(&page);
        let length = page.json().as_array().unwrap().len();
        assert!(length <= limit && (next.is_none() || length == limit), "{body}: {length} of {limit}");
        assert!(length > 0 || pages.is_empty(), "an empty page after {} others", pages.len());
        pages.push(page);
        match next {
            Some(cursor) => body["cursor"] = json!(cursor),
            None => return pages,
        }
    }
}

/// The cursor of the next page, which is also in the header `Link`.
fn next_cursor(page: &Reply) -> Option<String> {
    let header = |name| page.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let cursor = header("x-next-cursor");
    assert_eq!(header("link"), cursor.as_ref().map(|cursor| format!(r#"<?cursor={cursor}>; rel="next""#)));
    cursor
}

/// One value of every row of all pages.
fn each(pages: &[Reply], key: &str) -> Vec<String> {
    pages.iter().flat_map(|page| page.each(key)).collect()
}

/// Creates contacts with few different times, so that many are sorted by their ids, and returns their ids in the order of
/// search results.
async fn create(
    bundle: &Bundle,
    tenant: &Tenant,
    count: usize,
    change: impl Fn(usize, &mut Contact) + Sync,
) -> Vec<String> {
    let write = async |n: usize| {
        let write = |contact: &mut Contact| {
            let time = format!("2026-01-{:02}T00:00:00Z", 1 + n / 7 % 28).parse().unwrap();
            contact.created_at = time;
            contact.last_message_at = (!n.is_multiple_of(3)).then_some(time);
            change(n, contact);
        };
        let contact = bundle.put(tenant, &format!("+1415{n:07}"), write).await;
        ((contact.last_message_at, contact.created_at, contact.id), contact)
    };
    let mut written: BTreeMap<_, _> = stream::iter(0..count).map(write).buffer_unordered(4).collect().await;
    std::iter::from_fn(|| written.pop_last()).map(|(_, contact)| contact.id.to_string()).collect()
}

#[tokio::test]
async fn pages_of_every_plan_are_the_whole_result_in_order() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let change = |n: usize, contact: &mut Contact| {
        contact.name = match n % 5 {
            0 => "Jane +1415",
            1 => "José",
            _ => "Jose Smith",
        }
        .parse()
        .ok();
        contact.email =
            Some(if n.is_multiple_of(2) { "Shared@example.com" } else { "other@example.com" }.parse().unwrap());
        contact.tags = if n.is_multiple_of(4) { "vip, new" } else { "new" }.parse().unwrap();
    };
    let all = create(&bundle, &tenant, 130, change).await;
    let whole = pages(&bundle, "search-contacts", &json!({}), 100).await;
    assert_eq!(each(&whole, "id"), all);
    let rows = whole.iter().flat_map(|page| page.json().as_array().unwrap().clone());
    let fields: HashMap<String, Value> = rows.map(|row| (row["id"].as_str().unwrap().to_owned(), row)).collect();
    type Filter = fn(&Value) -> bool;
    let cases: [(Value, Filter); 9] = [
        (json!({}), |_| true),
        (json!({ "tag": "vip" }), |row| row["tags"][0] == "vip"),
        (json!({ "query": "jose" }), |row| row["name"].as_str().unwrap().starts_with("Jos")),
        (json!({ "query": "smith", "tag": "vip" }), |row| row["name"] == "Jose Smith" && row["tags"][0] == "vip"),
        // The walk, because a hundred numbers and more begin like this; then the index of numbers, and names with the text.
        (json!({ "query": "+1415" }), |_| true),
        (json!({ "query": "+14150000" }), |row| row["phone"].as_str().unwrap().starts_with("+14150000")),
        (json!({ "query": "+141500000" }), |row| row["phone"].as_str().unwrap().starts_with("+141500000")),
        (json!({ "query": "+1 (415)", "tag": "vip", "email": "shared@example.com" }), |row| row["tags"][0] == "vip"),
        (json!({ "email": "SHARED@example.com" }), |row| row["email"] == "Shared@example.com"),
    ];
    for (filters, matches) in cases {
        let expected: Vec<&String> = all.iter().filter(|id| matches(&fields[*id])).collect();
        assert!(!expected.is_empty(), "{filters}");
        for limit in [1, 7, 50, 100] {
            let found = each(&pages(&bundle, "search-contacts", &filters, limit).await, "id");
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filters} in pages of {limit}");
        }
        // Without the new fields, the first fifty.
        let plain = bundle.call("search-contacts", filters.clone()).await;
        assert_eq!(plain.each("id").iter().collect::<Vec<_>>(), expected[..expected.len().min(50)], "{filters}");
        assert_eq!(next_cursor(&plain).is_some(), expected.len() > 50, "{filters}");
    }
}

/// No endpoint of HTTP filters by consent; others list with it.
#[tokio::test]
async fn pages_without_the_opted_out_are_complete_and_have_cursors_of_their_own() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let change = |n: usize, contact: &mut Contact| {
        contact.opted_out_at = (n % 10 > 6).then(|| "2026-01-01T00:00:00Z".parse().unwrap());
        contact.tags = "vip".parse().unwrap();
    };
    let all = create(&bundle, &tenant, 120, change).await;
    for tag in [None, Some("vip".parse().unwrap())] {
        let search = Search { tag, opted_in_only: true, ..Search::default() };
        let mut found = Vec::new();
        let mut window = Window { limit: 7, ..Window::default() };
        loop {
            let page = bundle.table.search(&tenant, &search, window).await.unwrap();
            assert!(page.rows.iter().all(|row| row.opted_out_at.is_none()) && !page.rows.is_empty());
            found.extend(page.rows.into_iter().map(|row| row.id.to_string()));
            let Some(next) = page.next else { break };
            let cursor = search.cursor(&tenant, &next);
            let everyone = Search { tag: search.tag.clone(), ..Search::default() };
            assert!(everyone.position(&tenant, &cursor).is_err());
            window.after = Some(search.position(&tenant, &cursor).unwrap());
        }
        let (listed, is_listed): (HashSet<&String>, _) = (found.iter().collect(), |id: &&String| found.contains(id));
        assert_eq!((found.len(), listed.len()), (84, 84));
        assert_eq!(found.iter().collect::<Vec<_>>(), all.iter().filter(is_listed).collect::<Vec<_>>());
    }
}

/// The contacts that stand still are met once each, in order; those that are written meanwhile are met or not.
#[tokio::test]
async fn three_thousand_contacts_are_met_once_each_while_others_are_written() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    // Every seventh of them is one of the others, half of which exist before.
    let still = |n: usize| n % 14 != 13;
    let change = |_: usize, contact: &mut Contact| contact.tags = "all".parse().unwrap();
    let all = create(&bundle, &tenant, 3_231, change).await;
    let moving: Vec<usize> = (0..3_231).filter(|n| !still(*n)).collect();
    let id = |n: usize| tenant.contact_id(&format!("+1415{n:07}").parse().unwrap()).to_string();
    let moving_ids: HashSet<String> = moving.iter().map(|n| id(*n)).collect();
    let expected: Vec<String> = all.into_iter().filter(|id| !moving_ids.contains(id)).collect();
    assert!(expected.len() == 3_001 && moving.len() == 230, "{} {}", expected.len(), moving.len());

    let done = std::sync::atomic::AtomicBool::new(false);
    let is_done = || done.load(std::sync::atomic::Ordering::SeqCst);
    let write = async {
        let mut written = 0;
        let mut others = moving.iter().copied().chain(4_000..4_270).cycle();
        while !is_done() || written < 500 {
            let n = others.next().unwrap();
            let phone = format!("+1415{n:07}");
            let created =
                call_until_served(&bundle, "create-contact", json!({ "phone": phone, "name": "Other", "tags": "all" }))
                    .await;
            assert_eq!(created.status, 201, "{}", created.body);
            let message = json!({
                "phone": phone, "message_id": format!("{n} {written}"), "direction": "in",
                "occurred_at": contacts::model::Timestamp::now().to_string()
            });
            record(&bundle, message).await;
            let tagged =
                call_until_served(&bundle, "add-tag", json!({ "phone": phone, "tag": format!("t{}", n % 5) })).await;
            assert_eq!(tagged.status, 200, "{}", tagged.body);
            if n % 11 == 0 {
                let deleted = call_until_served(&bundle, "delete-contact", json!({ "phone": phone })).await;
                // 404 if an attempt without an answer has deleted it.
                assert!(matches!(deleted.status, 200 | 404), "{}", deleted.body);
            }
            written += 1;
        }
        written
    };
    let read = async {
        for (filters, limit) in [(json!({}), 7), (json!({}), 100), (json!({ "tag": "all" }), 100)] {
            let found = each(&pages(&bundle, "search-contacts", &filters, limit).await, "id");
            let is_expected: HashSet<&String> = expected.iter().collect();
            let found: Vec<&String> = found.iter().filter(|id| is_expected.contains(id)).collect();
            assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{filters} in pages of {limit}");
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    let (written, ()) = tokio::join!(write, read);
    assert!(written >= 500, "{written}");
}

#[tokio::test]
async fn a_cursor_is_only_accepted_by_its_own_list() {
    let bundle = Bundle::start().await;
    for token in ["demo-token", "acme-token"] {
        for n in 0..3 {
            let body = json!({ "phone": format!("+1415555010{n}"), "name": "Jane", "tags": "a, b, c" });
            bundle.call_as(token, "create-contact", body).await;
        }
    }
    let refused = invalid(
        "cursor",
        "The cursor must be one that was returned for the same filters; leave it out to start from the beginning.",
    );
    for (action, filters, others) in [
        (
            "search-contacts",
            json!({}),
            vec![
                json!({ "query": "jane" }),
                json!({ "tag": "a" }),
                json!({ "tag": "x,y" }),
                json!({ "email": "a@b.co" }),
            ],
        ),
        ("search-contacts", json!({ "tag": "a" }), vec![json!({}), json!({ "query": "a" }), json!({ "tag": "A" })]),
        ("list-tags", json!({}), vec![json!({ "name": "a" })]),
    ] {
        let with = |filters: &Value, cursor: &str, limit: usize| {
            let mut body = filters.clone();
            body["limit"] = json!(limit);
            body["cursor"] = json!(cursor);
            body
        };
        let mut first = filters.clone();
        first["limit"] = json!(1);
        let first = bundle.call(action, first).await;
        let cursor = next_cursor(&first).unwrap();
        // Nothing in it can be read, the limit may differ, and it can be used again.
        assert!(cursor.len() < 100 && !cursor.contains("4155"), "{cursor}");
        for _ in 0..2 {
            assert_eq!(bundle.call(action, with(&filters, &cursor, 2)).await.json().as_array().unwrap().len(), 2);
        }
        for other in others {
            bundle.call(action, with(&other, &cursor, 1)).await.is(422, &refused);
        }
        bundle.call_as("acme-token", action, with(&filters, &cursor, 1)).await.is(422, &refused);
        let other_action = if action == "list-tags" { "search-contacts" } else { "list-tags" };
        bundle.call(other_action, with(&json!({}), &cursor, 1)).await.is(422, &refused);
        // Every bit of it.
        for index in 0..cursor.len() {
            for bit in 0..7 {
                let mut changed = cursor.clone().into_bytes();
                changed[index] ^= 1 << bit;
                let changed = String::from_utf8(changed).unwrap();
                bundle.call(action, with(&filters, &changed, 1)).await.is(422, &refused);
            }
        }
        for text in ["x", "AAAA", "\u{e9}", &cursor[1..], &format!("{cursor}A"), &format!("{cursor}=")] {
            bundle.call(action, with(&filters, text, 1)).await.is(422, &refused);
        }
        let not_text = with(&filters, "", 1);
        assert_eq!(bundle.call(action, not_text).await.body, first.body, "an empty cursor is none");
        let mut number = filters.clone();
        number["cursor"] = json!(5);
        bundle.call(action, number).await.is(422, &invalid("cursor", "The cursor must be a string."));
    }
}

#[tokio::test]
async fn limits_are_whole_numbers() {
    let bundle = Bundle::start().await;
    for (action, max) in [("search-contacts", 100), ("list-tags", 1_000)] {
        for limit in [json!(0), json!(max + 1), json!(-1), json!(1.5), json!("50"), json!(true), json!([1])] {
            let message = format!("The limit must be a whole number from 1 to {max}.");
            bundle.call(action, json!({ "limit": limit })).await.is(422, &invalid("limit", &message));
        }
        for limit in [json!(1), json!(max), json!(null), json!("")] {
            bundle.call(action, json!({ "limit": limit })).await.is(200, "[]");
        }
    }
    let both = bundle.call("search-contacts", json!({ "limit": 0, "cursor": "!" })).await;
    assert_eq!(both.json()["errors"].as_object().unwrap().keys().collect::<Vec<_>>(), ["cursor", "limit"]);
}

/// The target of the header `Link` is called with the body of the first call.
#[tokio::test]
async fn links_are_followed_with_the_same_body() {
    let bundle = Bundle::start().await;
    for n in 0..7 {
        let body = json!({ "phone": format!("+1415555010{n}"), "name": "Jane", "tags": format!("t{n}") });
        bundle.call("create-contact", body).await;
    }
    for (action, key, body) in [
        ("search-contacts", "id", json!({ "query": "jane", "limit": 3 })),
        ("list-tags", "name", json!({ "name": "T", "limit": 3 })),
    ] {
        let mut found = Vec::new();
        let mut target = String::new();
        loop {
            let path = format!("/api/v1/actions/{action}{target}");
            let authorization = [("authorization", "Bearer demo-token")];
            let page = bundle.request("POST", &path, &authorization, body.to_string()).await;
            found.extend(page.each(key));
            let Some(link) = page.headers.get("link") else { break };
            let link = link.to_str().unwrap();
            target = link.strip_prefix('<').unwrap().strip_suffix(r#">; rel="next""#).unwrap().to_owned();
        }
        let all: HashSet<&String> = found.iter().collect();
        assert_eq!((found.len(), all.len()), (7, 7), "{action}: {found:?}");
    }
    // A cursor in the query string takes the place of the one in the body, and an empty one is none.
    for (cursor, body, status) in [
        ("nonsense", "{}", 422),
        ("", r#"{"cursor":"nonsense"}"#, 422),
        ("%20", r#"{"cursor":{}}"#, 422),
        ("", "{}", 200),
    ] {
        let path = format!("/api/v1/actions/list-tags?cursor={cursor}");
        let reply = bundle.request("POST", &path, &[("authorization", "Bearer demo-token")], body).await;
        assert_eq!(reply.status, status, "{cursor} {body}: {}", reply.body);
    }
}

/// Sorted without regard to case, in the catalogue's order otherwise, with tags of more than one page of DynamoDB.
#[tokio::test]
async fn pages_of_tags_are_the_whole_catalogue_while_tags_are_added() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let mut names: Vec<String> = (0..300).map(|n| format!("{}{n:03}", ["t", "T", "é", "É", "x y"][n % 5])).collect();
    names.extend(["Zoo", "zoo", "art", "ZOO"].map(str::to_owned));
    for (n, names) in names.chunks(40).enumerate() {
        let tags = names.join(",");
        bundle.put(&tenant, &format!("+1415555{n:04}"), |contact| contact.tags = tags.parse().unwrap()).await;
    }
    names.sort_by_cached_key(|name| (name.to_lowercase(), name.clone()));
    for limit in [7, 100, 304, 1_000] {
        let found = each(&pages(&bundle, "list-tags", &json!({}), limit).await, "name");
        assert_eq!(found, names, "in pages of {limit}");
    }
    let with_e: Vec<&String> = names.iter().filter(|name| name.to_lowercase().starts_with('é')).collect();
    let found = each(&pages(&bundle, "list-tags", &json!({ "name": "E" }), 7).await, "name");
    assert_eq!(found.iter().collect::<Vec<_>>(), with_e);

    // A tag in front of the cursor and one behind it.
    let first = bundle.call("list-tags", json!({ "limit": 2 })).await;
    assert_eq!(first.each("name"), names[..2]);
    for tag in ["aaa", "zzz"] {
        bundle.call("add-tag", json!({ "phone": "+14155550000", "tag": tag })).await;
    }
    let rest = bundle.call("list-tags", json!({ "limit": 1_000, "cursor": next_cursor(&first) })).await.each("name");
    assert!(!rest.contains(&"aaa".to_owned()) && rest.contains(&"zzz".to_owned()));
    assert_eq!(rest.into_iter().filter(|name| name != "zzz").collect::<Vec<_>>(), names[2..]);
}
