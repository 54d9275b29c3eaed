//! `POST /api/v1/actions/batch-upsert-contacts`: results in order, contacts with one number, failures of single contacts, time
//! limits, concurrency, memory. Its cost is in `dynamodb/request_cost.rs`, its events in `events/batches_of_contacts.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Bundle, Fault, invalid, peak_memory, with_rate_limit, with_timeout};

const ACTION: &str = "batch-upsert-contacts";

fn phone(n: usize) -> String {
    format!("+1415555{n:04}")
}

/// This many contacts with different numbers.
fn contacts(count: usize) -> Value {
    json!({ "contacts": (0..count).map(|n| json!({ "phone": phone(n), "name": format!("Contact {n}") })).collect::<Vec<_>>() })
}

/// The values of a key of the results, in order.
fn each(answer: &Value, key: &str) -> Vec<Value> {
    answer["results"].as_array().unwrap().iter().map(|result| result[key].clone()).collect()
}

/// Sends a batch, again while a contact has 503, as it can on a busy machine.
async fn until_done(bundle: &Bundle, batch: &Value) {
    for _ in 0..20 {
        let statuses = each(&bundle.call(ACTION, batch.clone()).await.json(), "status");
        if statuses.iter().all(|status| *status == 201) {
            return;
        }
        assert!(statuses.iter().all(|status| *status == 201 || *status == 503), "{statuses:?}");
    }
    panic!("the contacts of a batch were not written in twenty calls");
}

