//! What each tool does. `list_contacts` is in `listing.rs`.

use serde_json::{Value, json};

use crate::support::Bundle;

const PHONE: &str = "+5511987654321";
const INVALID: &str = "The given data was invalid. ";
const NOT_FOUND: &str =
    "Contact not found. list_contacts finds contacts by a part of their name, phone number or email address.";

#[tokio::test]
async fn create_contact_creates_or_changes() {
    let bundle = Bundle::start().await;
    let agent = bundle.agent();
    let made = agent
        .call(
            "create_contact",
            json!({
                "phone": "+55 11 98765-4321", "name": " José ", "email": "jose@example.com", "tags": ["vip", " pt-BR ", "vip"],
                "metadata": { "city": "Santos" }, "locale": "pt-BR", "source": "shopify"
            }),
        )
        .await;
    let mut expected = json!({
        "id": made["id"], "phone": PHONE, "name": "José", "email": "jose@example.com", "source": "shopify",
        "locale": "pt-BR", "metadata": { "city": "Santos" }, "tags": ["vip", "pt-BR"], "opted_in_at": null,
        "opted_out_at": null, "last_message_at": null, "total_messages": 0, "created_at": made["created_at"],
        "updated_at": made["updated_at"], "outcome": "created"
    });
    assert_eq!(made, expected);

    // The same person in another spelling. An empty list of tags is none that was given, and the source stays.
    let other = json!({ "phone": "+551187654321", "tags": [], "metadata": {}, "source": "zapier" });
    let unchanged = agent.call("create_contact", other).await;
    expected["outcome"] = json!("unchanged");
    assert_eq!(unchanged, expected);
    let changed = json!({ "phone": PHONE, "name": "", "tags": ["new"], "metadata": { "a": 1 }, "locale": "" });
    let changed = agent.call("create_contact", changed).await;
    for (field, value) in [
        ("outcome", json!("updated")),
        ("name", Value::Null),
        ("email", json!("jose@example.com")),
        ("tags", json!(["new"])),
        ("metadata", json!({ "a": 1 })),
        ("locale", Value::Null),
    ] {
        assert_eq!(changed[field], value, "{field}");
    }
    // It is the contact of the other endpoints, and the change is published like theirs.
    assert_eq!(bundle.call("get-contact", json!({ "phone": PHONE })).await.json()["tags"], json!(["new"]));
    bundle.caught_up().await;
    assert!(bundle.events().iter().any(|event| event["detail-type"] == "contact.created"));
}

#[tokio::test]
async fn invalid_arguments_are_explained_in_the_words_of_the_http_api() {
    let bundle = Bundle::start().await;
    let agent = bundle.agent();
    for (arguments, explanation) in [
        (
            json!({ "phone": PHONE, "full_name": "José" }),
            "The full_name field is unknown; the nearest known name is name.",
        ),
        (json!({}), "The phone field is required."),
        (json!({ "phone": 5511987654321_u64 }), "The phone must be a string."),
        (
            json!({ "phone": PHONE, "name": 5, "tags": "vip" }),
            "The name must be a string. The tags must be a list of strings.",
        ),
        (json!({ "phone": PHONE, "tags": ["vip", 5] }), "The tags must be a list of strings."),
        (
            json!({ "phone": PHONE, "tags": ["x".repeat(101)] }),
            "The tags must not have items greater than 100 characters.",
        ),
        (json!({ "phone": PHONE, "metadata": [1] }), "The metadata must be an object."),
        (
            json!({ "phone": PHONE, "source": "phone book" }),
            "The source must be one of manual, csv_import, shopify, woocommerce, widget, zapier, api.",
        ),
    ] {
        assert_eq!(agent.refuses("create_contact", arguments).await, format!("{INVALID}{explanation}"));
    }
    for (arguments, explanation) in [
        (json!({ "phone": "5511987654321" }), "The phone must be in international format, starting with +."),
        (json!({ "phone": PHONE, "email": "nobody" }), "The email must be a valid email address."),
        (json!({ "phone": PHONE, "tags": ["a,b"] }), "The tags must not contain a comma."),
        (json!({ "phone": PHONE, "locale": "português" }), "The locale must be a language, such as fr or pt-BR."),
    ] {
        assert_eq!(agent.fails("create_contact", arguments).await, format!("{INVALID}{explanation}"));
    }
    for arguments in [json!([1]), json!("phone"), json!(5), Value::Null] {
        let reply = agent.send("create_contact", &arguments).await.json();
        assert_eq!(reply["result"]["isError"], true, "{reply}");
        assert_eq!(reply["result"]["content"][0]["text"], "The arguments must be an object.", "{reply}");
    }
    assert_eq!(agent.call("list_contacts", json!({})).await["data"], json!([]));
}

