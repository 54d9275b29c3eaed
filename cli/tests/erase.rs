//! `carnet erase` against a running `carnet dev`.

mod support;

use std::process::Output;

use serde_json::{Value, json};
#[cfg(feature = "cloud")]
use tokio::process::Command;

#[cfg(feature = "cloud")]
use support::ended;
use support::{Dev, output, text};

impl Dev {
    /// Runs `carnet erase` with this standard input.
    async fn erase(&self, arguments: &[&str], input: &str) -> Output {
        output(self.command(&[&["erase"], arguments].concat()), input).await
    }

    /// Erases with `--yes --json`. Returns the receipt.
    async fn receipt(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.erase(&[arguments, &["--yes", "--json"]].concat(), input).await;
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Runs a command that fails with this status and prints nothing. Returns its error.
    async fn fail(&self, arguments: &[&str], input: &str, status: i32) -> String {
        let output = self.erase(arguments, input).await;
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), &*text(&output.stdout)), (Some(status), ""), "{arguments:?}: {errors}");
        errors
    }

    async fn create(&self, phone: &str, email: &str, tags: &str) -> String {
        let body = json!({ "phone": phone, "name": "Jane Smith", "email": email, "tags": tags });
        let (status, contact) = self.call("create-contact", body).await;
        assert_eq!(status, 201, "{contact}");
        contact["id"].as_str().expect("an id").to_owned()
    }
}

#[tokio::test]
async fn a_person_is_erased_by_number_id_or_address_and_the_receipt_has_no_personal_data() {
    let dev = Dev::start().await;
    let by_phone = dev.create("+5511987654321", "jane+1@example.com", "vip, b").await;
    let by_id = dev.create("+14155550101", "", "").await;
    let mut by_email = Vec::new();
    for n in 0..3 {
        by_email.push(dev.create(&format!("+1415555020{n}"), "Jane@Example.com", "vip").await);
    }
    let other = dev.create("+14155550300", "other@example.com", "vip").await;

    // In another spelling of the number. Two tags, and the label for `+1` in the address.
    let receipt = dev.receipt(&["--tenant", "demo", "--phone", "+55 (11) 8765-4321"], "").await;
    let [erased] = &receipt["erased"].as_array().expect("a list")[..] else { panic!("{receipt}") };
    assert_eq!(
        (&erased["id"], &erased["removed"], &erased["opt_out_remembered"], &erased["version"]),
        (&json!(by_phone), &json!({ "contact": 1, "memberships": 3 }), &json!(false), &json!(2))
    );
    assert!(erased["deleted_at"].as_str().is_some_and(|time| time.len() == 25), "{erased}");
    assert_eq!(receipt["removed"], json!({ "contacts": 1, "memberships": 3 }));
    assert_eq!(
        (&receipt["tenant"]["slug"], receipt["tenant"]["id"].as_str().map(str::len)),
        (&json!("demo"), Some(36))
    );
    assert_eq!(dev.call("get-contact", json!({ "phone": "+5511987654321" })).await.0, 404);

    // An interrupted command has left an empty file.
    let file = dev.path("receipt.json");
    std::fs::write(&file, "").expect("written");
    let arguments = ["--tenant", "demo", "--id", &by_id, "--yes", "--receipt", &file];
    let output = dev.erase(&arguments, "").await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(
        table.starts_with("ERASED") && table.contains(&by_id) && table.trim_end().ends_with("0            none"),
        "{table}"
    );
    let written: Value = serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON");
    assert_eq!(written["erased"][0]["id"], json!(by_id));

    // The address comes from standard input, and three contacts have it.
    let receipt = dev.receipt(&["--tenant", "demo", "--email", "-"], "jane@example.com\n").await;
    let mut erased: Vec<String> = receipt["erased"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|each| each["id"].as_str().expect("an id").to_owned())
        .collect();
    erased.sort();
    by_email.sort();
    assert_eq!((erased, &receipt["removed"]), (by_email, &json!({ "contacts": 3, "memberships": 3 })));
    for text in [receipt.to_string(), written.to_string(), table] {
        for personal in ["Jane", "jane", "example", "987654321", "5550"] {
            assert!(!text.contains(personal), "{text}");
        }
    }
    let (_, found) = dev.call("search-contacts", json!({})).await;
    assert_eq!(
        found.as_array().map(|list| list.iter().map(|contact| &contact["id"]).collect::<Vec<_>>()),
        Some(vec![&json!(other)])
    );
    let events = std::fs::read_to_string(dev.path("data/events.jsonl")).expect("the events");
    let log = std::fs::read_to_string(dev.path("log")).expect("the log");
    for personal in ["Jane", "example.com", "987654321"] {
        assert!(!events.contains(personal) && !log.contains(personal), "{personal}");
    }
}

