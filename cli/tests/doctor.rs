//! `carnet doctor` and `carnet dead-letters` against a running `carnet dev`.

mod support;

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

use support::{Dev, PATIENCE};

impl Dev {
    /// Runs a command with `--json`. Returns its status and the document.
    async fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let (status, document, errors) = self.run(&[arguments, &["--json"]].concat(), "").await;
        (status, serde_json::from_str(&document).unwrap_or_else(|_| panic!("{document} {errors}")))
    }

    /// Calls an action as tenant `demo`, which succeeds. Returns the body.
    async fn succeed(&self, action: &str, input: Value) -> Value {
        let (status, body) = self.call(action, input).await;
        assert!((200..300).contains(&status), "{action}: {status} {body}");
        body
    }

    /// Puts or deletes an item of tenant `demo`, beside the functions.
    async fn write(&self, operation: &str, item: &str, further: Value) {
        let me = self.me("demo-token").await;
        let mut key = json!({ "tenant_id": { "S": me["tenant"]["id"] }, "item": { "S": item } });
        let name = if operation == "PutItem" { "Item" } else { "Key" };
        for (name, value) in further.as_object().expect("an object") {
            key[name] = value.clone();
        }
        self.dynamodb(operation, "ContactsTable", json!({ name: key })).await;
    }
}

#[tokio::test]
async fn a_tenant_is_verified_and_repaired() {
    let dev = Dev::start().await;
    let mut ids = Vec::new();
    for (phone, tags) in [("+14155550123", "vip, a"), ("+14155550124", "vip"), ("+14155550125", "")] {
        let contact = dev.succeed("create-contact", json!({ "phone": phone, "name": "Jane", "tags": tags })).await;
        ids.push(contact["id"].as_str().expect("an id").to_owned());
    }
    let (status, text, errors) = dev.run(&["doctor", "--tenant", "demo"], "").await;
    assert_eq!(status, Some(0), "{text}{errors}");
    assert!(
        text.starts_with("demo: 3 contacts, 3 memberships, 2 tags; ") && text.ends_with("Nothing is wrong.\n"),
        "{text}"
    );
    assert!(errors.starts_with("Verifying tenant demo at 300 read units a second; "), "{errors}");
    let (status, all) = dev.json(&["doctor", "--all", "--rate", "0"]).await;
    let slugs: Vec<&Value> =
        all["tenants"].as_array().expect("a list").iter().map(|one| &one["tenant"]["slug"]).collect();
    assert_eq!((status, &all["healthy"], slugs), (Some(0), &json!(true), vec![&json!("acme"), &json!("demo")]));

    dev.write("DeleteItem", &format!("contact#{}", ids[1]), json!({})).await;
    dev.write("DeleteItem", &format!("tag#a#{}", ids[0]), json!({})).await;
    dev.write("PutItem", "note of Jane", json!({ "text": { "S": "Jane" } })).await;
    let orphan = dev.succeed("search-contacts", json!({ "tag": "vip" })).await;
    assert_eq!(orphan.as_array().map(Vec::len), Some(2), "{orphan}");

    let (status, text, _) = dev.run(&["doctor", "--tenant", "demo"], "").await;
    assert_eq!(status, Some(1), "{text}");
    let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        format!("missing membership {} a yes ", ids[0]),
        format!("orphaned membership {} vip yes ", ids[1]),
        "unknown item a key of 12 bytes; --names shows it no ".to_owned(),
    ] {
        assert!(words.contains(&line), "{text}");
    }
    assert!(!text.contains("Jane"), "{text}");
    assert!(text.contains("`carnet doctor --tenant demo --repair` repairs 2 of them.\nunknown item: delete"), "{text}");
    let (_, found) = dev.json(&["doctor", "--tenant", "demo"]).await;
    let kinds: Vec<&Value> =
        found["tenants"][0]["findings"].as_array().expect("a list").iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["missing_membership", "orphaned_membership", "unknown_item"]);
    assert!(!found.to_string().contains("vip") && !found.to_string().contains("Jane"), "{found}");
    let tags = dev.succeed("list-tags", json!({})).await;
    assert_eq!(found["tenants"][0]["findings"][1]["tag_id"], tags[1]["id"], "{tags}");
    let (_, named) = dev.json(&["doctor", "--tenant", "demo", "--names"]).await;
    assert_eq!(
        (&named["tenants"][0]["findings"][1]["tag"], &named["tenants"][0]["findings"][2]["key"]),
        (&json!("vip"), &json!("note of Jane"))
    );

    // Standard input is not a terminal, so nothing is repaired.
    let (status, text, errors) = dev.run(&["doctor", "--tenant", "demo", "--repair"], "").await;
    assert_eq!((status, &*text), (Some(1), ""));
    assert!(errors.contains("add --yes"), "{errors}");
    let (status, repaired) = dev.json(&["doctor", "--tenant", "demo", "--repair", "--yes"]).await;
    let tenant = &repaired["tenants"][0];
    let repairs: Vec<&Value> =
        tenant["findings"].as_array().expect("a list").iter().map(|one| &one["repair"]).collect();
    assert_eq!((status, repairs), (Some(1), vec![&json!("repaired"), &json!("repaired"), &json!("not_possible")]));
    assert_eq!(
        (tenant["left"].as_array().map(Vec::len), &tenant["left"][0]["kind"]),
        (Some(1), &json!("unknown_item"))
    );
    let found = dev.succeed("search-contacts", json!({ "tag": "vip" })).await;
    assert_eq!((found.as_array().map(Vec::len), &found[0]["id"]), (Some(1), &json!(ids[0])));

    dev.write("DeleteItem", "note of Jane", json!({})).await;
    // Both are repaired in one transaction, and both count.
    for tag in ["vip", "a"] {
        dev.write("DeleteItem", &format!("tag#{tag}#{}", ids[0]), json!({})).await;
    }
    let (status, text, errors) = dev.run(&["doctor", "--tenant", "demo", "--repair", "--yes"], "").await;
    assert_eq!(status, Some(0), "{text}{errors}");
    assert!(text.ends_with("2 findings, of which 2 were repaired.\nNothing is wrong any more.\n"), "{text}");

    for (arguments, status, problem) in [
        (&["doctor"][..], 2, "--tenant"),
        (&["doctor", "--tenant", "demo", "--all"], 2, "cannot be used with"),
        (&["doctor", "--tenant", "demo", "--yes"], 2, "--repair"),
        (&["doctor", "--tenant", "nobody"], 1, "`carnet tenant list` lists all"),
    ] {
        let (ended, text, errors) = dev.run(arguments, "").await;
        assert_eq!((ended, &*text), (Some(status), ""), "{arguments:?}: {errors}");
        assert!(errors.contains(problem), "{arguments:?}: {errors}");
    }
}

