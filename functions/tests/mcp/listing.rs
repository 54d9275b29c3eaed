//! `list_contacts`: filters and pages, and what they cost.

use contacts::model::Timestamp;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::Bundle;

/// Contacts of tenant `demo`, the first the least recently active. Every fifth has opted out, every second is tagged `even`.
async fn people(bundle: &Bundle, count: usize) {
    let tenant = bundle.tenant("demo-token").await;
    let person = async |n: usize| {
        let active = Timestamp::from_second(1_770_000_000 + n as i64).unwrap();
        bundle
            .put(&tenant, &format!("+1415555{n:04}"), |contact| {
                contact.name = Some(format!("Person {n}").parse().unwrap());
                contact.last_message_at = Some(active);
                contact.opted_out_at = n.is_multiple_of(5).then_some(active);
                if n.is_multiple_of(2) {
                    contact.tags.add(&"even".parse().unwrap()).unwrap();
                }
            })
            .await;
    };
    for start in (0..count).step_by(8) {
        join_all((start..count.min(start + 8)).map(&person)).await;
    }
}

/// The numbers in the names of the listed contacts.
fn numbers(listed: &Value) -> Vec<usize> {
    let names = listed["data"].as_array().unwrap().iter().map(|contact| contact["name"].as_str().unwrap().to_owned());
    names.map(|name| name.strip_prefix("Person ").unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn pages_have_every_contact_once_in_the_order_of_activity() {
    let bundle = Bundle::start().await;
    people(&bundle, 130).await;
    let agent = bundle.agent();
    for (arguments, expected) in [
        (json!({}), (0..130_usize).rev().filter(|n| !n.is_multiple_of(5)).collect::<Vec<_>>()),
        (json!({ "opted_in_only": false }), (0..130_usize).rev().collect()),
        (
            json!({ "tag": "even", "per_page": 7 }),
            (0..130_usize).rev().filter(|n| n.is_multiple_of(2) && !n.is_multiple_of(5)).collect(),
        ),
        (
            json!({ "tag": "even", "opted_in_only": false, "per_page": 13 }),
            (0..130_usize).rev().filter(|n| n.is_multiple_of(2)).collect(),
        ),
        (
            json!({ "search": "PERSON 1", "per_page": 100 }),
            (0..130_usize).rev().filter(|n| n.to_string().starts_with('1') && !n.is_multiple_of(5)).collect(),
        ),
        (json!({ "search": "+1415", "per_page": 50 }), (0..130_usize).rev().filter(|n| !n.is_multiple_of(5)).collect()),
        (json!({ "tag": "odd" }), vec![]),
        (json!({ "tag": "a,b" }), vec![]),
    ] {
        let per_page = arguments["per_page"].as_u64().unwrap_or(25) as usize;
        let (mut seen, mut page) = (Vec::new(), 1);
        loop {
            let mut arguments = arguments.clone();
            arguments["page"] = json!(page);
            let listed = agent.call("list_contacts", arguments.clone()).await;
            seen.extend(numbers(&listed));
            let is_last = seen.len() == expected.len();
            let last_page = expected.len().div_ceil(per_page).max(1);
            let meta = json!({
                "current_page": page, "per_page": per_page, "has_more": !is_last,
                "last_page": is_last.then_some(last_page), "total": is_last.then_some(expected.len())
            });
            assert_eq!(listed["meta"], meta, "{arguments}");
            if is_last {
                break;
            }
            page += 1;
        }
        assert_eq!(seen, expected, "{arguments}");
        // Beyond the last page.
        let mut beyond = arguments.clone();
        beyond["page"] = json!(page + 3);
        let beyond = agent.call("list_contacts", beyond).await;
        assert_eq!((&beyond["data"], &beyond["meta"]["total"]), (&json!([]), &json!(expected.len())));
    }
}

#[tokio::test]
async fn pages_are_limited() {
    let bundle = Bundle::start().await;
    let agent = bundle.agent();
    for (arguments, explanation) in [
        (json!({ "page": 0 }), "The page must be a whole number from 1 to 5000."),
        (json!({ "page": "2" }), "The page must be a whole number from 1 to 5000."),
        (json!({ "per_page": 101 }), "The per page must be a whole number from 1 to 100."),
        (json!({ "per_page": 2.5 }), "The per page must be a whole number from 1 to 100."),
        (
            json!({ "per_page": -1, "tag": 5 }),
            "The tag must be a string. The per page must be a whole number from 1 to 100.",
        ),
        (json!({ "opted_in_only": "yes" }), "The opted in only must be true or false."),
    ] {
        assert_eq!(
            agent.refuses("list_contacts", arguments).await,
            format!("The given data was invalid. {explanation}")
        );
    }
    let deep = "Pages go as far as the first 5,000 contacts. Narrow the list with search or tag.";
    assert_eq!(agent.fails("list_contacts", json!({ "page": 51, "per_page": 100 })).await, deep);
    assert_eq!(agent.call("list_contacts", json!({ "page": 50, "per_page": 100 })).await["data"], json!([]));
}

/// A page costs what the contacts before it cost to read, and no more.
#[tokio::test]
async fn a_page_reads_the_contacts_up_to_its_end() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    people(&bundle, 400).await;
    let agent = bundle.agent();
    agent.call("list_contacts", json!({ "tag": "nobody" })).await;
    for (arguments, requests, most_units) in [
        (json!({}), 1, 2.0),
        (json!({ "per_page": 100 }), 1, 7.0),
        (json!({ "per_page": 100, "page": 3, "opted_in_only": false }), 1, 16.0),
        (json!({ "tag": "even", "opted_in_only": false }), 1, 2.0),
    ] {
        proxy.clear();
        agent.call("list_contacts", arguments.clone()).await;
        let seen = proxy.take_requests();
        let units: f64 = seen.iter().map(|request| request.units).sum();
        assert_eq!(seen.len(), requests, "{arguments}");
        assert!(seen.iter().all(|request| request.operation == "Query") && units <= most_units, "{arguments}: {units}");
    }
}