#[tokio::test]
async fn each_contact_has_the_result_that_create_contact_answers() {
    let bundle = Bundle::start().await;
    let jane = format!(r#"{{"phone":"{}","name":"Jane","metadata":{{"a":1.50}}}}"#, phone(0));
    assert_eq!(bundle.call_raw("create-contact", jane).await.status, 201);
    let given = [
        json!({ "phone": phone(0), "name": "Jane" }),
        json!({ "phone": "001 (415) 555-0000", "email": "jane@example.com", "tags": "vip, new" }),
        json!({ "phone": "+55 11 98765-4321", "name": " José ", "unknown": 1 }),
        json!({ "phone": "0123", "email": "nobody", "tags": 5 }),
        json!("no object"),
        json!([]),
        json!({ "phone": "+55 11 8765-4321", "name": "" }),
    ];
    let answer = bundle.call(ACTION, json!({ "contacts": given })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.headers.get("x-contact-outcome").is_none());
    let contact = |phone: &str, name: Value, email: Value, tags: Value| json!({ "id": "<id>", "phone": phone, "name": name, "email": email, "tags": tags, "created_at": "<time>" });
    let done = |outcome: &str, contact: Value| json!({ "status": 201, "outcome": outcome, "contact": contact });
    let (jose, vip) = ("+5511987654321", json!(["vip", "new"]));
    let expected = json!({ "results": [
        done("unchanged", contact(&phone(0), json!("Jane"), Value::Null, json!([]))),
        done("updated", contact(&phone(0), json!("Jane"), json!("jane@example.com"), vip)),
        done("created", contact(jose, json!("José"), Value::Null, json!([]))),
        { "status": 422, "errors": {
            "contacts.3.phone": ["The contacts.3.phone must be in international format, starting with +."],
            "contacts.3.email": ["The contacts.3.email must be a valid email address."],
            "contacts.3.tags": ["The contacts.3.tags must be a string."] } },
        { "status": 422, "errors": { "contacts.4": ["The contacts.4 must be an object."] } },
        { "status": 422, "errors": { "contacts.5.phone": ["The contacts.5.phone field is required."] } },
        done("updated", contact(jose, Value::Null, Value::Null, json!([]))),
    ] });
    assert_eq!(serde_json::from_str::<Value>(&answer.shape()).unwrap(), expected);
    // The same bytes as create-contact answers.
    for (n, body) in [(1, &given[1]), (6, &given[6])] {
        let alone = bundle.call("create-contact", body.clone()).await;
        alone.has("x-contact-outcome", "unchanged");
        let result = format!(r#""outcome":"updated","contact":{}}}"#, alone.body);
        assert!(answer.body.contains(&result), "{n}: {result}");
    }
    let stored = bundle.call("get-contact", json!({ "phone": phone(0) })).await;
    assert!(stored.body.contains(r#""metadata":{"a":1.50}"#), "{}", stored.body);
    let others = bundle.call_as("acme-token", "search-contacts", json!({})).await;
    others.is(200, "[]");
}

#[tokio::test]
async fn a_list_of_another_form_writes_nothing() {
    let bundle = Bundle::start().await;
    let wrong = invalid("contacts", "The contacts must be a list of 1 to 100 objects.");
    let required = invalid("contacts", "The contacts field is required.");
    for (body, expected) in [
        (json!({}), &required),
        (json!({ "contacts": null }), &required),
        (json!({ "contacts": [] }), &wrong),
        (json!({ "contacts": { "phone": phone(0) } }), &wrong),
        (json!({ "contacts": "" }), &wrong),
        (contacts(101), &wrong),
    ] {
        bundle.call(ACTION, body).await.is(422, expected);
    }
    bundle.call("search-contacts", json!({})).await.is(200, "[]");
}

/// With `Prefer: handling=strict`, the fields of each contact are checked.
#[tokio::test]
async fn unknown_fields_of_a_contact_are_its_own_errors() {
    let bundle = Bundle::start().await;
    let headers = [("authorization", "Bearer demo-token"), ("prefer", "handling=strict")];
    let given = json!({ "contacts": [{ "phone": phone(0), "nmae": "Jane" }, { "phone": phone(1), "name": "Jane" }] });
    let answer = bundle.send(ACTION, &headers, given.to_string()).await;
    assert_eq!(each(&answer.json(), "status"), [422, 201]);
    let message = &answer.json()["results"][0]["errors"]["contacts.0.nmae"][0];
    assert!(message.as_str().is_some_and(|text| text.contains("name")), "{}", answer.body);
}

/// Contacts with one number are applied in their order, also when others wait for a slow one.
#[tokio::test]
async fn contacts_with_one_number_are_applied_in_their_order() {
    let bundle = Bundle::start().await;
    let spellings = ["+55 11 98765-4321", "+55 11 8765-4321", "0055 (11) 98765.4321"];
    let given: Vec<Value> = (0..100)
        .map(|n| match n % 4 {
            3 => json!({ "phone": phone(n), "name": format!("other {n}") }),
            _ => json!({ "phone": spellings[n % 4], "name": format!("name {n}"), "tags": format!("t{}", n % 7) }),
        })
        .collect();
    let answer = bundle.call(ACTION, json!({ "contacts": given })).await.json();
    assert_eq!(each(&answer, "status"), vec![json!(201); 100]);
    let created = each(&answer, "outcome").iter().filter(|outcome| **outcome == "created").count();
    assert_eq!(created, 26);
    for (n, result) in answer["results"].as_array().unwrap().iter().enumerate() {
        assert_eq!(result["contact"]["name"], given[n]["name"]);
    }
    let last = bundle.call("get-contact", json!({ "phone": spellings[1] })).await.json();
    assert_eq!((&last["name"], &last["tags"]), (&json!("name 98"), &json!(["t0"])));
}

#[tokio::test]
async fn a_contact_that_fails_leaves_the_others_as_they_are() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    bundle.call(ACTION, json!({})).await;
    // DynamoDB rejects the write of one contact, which is not repeated.
    let puts = AtomicUsize::new(0);
    proxy.inject(move |operation| match operation {
        "PutItem" if puts.fetch_add(1, Ordering::SeqCst) == 4 => Fault::Rejected,
        _ => Fault::None,
    });
    let answer = bundle.call(ACTION, contacts(10)).await.json();
    let server_error = json!({ "status": 500, "message": "Server Error.", "error": "Server Error." });
    let failed: Vec<_> = answer["results"].as_array().unwrap().iter().filter(|each| each["status"] != 201).collect();
    assert_eq!(failed, [&server_error]);
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("id").len(), 9);
    for n in 0..10 {
        bundle.call("delete-contact", json!({ "phone": phone(n) })).await;
    }
    // DynamoDB refuses every transaction, which only contacts with tags need.
    proxy.inject(|operation| if operation == "TransactWriteItems" { Fault::ThrottledTransaction } else { Fault::None });
    let mut mixed = contacts(9);
    for n in [2, 5, 8] {
        mixed["contacts"][n]["tags"] = json!("vip");
    }
    let answer = bundle.call(ACTION, mixed.clone()).await;
    let unavailable = json!({ "status": 503, "message": "Service Unavailable.", "error": "Service Unavailable." });
    for (n, result) in answer.json()["results"].as_array().unwrap().iter().enumerate() {
        assert_eq!(*result == unavailable, n % 3 == 2, "{n}: {result}");
        assert_eq!(result["status"] == 201, n % 3 != 2, "{n}: {result}");
    }
    proxy.inject(|_| Fault::None);
    let again = bundle.call(ACTION, mixed).await.json();
    let outcomes = each(&again, "outcome");
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome, if n % 3 == 2 { "created" } else { "unchanged" }, "{n}");
    }
    // The read before all writes fails: nothing was written, and the whole call can be repeated.
    proxy.inject(|operation| if operation == "BatchGetItem" { Fault::Throttled } else { Fault::None });
    let none = bundle.call(ACTION, contacts(20)).await;
    none.is(503, r#"{"message":"Service Unavailable.","error":"Service Unavailable."}"#).has("retry-after", "1");
    proxy.inject(|_| Fault::None);
    assert_eq!(bundle.call("search-contacts", json!({})).await.each("id").len(), 9);
}

/// Contacts that are not finished in time have 503, and those that are have their results.
#[tokio::test]
async fn at_the_time_limit_the_finished_contacts_are_answered() {
    let (options, _directory) = with_timeout(3);
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(options).await;
    bundle.call(ACTION, json!({})).await;
    proxy.inject(|operation| match operation {
        "PutItem" => Fault::LateResponse(Duration::from_millis(500)),
        _ => Fault::None,
    });
    let begun = Instant::now();
    let answer = bundle.call(ACTION, contacts(100)).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(answer.status, 200, "{}", answer.body);
    let statuses = each(&answer.json(), "status");
    let done = statuses.iter().filter(|status| **status == 201).count();
    // Four at once, half a second each, in two seconds.
    assert!((1..=16).contains(&done), "{done}");
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 100 - done);
    proxy.idle().await;
    proxy.inject(|_| Fault::None);
    until_done(&bundle, &contacts(100)).await;
    let stored = bundle.call("get-contact", json!({ "phone": phone(99) })).await;
    assert_eq!(stored.json()["name"], "Contact 99");
}