/// Changes an item of the access table, beside the commands.
async fn update_tenant(dev: &Dev, tenant: &Value, expression: &str, values: Value) {
    let key = json!({ "key": { "S": format!("tenant#{}", tenant.as_str().expect("an id")) } });
    let mut request = json!({ "Key": key, "UpdateExpression": expression });
    if values.is_object() {
        request["ExpressionAttributeValues"] = values;
    }
    dev.dynamodb("UpdateItem", "AccessTable", request).await;
}

#[tokio::test]
async fn a_tenant_that_cannot_be_verified_does_not_keep_the_others_from_it() {
    let dev = Dev::start().await;
    let (_, all) = dev.json(&["doctor", "--all", "--rate", "0"]).await;
    update_tenant(&dev, &all["tenants"][0]["tenant"]["id"], "REMOVE namespace", Value::Null).await;
    let (status, document) = dev.json(&["doctor", "--all", "--rate", "0"]).await;
    let [broken, healthy] = &document["tenants"].as_array().expect("a list")[..] else { panic!("{document}") };
    assert_eq!((status, &document["healthy"], &broken["tenant"]["slug"]), (Some(1), &json!(false), &json!("acme")));
    assert!(broken["error"].is_string() && broken.get("findings").is_none(), "{broken}");
    assert_eq!((&healthy["tenant"]["slug"], &healthy["findings"]), (&json!("demo"), &json!([])));
    let (status, text, errors) = dev.run(&["doctor", "--all", "--rate", "0"], "").await;
    assert!(status == Some(1) && text.starts_with("demo: 0 contacts"), "{text}{errors}");
    assert!(errors.contains("Tenant acme could not be verified: "), "{errors}");
    // Named alone, it is the error of the command.
    let (status, text, _) = dev.run(&["doctor", "--tenant", "acme"], "").await;
    assert_eq!((status, &*text), (Some(1), ""));
}

