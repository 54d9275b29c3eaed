//! The function `import-contacts`: rows of a file become contacts, once, and what cannot is reported.

use contacts::import::protect;
use serde_json::{Value, json};

use crate::support::{Bundle, Fault, InvocationOutcome, error_of, output_of};

/// What Step Functions passes on from one state to the next at most, and the template's `MaxInputBytesPerBatch`.
const STEP_FUNCTIONS_LIMIT: usize = 256 * 1024;
const BATCH_LIMIT: usize = 128 * 1024;

/// Rows with these columns, from line 2 on, as the state machine sends them.
fn rows(columns: &[&str], cells: &[&[&str]]) -> Value {
    let row = |(index, row): (usize, &&[&str])| {
        let cells: serde_json::Map<String, Value> =
            columns.iter().zip(*row).map(|(column, cell)| ((*column).to_owned(), json!(cell))).collect();
        json!({ "line": index + 2, "cells": cells })
    };
    cells.iter().enumerate().map(row).collect()
}

async fn import(bundle: &Bundle, input: Value) -> InvocationOutcome {
    bundle.invoke("import-contacts", bundle.envelope(input).await).await
}

fn counts(answer: &Value) -> [u64; 5] {
    ["created", "updated", "unchanged", "duplicates", "failed"].map(|count| answer[count].as_u64().unwrap())
}

async fn contact(bundle: &Bundle, phone: &str) -> Value {
    bundle.call("get-contact", json!({ "phone": phone })).await.json()
}

#[tokio::test]
async fn each_row_has_an_outcome_and_a_repeated_batch_writes_nothing() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    bundle.call("create-contact", json!({ "phone": "+14155550100", "name": "Old", "tags": "vip" })).await;
    bundle.call("create-contact", json!({ "phone": "+14155550101", "name": "Same" })).await;
    let cells: [&[&str]; 7] = [
        &["José", "+55 11 98765-4321", "jose@example.com", "a,b", "x"],
        &["New", "+14155550100", "", "csv", ""],
        &["Same", "+14155550101", "", "", ""],
        &["No phone", "", "nobody", "", ""],
        &["Again", "+5511987654321", "", "", ""],
        &["Wrong", "+12", "", "", "=y"],
        &["Again, without the ninth digit", "+55 11 8765-4321", "", "", ""],
    ];
    let columns = ["\u{feff}Name", "Phone", "E-mail", "Tags", "Notes"];
    let input = json!({ "rows": rows(&columns, &cells) });
    let answer = output_of(&import(&bundle, input.clone()).await);
    assert_eq!(counts(&answer), [1, 1, 1, 2, 2]);
    assert_eq!(answer["ignored"], json!(["Notes"]));
    // These tests write objects in the order of their keys; the columns are in the order of the event.
    let report = json!({
        "columns": ["import_line", "import_field", "import_reason", "E-mail", "Notes", "Phone", "Tags", "Name"],
        "rows": [
            [
                "5", "phone, email", "The phone field is required. The email must be a valid email address.",
                "nobody", "", "", "", "No phone"
            ],
            [
                "7", "phone",
                "The phone must have 7 to 15 digits, without an extension.",
                "", "'=y", "'+12", "", "Wrong"
            ]
        ],
        "duplicates": [{ "line": 6, "first_line": 2 }, { "line": 8, "first_line": 2 }]
    });
    assert_eq!(answer["report"], report);
    let jose = contact(&bundle, "+5511987654321").await;
    let found = ["name", "email", "source"].map(|field| jose[field].as_str().unwrap());
    assert_eq!((found, &jose["tags"]), (["José", "jose@example.com", "csv_import"], &json!(["a", "b"])));
    let old = contact(&bundle, "+14155550100").await;
    assert_eq!((&old["name"], &old["tags"], &old["source"]), (&json!("New"), &json!(["vip", "csv"]), &json!("api")));

    bundle.caught_up().await;
    let events = bundle.events().len();
    proxy.take_requests();
    let again = output_of(&import(&bundle, input).await);
    assert_eq!(counts(&again), [0, 0, 3, 2, 2]);
    assert_eq!(again["report"], report);
    let operations: Vec<String> = proxy.take_requests().into_iter().map(|request| request.operation).collect();
    assert!(operations.iter().all(|operation| operation.ends_with("GetItem")), "{operations:?}");
    bundle.caught_up().await;
    assert_eq!(bundle.events().len(), events);

    // The report can be imported as it is, and its own report has the same columns and cells.
    let columns: Vec<&str> = report["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let wrong: Vec<&str> = report["rows"][1].as_array().unwrap().iter().map(|cell| cell.as_str().unwrap()).collect();
    let mut corrected = wrong.clone();
    corrected[5] = "'+14155550102";
    let answer = output_of(&import(&bundle, json!({ "rows": rows(&columns, &[&corrected, &wrong]) })).await);
    assert_eq!((counts(&answer), &answer["ignored"]), ([1, 0, 0, 0, 1], &json!(["Notes"])));
    let again = &answer["report"];
    // The harness sorts the columns of an event by name.
    assert_eq!(
        again["columns"],
        json!(["import_line", "import_field", "import_reason", "E-mail", "Name", "Notes", "Phone", "Tags"])
    );
    assert_eq!(again["rows"][0].as_array().unwrap()[3..], ["", "Wrong", "'=y", "'+12", ""]);
    let log = bundle.stop().await;
    for personal in ["4155550", "98765", "José", "nobody", "Wrong"] {
        assert!(!log.contains(personal), "{personal}: {log}");
    }
}