#[tokio::test]
async fn get_contact_finds_by_id_number_and_address() {
    let bundle = Bundle::start().await;
    let agent = bundle.agent();
    let contact = json!({ "phone": PHONE, "email": "Jose@example.com" });
    let id = agent.call("create_contact", contact).await["id"].as_str().unwrap().to_owned();
    for arguments in [
        json!({ "id": id }),
        json!({ "id": id.to_uppercase() }),
        json!({ "phone": "+55 (11) 8765-4321" }),
        json!({ "email": "JOSE@EXAMPLE.COM" }),
    ] {
        assert_eq!(agent.call("get_contact", arguments).await["id"], json!(id));
    }
    assert_eq!(
        agent.call("get_contact", json!({ "id": id, "phone": PHONE, "email": "jose@example.com" })).await["id"],
        json!(id)
    );
    for other in [json!({ "id": id, "phone": "+14155550123" }), json!({ "phone": PHONE, "email": "other@example.com" })]
    {
        assert_eq!(agent.fails("get_contact", other).await, "id, phone and email name different contacts");
    }
    assert_eq!(agent.fails("get_contact", json!({})).await, "None of id, phone, email provided");
    assert_eq!(agent.fails("get_contact", json!({ "phone": "+14155550123" })).await, NOT_FOUND);
    assert_eq!(
        agent.refuses("get_contact", json!({ "id": "1" })).await,
        format!("{INVALID}The id must be a valid UUID.")
    );
}

#[tokio::test]
async fn update_contact_changes_only_what_is_given() {
    let bundle = Bundle::start().await;
    let agent = bundle.agent();
    let made =
        json!({ "phone": PHONE, "name": "José", "email": "jose@example.com", "metadata": { "a": 1, "b": { "c": 2 } } });
    let made = agent.call("create_contact", made).await;
    let id = &made["id"];
    let changed = json!({ "id": id, "name": "José Silva", "locale": "pt-BR", "metadata": { "b": null, "d": "x" } });
    let changed = agent.call("update_contact", changed).await;
    for (field, value) in [
        ("outcome", json!("updated")),
        ("name", json!("José Silva")),
        ("email", json!("jose@example.com")),
        ("locale", json!("pt-BR")),
        ("metadata", json!({ "a": 1, "b": null, "d": "x" })),
    ] {
        assert_eq!(changed[field], value, "{field}");
    }
    for nothing in [json!({ "id": id }), json!({ "id": id, "name": "José Silva", "metadata": {}, "phone": PHONE })] {
        let unchanged = agent.call("update_contact", nothing).await;
        assert_eq!((&unchanged["outcome"], &unchanged["phone"]), (&json!("unchanged"), &json!(PHONE)));
    }
    assert_eq!(agent.call("update_contact", json!({ "id": id, "email": "" })).await["email"], Value::Null);
    let unknown = "d6f0d85e-ad08-59b1-a837-e0bfdcd1a434";
    assert_eq!(agent.fails("update_contact", json!({ "id": unknown, "name": "x" })).await, NOT_FOUND);
    assert_eq!(
        agent.refuses("update_contact", json!({ "name": "x" })).await,
        format!("{INVALID}The id field is required.")
    );
}