#[tokio::test]
async fn simultaneous_batches_of_the_same_contacts_lose_nothing() {
    let bundle = Bundle::start().await;
    let batch = |caller: usize| {
        let mut given: Vec<Value> = (0..20)
            .map(|n| json!({ "phone": phone(n), "name": format!("{caller} {n}"), "email": format!("{caller}.{n}@example.com") }))
            .collect();
        if caller % 2 == 1 {
            given.reverse();
        }
        let (bundle, given) = (&bundle, json!({ "contacts": given }));
        async move { until_done(bundle, &given).await }
    };
    join_all((0..6).map(batch)).await;
    for n in 0..20 {
        let stored = bundle.call("get-contact", json!({ "phone": phone(n) })).await.json();
        let caller = stored["name"].as_str().unwrap().split(' ').next().unwrap();
        assert_eq!(stored["email"], format!("{caller}.{n}@example.com"), "one caller's contact, not a mixture");
    }
}

#[tokio::test]
async fn a_batch_is_one_call_of_the_rate_limit() {
    let bundle = Bundle::with(with_rate_limit(2)).await;
    bundle.call(ACTION, contacts(100)).await.has("x-ratelimit-remaining", "1");
    bundle.call(ACTION, contacts(100)).await.has("x-ratelimit-remaining", "0");
    let mut renamed = contacts(1);
    renamed["contacts"][0]["name"] = json!("Renamed");
    assert_eq!(bundle.call(ACTION, renamed).await.status, 429);
}

#[tokio::test]
async fn the_largest_batch_fits_into_the_function() {
    let bundle = Bundle::start().await;
    let text = "x".repeat(60_000);
    let given: Vec<Value> = (0..95).map(|n| json!({ "phone": phone(n), "metadata": { "text": text } })).collect();
    for outcome in ["created", "unchanged"] {
        let answer = bundle.call(ACTION, json!({ "contacts": given })).await;
        assert_eq!(each(&answer.json(), "outcome"), vec![json!(outcome); 95]);
    }
    let megabytes = peak_memory(ACTION);
    assert!(megabytes <= 160, "{megabytes} MB");
}