#[tokio::test]
async fn options_decide_how_rows_are_read_and_whether_they_are_written() {
    let bundle = Bundle::start().await;
    let columns = ["Nome", "Fone", "Cidade"];
    let cells: [&[&str]; 2] = [&["Ana", "(11) 98765-4321", "Recife"], &["Rui", "+14155550100", ""]];
    let options = json!({ "Fone": "phone", "Cidade": "metadata.city" });
    let input = |mode: &str| json!({ "rows": rows(&columns, &cells), "columns": options, "country": "br", mode: true });

    let checked = output_of(&import(&bundle, input("check")).await);
    assert_eq!((counts(&checked), &checked["ignored"]), ([0; 5], &json!([])));
    assert_eq!(counts(&output_of(&import(&bundle, input("dry_run")).await)), [2, 0, 0, 0, 0]);
    assert_eq!(bundle.call("search-contacts", json!({})).await.json(), json!([]));
    // Without the country, the national number is refused.
    let without = json!({ "rows": rows(&columns, &cells), "columns": options, "dry_run": true });
    assert_eq!(counts(&output_of(&import(&bundle, without).await)), [1, 0, 0, 0, 1]);

    assert_eq!(counts(&output_of(&import(&bundle, input("x")).await)), [2, 0, 0, 0, 0]);
    let ana = contact(&bundle, "+5511987654321").await;
    assert_eq!((&ana["name"], &ana["metadata"]), (&json!("Ana"), &json!({ "city": "Recife" })));
    assert_eq!(counts(&output_of(&import(&bundle, input("dry_run")).await)), [0, 0, 2, 0, 0]);
}

#[tokio::test]
async fn an_opt_out_survives_an_import() {
    let bundle = Bundle::start().await;
    let opt_out = json!({ "phone": "+14155550100", "consent": "opt_out", "occurred_at": "2026-05-07T08:14:23Z" });
    bundle.call("create-contact", json!({ "phone": "+14155550100" })).await;
    output_of(&bundle.invoke("record-consent", bundle.envelope(opt_out).await).await);
    let cells: [&[&str]; 1] = [&["Ana", "+14155550100", "opt_in", "2026-11-01T00:00:00Z"]];
    let input = json!({ "rows": rows(&["Name", "Phone", "consent", "consent_at"], &cells) });
    assert_eq!(counts(&output_of(&import(&bundle, input).await)), [0, 1, 0, 0, 0]);
    let ana = contact(&bundle, "+14155550100").await;
    let consent = (&ana["name"], &ana["opted_in_at"], &ana["opted_out_at"]);
    assert_eq!(consent, (&json!("Ana"), &json!(null), &json!("2026-05-07T08:14:23+00:00")));
}