/// The contact moves to the id of its new number, and its former id leads to it.
#[tokio::test]
async fn update_contact_changes_the_phone_number() {
    let bundle = Bundle::start().await;
    let agent = bundle.agent();
    let made = agent.call("create_contact", json!({ "phone": PHONE, "name": "José", "tags": ["vip"] })).await;
    let other = agent.call("create_contact", json!({ "phone": "+14155550123" })).await;
    let taken = json!({ "id": made["id"], "name": "Jo", "phone": "+1 415 555 0123" });
    let taken = agent.fails("update_contact", taken).await;
    assert_eq!(taken, "Contact already exists. Another contact has this phone number.");
    let changed = agent
        .call("update_contact", json!({ "id": made["id"], "name": "José Silva", "phone": "+44 20 7946 0018" }))
        .await;
    assert_eq!(
        (&changed["outcome"], &changed["phone"], &changed["name"], &changed["tags"]),
        (&json!("updated"), &json!("+442079460018"), &json!("José Silva"), &json!(["vip"]))
    );
    assert_ne!(changed["id"], made["id"]);
    let found = agent.call("get_contact", json!({ "id": made["id"] })).await;
    assert_eq!((&found["id"], &found["created_at"]), (&changed["id"], &made["created_at"]));
    assert_eq!(agent.call("get_contact", json!({ "phone": "+442079460018" })).await, found);
    assert_eq!(agent.fails("get_contact", json!({ "phone": PHONE })).await, NOT_FOUND);
    assert_eq!(agent.call("get_contact", json!({ "id": other["id"] })).await["name"], Value::Null);
    // Another spelling of the number is another text, and the same contact.
    let spelled = json!({ "id": changed["id"], "phone": "+5511987654321" });
    let spelled = agent.call("update_contact", spelled).await;
    let again = agent.call("update_contact", json!({ "id": spelled["id"], "phone": "+551187654321" })).await;
    assert_eq!((&again["id"], &again["phone"]), (&spelled["id"], &json!("+551187654321")));
    assert_eq!(agent.call("delete_contact", json!({ "id": changed["id"] })).await["deleted"], true);
    assert_eq!(agent.fails("get_contact", json!({ "id": made["id"] })).await, NOT_FOUND);
}

/// A later event about the language wins over the tool, an earlier one does not.
#[tokio::test]
async fn a_language_that_an_agent_sets_is_not_undone_by_older_events() {
    let bundle = Bundle::start().await;
    let agent = bundle.agent();
    let id = agent.call("create_contact", json!({ "phone": PHONE, "locale": "pt-BR" })).await["id"].clone();
    let event = json!({ "phone": PHONE, "locale": "fr", "occurred_at": "2026-05-09T00:00:00Z" });
    bundle.invoke("set-contact-state", bundle.envelope(event).await).await;
    assert_eq!(agent.call("get_contact", json!({ "id": id })).await["locale"], "pt-BR");
    let later = contacts::model::Timestamp::from_second(contacts::model::Timestamp::now().as_second() + 60).unwrap();
    let event = json!({ "phone": PHONE, "locale": "fr", "occurred_at": later });
    bundle.invoke("set-contact-state", bundle.envelope(event).await).await;
    assert_eq!(agent.call("get_contact", json!({ "id": id })).await["locale"], "fr");
}

#[tokio::test]
async fn tag_contact_adds_and_removes_in_one_write() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let agent = bundle.agent();
    let id = agent.call("create_contact", json!({ "phone": PHONE, "tags": ["a", "b"] })).await["id"].clone();
    proxy.clear();
    let tagged =
        agent.call("tag_contact", json!({ "id": id, "add_tags": ["c", "b", "d"], "remove_tags": ["a", "x"] })).await;
    assert_eq!((&tagged["tags"], &tagged["outcome"]), (&json!(["b", "c", "d"]), &json!("updated")));
    assert_eq!(proxy.take_operations(), ["BatchGetItem", "TransactWriteItems"]);
    let again = agent.call("tag_contact", json!({ "id": id, "add_tags": ["c"], "remove_tags": ["a"] })).await;
    assert_eq!(again["outcome"], "unchanged");
    assert_eq!(bundle.call("search-contacts", json!({ "tag": "a" })).await.body, "[]");
    assert_eq!(bundle.call("list-tags", json!({})).await.each("name"), ["a", "b", "c", "d"]);

    let many: Vec<String> = (0..45).map(|n| n.to_string()).collect();
    assert_eq!(
        agent.fails("tag_contact", json!({ "id": id, "add_tags": many })).await,
        "A contact can have at most 45 tags."
    );
    // What is removed makes room.
    let all = json!({ "id": id, "add_tags": many, "remove_tags": ["b", "c", "d"] });
    assert_eq!(agent.call("tag_contact", all).await["tags"], json!(many));
    for (arguments, explanation) in [
        (json!({ "id": id }), "Neither add_tags nor remove_tags provided"),
        (json!({ "id": id, "add_tags": [], "remove_tags": [] }), "Neither add_tags nor remove_tags provided"),
        (
            json!({ "id": id, "add_tags": ["x"], "remove_tags": ["x"] }),
            "A tag cannot be in add_tags and in remove_tags.",
        ),
    ] {
        assert_eq!(agent.fails("tag_contact", arguments).await, explanation);
    }
}