#[tokio::test]
async fn nothing_is_erased_without_a_confirmation_or_with_wrong_arguments() {
    let dev = Dev::start().await;
    let id = dev.create("+14155550123", "jane@example.com", "vip").await;
    let tenant = ["--tenant", "demo"];
    let file = dev.path("receipt.json");
    std::fs::write(&file, "kept").expect("written");
    for (arguments, input, status, message) in [
        (
            &["--phone", "+14155550199", "--yes"][..],
            "",
            1,
            "tenant demo has no contact with this phone number; nothing was erased",
        ),
        (&["--id", "01890a5d-ac96-774b-bcce-b302099a8057", "--yes"], "", 1, "no contact with this id"),
        (&["--email", "nobody@example.com", "--yes"], "", 1, "no contact with this email address"),
        (&["--id", &id], "y\n", 1, "standard input is not a terminal; add --yes"),
        (
            &["--id", &id, "--yes", "--receipt", &file],
            "",
            1,
            "is not empty; name another file with --receipt. Nothing was deleted",
        ),
        (&["--phone", "-", "--yes"], "4155550123\n", 1, "standard input: The value must be in international format"),
        (&["--yes"], "", 2, "--phone <NUMBER>|--id <ID>|--email <ADDRESS>"),
        (&["--id", &id, "--phone", "+14155550123"], "", 2, "cannot be used with"),
        (&["--id", "1", "--yes"], "", 2, "The value must be a valid UUID."),
        (&["--phone", "12", "--yes"], "", 2, "must be in international format, starting with +."),
    ] {
        let error = dev.fail(&[&tenant, arguments].concat(), input, status).await;
        assert!(error.contains(message), "{arguments:?}: {error}");
    }
    let error = dev.fail(&["--tenant", "nobody", "--id", &id, "--yes"], "", 1).await;
    assert!(error.contains("there is no tenant with the slug or id `nobody`"), "{error}");
    // The contact is not one of the other tenant.
    let error = dev.fail(&["--tenant", "acme", "--id", &id, "--yes"], "", 1).await;
    assert!(error.contains("tenant acme has no contact with this id"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "kept");
    assert_eq!(dev.call("get-contact", json!({ "contact_id": id })).await.0, 200);
    // What was erased is unknown afterwards.
    dev.receipt(&["--tenant", "demo", "--id", &id], "").await;
    let error = dev.fail(&["--tenant", "demo", "--id", &id, "--yes"], "", 1).await;
    assert!(error.contains("no contact with this id"), "{error}");
}

/// What is stored after a change of number: a redirect under the former id, and the contact, which knows it.
#[tokio::test]
async fn a_former_id_finds_the_contact_and_ends_with_it() {
    let dev = Dev::start().await;
    let id = dev.create("+14155550123", "jane@example.com", "vip").await;
    let former = dev.create("+14155550124", "", "").await;
    let tenant = dev.me("demo-token").await["tenant"]["id"].clone();
    let key = |id: &str| json!({ "tenant_id": { "S": tenant }, "item": { "S": format!("contact#{id}") } });
    let mut redirect = key(&former);
    redirect["moved_to"] = json!({ "S": id });
    redirect["deleted_at"] = json!({ "S": "2026-11-21T00:00:00+00:00" });
    redirect["version"] = json!({ "N": "2" });
    redirect["write_ids"] = json!({ "L": [] });
    dev.dynamodb("PutItem", "ContactsTable", json!({ "Item": redirect })).await;
    let update = json!({
        "Key": key(&id), "UpdateExpression": "SET former_ids = :ids",
        "ExpressionAttributeValues": { ":ids": { "L": [{ "S": former }] } },
    });
    dev.dynamodb("UpdateItem", "ContactsTable", update).await;
    assert_eq!(dev.call("get-contact", json!({ "contact_id": former })).await.1["id"], json!(id));

    let error = dev.fail(&["--tenant", "demo", "--phone", "+14155550124", "--yes"], "", 1).await;
    assert!(error.contains("no contact in tenant demo has this phone number") && error.contains(&id), "{error}");
    let receipt = dev.receipt(&["--tenant", "demo", "--id", &former], "").await;
    let erased = &receipt["erased"][0];
    assert_eq!((&erased["id"], &erased["former_ids"]), (&json!(id), &json!([former])));
    let left = dev.dynamodb("GetItem", "ContactsTable", json!({ "Key": key(&former) })).await;
    let left = left["Item"].as_object().expect("a tombstone");
    assert!(left.contains_key("deleted_at") && !left.contains_key("moved_to"), "{left:?}");
    let error = dev.fail(&["--tenant", "demo", "--id", &former, "--yes"], "", 1).await;
    assert!(error.contains("no contact with this id") && error.contains("carnet doctor --tenant demo"), "{error}");
}

/// The tables are named, and reached through the AWS environment.
#[cfg(feature = "cloud")]
#[tokio::test]
async fn a_person_is_erased_in_a_table() {
    let dev = Dev::start().await;
    let id = dev.create("+14155550123", "jane@example.com", "vip").await;
    let stack = dev.addresses();
    let [access, contacts] =
        ["AccessTable", "ContactsTable"].map(|table| stack["tables"][table].as_str().expect("a table"));
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(["erase", "--tenant", "demo", "--id", &id, "--yes", "--json"]).args(arguments);
        command.env("AWS_ENDPOINT_URL", stack["dynamodb_url"].as_str().expect("a URL")).env("AWS_REGION", "eu-west-1");
        command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
        ended(output(command, "").await)
    };
    let (status, _, errors) = run(&["--access-table", access]).await;
    assert!(status == Some(1) && errors.contains("needs --contacts-table too"), "{errors}");
    let (status, receipt, errors) = run(&["--access-table", access, "--contacts-table", contacts]).await;
    assert!(status == Some(0) && receipt.contains(&id), "{errors}");
    assert_eq!(dev.call("get-contact", json!({ "contact_id": id })).await.0, 404);
}