#[tokio::test]
async fn throttling_fails_the_batch_and_a_retry_completes_it() {
    let (bundle, proxy, _engine) = Bundle::behind_proxy().await;
    let phones: Vec<String> = (100..160).map(|n| format!("+14155550{n}")).collect();
    let cells: Vec<Vec<&str>> = phones.iter().map(|phone| vec!["Ana", phone]).collect();
    let cells: Vec<&[&str]> = cells.iter().map(Vec::as_slice).collect();
    let input = json!({ "rows": rows(&["Name", "Phone"], &cells) });
    for (fault, kind) in [(Fault::Throttled, "Throttled"), (Fault::Unavailable, "Unavailable")] {
        // Twelve writes succeed, and then none does.
        let mut left = 12;
        proxy.inject(move |operation| {
            left -= i32::from(operation == "PutItem");
            if operation == "PutItem" && left < 0 { fault } else { Fault::None }
        });
        assert_eq!(error_of(&import(&bundle, input.clone()).await).0, kind);
        proxy.inject(|_| Fault::None);
    }
    let answer = output_of(&import(&bundle, input.clone()).await);
    let [created, updated, unchanged, duplicates, failed] = counts(&answer);
    assert!(unchanged >= 24 && created + unchanged == 60 && [updated, duplicates, failed] == [0; 3], "{answer}");
    assert_eq!(counts(&output_of(&import(&bundle, input).await)), [0, 0, 60, 0, 0]);
    // A write whose reply was lost is not repeated.
    let lost = json!({ "rows": rows(&["Phone"], &[&["+14155550199"]]) });
    proxy.inject_once("PutItem", Fault::LostResponse);
    assert_eq!(counts(&output_of(&import(&bundle, lost).await)), [1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_refused_as_a_whole() {
    let bundle = Bundle::start().await;
    let good = rows(&["Phone"], &[&["+14155550100"]]);
    let many: Value = (0..101).map(|_| json!({ "cells": { "Phone": "+14155550100" } })).collect();
    let list = "The rows must be a list of 1 to 100 objects, each with its line and cells.";
    for (field, input, message) in [
        ("rows", json!({}), list),
        ("rows", json!({ "rows": [] }), list),
        ("rows", json!({ "rows": null }), list),
        ("rows", json!({ "rows": many }), list),
        ("rows", json!({ "rows": [{ "line": 2 }] }), list),
        ("rows", json!({ "rows": [{ "cells": { "Phone": 5 } }] }), list),
        ("rows", json!({ "rows": [{ "line": -1, "cells": {} }] }), list),
        ("columns", json!({ "rows": good, "columns": ["Phone"] }), "The columns must be an object."),
        ("columns", json!({ "rows": good, "columns": { "Phone": 1 } }), "The columns must be an object."),
        ("country", json!({ "rows": good, "country": 55 }), "The country must be a string."),
        (
            "country",
            json!({ "rows": good, "country": "Brazil" }),
            "The country must be the two letters of a country whose numbers are known, such as BR.",
        ),
        ("dry_run", json!({ "rows": good, "dry_run": "yes" }), "The dry run must be true or false."),
        ("check", json!({ "rows": good, "check": 1 }), "The check must be true or false."),
    ] {
        let expected = json!({ "message": "The given data was invalid.", "errors": { field: [message] } });
        let answer = error_of(&import(&bundle, input.clone()).await);
        assert_eq!(answer, ("ValidationFailed".into(), expected), "{input}");
    }
    let named = |column: &str, field: &str| json!({ "rows": good, "columns": { column: field } });
    for (input, expected) in [
        (json!({ "rows": [{ "cells": {} }] }), "No column is known to hold the phone number."),
        // The first row of a file without a header, and a file of semicolons: their columns are a person's data.
        (json!({ "rows": rows(&["Secret", "+14155550100"], &[&["Ana", "+14155550101"]]) }), "No column is known"),
        (json!({ "rows": rows(&["Name;Phone"], &[&["Secret;+14155550100"]]) }), "separated by commas"),
        (json!({ "rows": rows(&["T\u{fffd}l", "Phone"], &[&["", "+14155550100"]]) }), "The file is not UTF-8."),
        (named("Secret", "phone"), "names a column that the file does not have"),
        (named("Phone", "fone"), "names a field that does not exist"),
        (named("Phone", "ignore"), "No column is known to hold the phone number."),
    ] {
        let (kind, message) = error_of(&import(&bundle, input.clone()).await);
        let message = message["message"].as_str().unwrap().to_owned();
        assert!(kind == "ValidationFailed" && message.contains(expected), "{input}: {message}");
        assert!(!message.contains("Secret") && !message.contains("4155550"), "{message}");
    }
    let unreadable = output_of(
        &import(&bundle, json!({ "rows": rows(&["Name", "Phone"], &[&["Jos\u{fffd}", "+14155550100"]]) })).await,
    );
    assert_eq!((counts(&unreadable), &unreadable["report"]["rows"][0][1]), ([0, 0, 0, 0, 1], &json!("row")));

    let nobody = json!({ "tenant_id": "01890a5d-ac96-774b-bcce-b302099a8057", "input": { "rows": good } });
    assert_eq!(error_of(&bundle.invoke("import-contacts", nobody).await).0, "UnknownTenant");
    assert_eq!(
        error_of(&bundle.invoke("import-contacts", json!({ "tenant_id": "demo", "input": { "rows": good } })).await).0,
        "UnknownTenant"
    );
    assert_eq!(bundle.call("search-contacts", json!({})).await.json(), json!([]));
    let log = bundle.stop().await;
    assert!(!log.contains("Secret") && !log.contains("4155550"), "{log}");
}

/// A contact that cannot be read fails its row, not the batch: otherwise it would block the file for ever.
#[tokio::test]
async fn a_contact_that_cannot_be_read_fails_only_its_row() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let broken = bundle.put(&tenant, "+14155550100", |_| ()).await;
    let key = |value: String| aws_sdk_dynamodb::types::AttributeValue::S(value);
    let spoil = bundle.dynamodb().update_item().table_name("ContactsTable");
    let spoil = spoil.key("tenant_id", key(tenant.id().to_string())).key("item", key(format!("contact#{}", broken.id)));
    let spoil =
        spoil.update_expression("SET created_at = :time").expression_attribute_values(":time", key("never".into()));
    spoil.send().await.unwrap();
    let input = json!({ "rows": rows(&["Phone"], &[&["+14155550100"], &["+14155550101"]]) });
    let answer = output_of(&import(&bundle, input).await);
    assert_eq!(counts(&answer), [1, 0, 0, 0, 1]);
    let row = &answer["report"]["rows"][0];
    assert_eq!([&row[0], &row[1]], ["2", "row"]);
}

/// The largest batches that the state machine sends: what the function returns and what is written to the bucket stay below
/// the limit of Step Functions, also if every row fails, for as many reasons as there can be.
#[tokio::test]
async fn the_largest_batch_and_its_report_fit_into_step_functions() {
    let bundle = Bundle::start().await;
    let bad = [
        "Phone",
        "E-mail",
        "Tags",
        "source",
        "locale",
        "consent",
        "consent_at",
        "opted_in_at",
        "opted_out_at",
        "metadata",
    ];
    let long_tag = "t".repeat(300);
    let wrong = ["\"1\"", "x", &long_tag, "x", "?", "x", "x", "x", "x", "x"];
    let mut columns: Vec<&str> = bad.to_vec();
    columns.push("Notes");
    for text in ["a", "\"", "😀", "é", "\n", "\\", "="] {
        let escaped = json!(text).to_string().len() - 2;
        let mut notes = text.repeat(900 / escaped);
        let input = |notes: &str| {
            let mut row: Vec<&str> = wrong.to_vec();
            row.push(notes);
            let cells: Vec<&[&str]> = vec![&row; 100];
            rows(&columns, &cells)
        };
        while json!({ "Items": input(&notes) }).to_string().len() > BATCH_LIMIT - 1024 {
            notes.pop();
        }
        let rows = input(&notes);
        let size = rows.to_string().len();
        assert!((BATCH_LIMIT - 4096..BATCH_LIMIT).contains(&size), "{text:?}: {size}");
        let answer = output_of(&import(&bundle, json!({ "rows": rows })).await);
        assert_eq!(counts(&answer), [0, 0, 0, 0, 100]);
        assert!(answer["report"]["rows"][99].as_array().unwrap().contains(&json!(protect(&notes))), "{text:?}");
        // The optimized integration returns the answer besides metadata of the invocation, of some 600 bytes.
        let returned = answer.to_string().len() + 2048;
        assert!(returned < STEP_FUNCTIONS_LIMIT, "{text:?}: {returned}");
    }
}