#[tokio::test]
async fn delete_contact_deletes_once() {
    let bundle = Bundle::start().await;
    let agent = bundle.agent();
    let id = agent.call("create_contact", json!({ "phone": PHONE, "tags": ["vip"] })).await["id"].clone();
    assert_eq!(agent.call("delete_contact", json!({ "id": id })).await, json!({ "id": id, "deleted": true }));
    assert_eq!(agent.fails("delete_contact", json!({ "id": id })).await, NOT_FOUND);
    assert_eq!(agent.call("list_contacts", json!({ "tag": "vip" })).await["data"], json!([]));
}

#[tokio::test]
async fn import_contacts_has_an_outcome_for_each() {
    let bundle = Bundle::start().await;
    let agent = bundle.agent();
    agent.call("create_contact", json!({ "phone": "+14155550100", "name": "Old" })).await;
    let imported = agent
        .call(
            "import_contacts",
            json!({ "contacts": [
                { "phone": PHONE, "name": "First", "tags": ["a"] },
                { "phone": "12", "email": "nobody" },
                { "phone": "+14155550100", "name": "New" },
                // The same person again: applied after the first.
                { "phone": "+551187654321", "name": "Second" },
                { "phone": PHONE, "name": "Second" },
            ] }),
        )
        .await;
    let outcomes: Vec<&Value> =
        imported["results"].as_array().unwrap().iter().map(|result| &result["outcome"]).collect();
    assert_eq!(outcomes, ["created", "failed", "updated", "updated", "unchanged"]);
    let counts = ["created", "updated", "unchanged", "failed"].map(|count| imported[count].as_u64().unwrap());
    assert_eq!(counts, [1, 2, 1, 1]);
    assert_eq!(
        imported["results"][1]["error"],
        "The given data was invalid. The contacts.1.phone must be in international format, starting with +. The \
         contacts.1.email must be a valid email address."
    );
    assert_eq!(imported["results"][3]["phone"], PHONE, "the stored number");
    let stored = agent.call("get_contact", json!({ "id": imported["results"][0]["id"] })).await;
    assert_eq!((&stored["name"], &stored["tags"]), (&json!("Second"), &json!(["a"])));

    let number = |n: usize| json!({ "phone": format!("+1415556{n:04}") });
    let hundred = agent.call("import_contacts", json!({ "contacts": (0..100).map(number).collect::<Vec<_>>() })).await;
    assert_eq!((&hundred["created"], hundred["results"].as_array().unwrap().len()), (&json!(100), 100));
    let phones: Vec<&Value> = hundred["results"].as_array().unwrap().iter().map(|result| &result["phone"]).collect();
    assert_eq!(phones, (0..100).map(|n| number(n)["phone"].clone()).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    for contacts in [json!([]), json!((0..101).map(number).collect::<Vec<_>>()), json!({}), json!("x")] {
        assert_eq!(
            agent.refuses("import_contacts", json!({ "contacts": contacts })).await,
            "The given data was invalid. The contacts must be a list of 1 to 100 objects."
        );
    }
    assert_eq!(
        agent.refuses("import_contacts", json!({ "contacts": null })).await,
        "The given data was invalid. The contacts field is required."
    );
    // An element of another type fails alone.
    let reply = agent.send("import_contacts", &json!({ "contacts": ["x", { "phone": "+14155550101" }] })).await.json();
    let results = &reply["result"]["structuredContent"]["results"];
    assert_eq!(results[0]["error"], "The given data was invalid. The contacts.0 must be an object.");
    assert_eq!(results[1]["outcome"], "created");
}

/// Parsers of JSON would make other numbers of these.
#[tokio::test]
async fn numbers_keep_their_spelling() {
    let bundle = Bundle::start().await;
    let metadata = r#"{"value":8742.00,"big":123456789012345678901234567890,"z":{"y":-0.10},"a":1}"#;
    let call = |tool: &str, arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        )
    };
    let create = call("create_contact", &format!(r#"{{"phone":"{PHONE}","metadata":{metadata}}}"#));
    let created = bundle.mcp(&[], create).await.body;
    let got = bundle.mcp(&[], call("get_contact", &format!(r#"{{"phone":"{PHONE}"}}"#))).await.body;
    for answer in [created, got] {
        assert!(answer.contains(&format!(r#""metadata":{metadata}"#)), "structured content: {answer}");
        assert!(answer.contains(&format!(r#"\"metadata\":{}"#, metadata.replace('"', "\\\""))), "text: {answer}");
    }
}