#[tokio::test]
async fn a_deletion_that_begins_meanwhile_ends_the_repair() {
    let dev = Dev::start().await;
    dev.succeed("create-contact", json!({ "phone": "+14155550123", "tags": "vip" })).await;
    dev.write("DeleteItem", "tagdef#vip", json!({})).await;
    let tenant = dev.me("demo-token").await["tenant"]["id"].clone();
    let deletion = async {
        // The verification waits for ten seconds whether a function is still going to write the entry of the catalogue.
        sleep(Duration::from_secs(5)).await;
        let now = json!({ ":now": { "S": "2026-11-22T00:00:00+00:00" } });
        update_tenant(&dev, &tenant, "SET deleting_since = :now", now).await;
    };
    let ((status, text, errors), ()) =
        tokio::join!(dev.run(&["doctor", "--tenant", "demo", "--repair", "--yes"], ""), deletion);
    assert_eq!((status, &*text), (Some(0), ""), "{errors}");
    assert!(errors.contains("Tenant demo is left out: it is being deleted."), "{errors}");
    let key = json!({ "tenant_id": { "S": tenant }, "item": { "S": "tagdef#vip" } });
    let entry = dev.dynamodb("GetItem", "ContactsTable", json!({ "Key": key })).await;
    assert!(entry.get("Item").is_none(), "{entry}");
}

#[tokio::test]
async fn dead_letters_of_the_local_stack_are_listed_and_shown() {
    let dev = Dev::start().await;
    let (_, empty) = dev.json(&["dead-letters", "list"]).await;
    let waiting: Vec<&Value> = empty.as_array().expect("a list").iter().map(|queue| &queue["waiting"]).collect();
    assert_eq!(waiting, vec![&json!(0); 7]);
    let tenant = "00000000-0000-4000-8000-000000000000";
    let event = json!({ "tenant_id": tenant, "input": {
        "phone": "+14155550123", "message_id": "wamid.1", "direction": "in", "occurred_at": "2026-05-07T08:15:00Z"
    } });
    let url = format!("{}/2015-03-31/functions/record-message/invocations", dev.url);
    let invoke = Client::new().post(url).header("X-Amz-Invocation-Type", "Event").body(event.to_string());
    assert_eq!(invoke.send().await.expect("an answer").status(), 202);

    let begun = Instant::now();
    let shown = loop {
        let (_, shown) = dev.json(&["dead-letters", "show", "invocation"]).await;
        if shown[0].is_object() {
            break shown;
        }
        assert!(begun.elapsed() < PATIENCE, "no dead letter");
        sleep(Duration::from_millis(500)).await;
    };
    let letter = &shown[0];
    assert_eq!((&letter["queue"], &letter["reason"]), (&json!("invocation"), &json!("UnknownTenant")));
    let about = letter["about"].as_str().expect("a text");
    assert!(
        about.starts_with(&format!("tenant {tenant}, function ")) && about.contains("record-message, request "),
        "{about}"
    );
    assert!(letter["sent_at"].is_string() && !shown.to_string().contains("+1415"), "{shown}");
    let (_, text, _) = dev.run(&["dead-letters", "show", "--body"], "").await;
    assert!(text.starts_with("QUEUE       SENT") && text.contains(r#""phone":"+14155550123""#), "{text}");
    let (_, listed) = dev.json(&["dead-letters", "list"]).await;
    assert_eq!(
        (&listed[4]["queue"], &listed[4]["waiting"], &listed[4]["oldest"]),
        (&json!("invocation"), &json!(1), &letter["sent_at"])
    );

    let (status, _, errors) = dev.run(&["dead-letters", "redrive", "invocation", "--yes"], "").await;
    assert!(status == Some(1) && errors.contains("`carnet send FUNCTION FILE` sends one again"), "{errors}");
    let (status, ..) = dev.run(&["dead-letters", "show", "nothing"], "").await;
    assert_eq!(status, Some(2));
}
