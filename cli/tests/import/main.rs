//! `carnet import` and `carnet export` against a running `carnet dev`.

mod dev;
mod outcomes;
mod round_trip;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod throttled;

use serde_json::{Value, json};
use support::Dev;

/// The files of the test: exports of five products with their real columns.
fn fixture(name: &str) -> String {
    format!("{}/tests/import/{name}.csv", env!("CARGO_MANIFEST_DIR"))
}

fn counts(created: u64, updated: u64, unchanged: u64, duplicates: u64, failed: u64) -> Value {
    json!({ "created": created, "updated": updated, "unchanged": unchanged, "duplicates": duplicates, "failed": failed })
}

#[tokio::test]
async fn files_of_known_products_are_imported_without_a_map() {
    let dev = Dev::start().await;
    for (name, created, failed) in
        [("google", 3, 1), ("google-old", 1, 0), ("hubspot", 2, 1), ("shopify", 3, 0), ("qyvo", 2, 0), ("flowiq", 2, 0)]
    {
        let failed_rows = dev.path(&format!("{name}.failed.csv"));
        let arguments = ["--tenant", "demo", "--failed", &failed_rows];
        let status = Some(i32::from(failed > 0));
        let (ended, summary, errors) = dev.import(&fixture(name), &arguments).await;
        assert_eq!((ended, summary), (status, counts(created, 0, 0, 0, failed)), "{name}: {errors}");
        let (ended, summary, errors) = dev.import(&fixture(name), &arguments).await;
        assert_eq!((ended, summary), (status, counts(0, 0, created, 0, failed)), "{name}: {errors}");
        assert_eq!(std::path::Path::new(&failed_rows).exists(), failed > 0);
    }
    let contacts = dev.contacts("demo").await;
    let found: Vec<Value> = contacts
        .iter()
        .map(|contact| {
            let opted_out = !contact["opted_out_at"].is_null();
            json!([contact["phone"], contact["name"], contact["email"], contact["tags"], contact["source"], opted_out])
        })
        .collect();
    let expected = json!([
        ["+21620123456", "Omar Ben Ali", "omar@example.com", [], "csv_import", true],
        ["+2348031234567", "Ngozi Okafor", "ngozi@example.com", [], "csv_import", false],
        ["+27123456789", "Zoë Novák", "zoe@example.com", [], "csv_import", true],
        ["+33639981201", "Amélie Dubois", null, ["starred", "VIP Paris"], "csv_import", false],
        ["+34612345678", "Sofía García", "sofia@example.com", ["newsletter", "vip"], "csv_import", false],
        ["+393123456789", "Priya Rossi", "priya@example.com", ["Friends"], "csv_import", false],
        ["+442079460018", null, "shop@example.com", [], "csv_import", false],
        ["+4741234567", "Håkon Andersson", "hakon@example.com", ["beta", "vip"], "csv_import", false],
        ["+48512345678", "Łukasz Kowalski", "lukasz@example.com", [], "csv_import", false],
        ["+5511987654321", "José Carlos da Silva", "jose@example.com", ["Clients"], "csv_import", false],
        ["+5521987650001", "Tiago Souza", "tiago@example.com", ["vip", "pt-BR"], "widget", false],
        ["+5521987650002", "Beatriz Silva", null, [], "api", true],
        ["+819012345678", "Yuki Sato", "yuki@example.com", ["wholesale"], "csv_import", true],
    ]);
    assert_eq!(json!(found), expected);
    let tiago = &contacts[10];
    // Times and counters of another product's file are not taken over.
    assert_eq!((&tiago["total_messages"], &tiago["locale"]), (&json!(0), &json!("pt-BR")));
    assert_eq!(contacts[0]["metadata"], json!({ "accepts_email_marketing": "no" }));

    // Consent is not re-opened, neither by an answer nor by a date.
    let again =
        dev.file("again.csv", "phone,consent,opted_in_at\n+21620123456,yes,2026-11-01\n+5521987650002,,2026-11-01\n");
    let (status, summary, errors) = dev.import(&again, &["--tenant", "demo"]).await;
    assert_eq!((status, summary), (Some(0), counts(0, 0, 2, 0, 0)), "{errors}");
    assert_eq!(dev.contacts("demo").await, contacts);

    // National numbers need a country, and columns can be mapped.
    let failed = std::fs::read_to_string(dev.path("hubspot.failed.csv")).expect("readable");
    assert!(failed.starts_with("import_line,import_field,import_reason,Record ID,First Name,"), "{failed}");
    assert!(failed.contains("\n4,phone,\"The phone must be in international format"), "{failed}");
    let arguments =
        ["--tenant", "demo", "--country", "us", "--map", "Lifecycle Stage=metadata.stage", "--failed", "x.csv"];
    let (status, summary, errors) = dev.import(&dev.path("hubspot.failed.csv"), &arguments).await;
    assert_eq!((status, summary), (Some(0), counts(1, 0, 0, 0, 0)), "{errors}");
    assert!(errors.contains("Lifecycle Stage → metadata.stage") && errors.contains("Left out: Record ID,"), "{errors}");
    let jane =
        dev.contacts("demo").await.into_iter().find(|contact| contact["name"] == "Jane Smith").expect("imported");
    assert_eq!((&jane["phone"], &jane["metadata"]), (&json!("+14155550123"), &json!({ "stage": "Subscriber" })));
}

#[tokio::test]
async fn files_that_cannot_be_read_change_nothing_and_say_why() {
    let dev = Dev::start().await;
    let latin = dev.file("latin.csv", b"nome;telefone\nAna;+5511987650000\nJos\xe9;+5511987650001\n");
    let open_quote =
        [b"name,phone\nAna,+5511987650000\n\"Jos,+5511987650001\n".to_vec(), vec![b'x'; 1_100_000]].concat();
    let open_quote = dev.file("quote.csv", open_quote);
    let (no_phone, empty) = (dev.file("no-phone.csv", "name,city\nAna,Santos\n"), dev.file("empty.csv", ""));
    let tenant = ["--tenant", "demo"];
    let same = dev.path("./no-phone.csv");
    for (arguments, status, message) in [
        (
            vec!["import", &latin],
            2,
            "line 3 or soon after it cannot be read: the text is not UTF-8; if Excel on Windows",
        ),
        (
            vec!["import", &open_quote],
            2,
            "error: the row after line 2 is larger than 1 MB; a quotation mark there has no end",
        ),
        (vec!["import", &no_phone], 2, "map one of these columns to the field phone: name, city; --map 'Column=field'"),
        (vec!["import", &no_phone, "--map", "town=phone"], 2, "there is no column town, which is mapped"),
        (
            vec!["import", &no_phone, "--map", "city=fone"],
            2,
            "fone is not a field; map columns to metadata.<key>, ignore",
        ),
        (vec!["import", &no_phone, "--map", "city"], 2, "write the column, = and the field"),
        (vec!["import", &no_phone, "--country", "Brazil"], 2, "write one of the countries AE, "),
        (vec!["import", &no_phone, "--encoding", "x"], 2, "write an encoding such as utf-8"),
        (vec!["import", &no_phone, "--delimiter", "ab"], 2, "write one character such as ;"),
        (vec!["import", &no_phone, "--failed", &no_phone], 2, "choose others with --failed"),
        (vec!["import", &no_phone, "--failed", &same], 2, "choose others with --failed"),
        (vec!["import", &no_phone, "--outcomes", &no_phone], 2, "choose others with --failed"),
        (vec!["import", &empty], 2, "the file has no header"),
        (vec!["import", "missing.csv"], 2, "missing.csv: No such file"),
        (vec!["export", "--format", "xlsx"], 2, "possible values: csv, jsonl"),
        (vec!["export", "--output", "no/such/directory.csv"], 1, "No such file"),
    ] {
        let (ended, stdout, errors) = dev.run(&[&arguments[..], &tenant].concat(), "").await;
        assert_eq!((ended, &*stdout), (Some(status), ""), "{arguments:?}: {errors}");
        assert!(errors.contains(message), "{arguments:?}: {errors}");
    }
    let (status, _, errors) = dev.run(&["import", &latin, "--tenant", "nobody"], "").await;
    assert!(status == Some(1) && errors.contains("there is no tenant with the slug or id `nobody`"), "{errors}");
    assert_eq!(dev.contacts("demo").await, Vec::<Value>::new());

    let (status, summary, errors) = dev.import(&latin, &[&tenant[..], &["--encoding", "windows-1252"]].concat()).await;
    assert_eq!((status, summary), (Some(0), counts(2, 0, 0, 0, 0)), "{errors}");
    // What Excel calls Unicode text: UTF-16 with tabs.
    let text = "Nome\tCelular\r\nZoë\t+5511987650002\r\n";
    let utf16: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let (status, summary, errors) = dev.import(&dev.file("excel.txt", utf16), &tenant).await;
    assert_eq!((status, summary), (Some(0), counts(1, 0, 0, 0, 0)), "{errors}");
    let names: Vec<Value> = dev.contacts("demo").await.iter().map(|contact| contact["name"].clone()).collect();
    assert_eq!(names, ["Ana", "José", "Zoë"]);
}

#[tokio::test]
async fn an_opt_out_survives_an_erasure_and_an_import() {
    let dev = Dev::start().await;
    let file =
        |line: &str| dev.file("contacts.csv", format!("phone,name,tags,consent,opted_in_at,opted_out_at\n{line}\n"));
    let opted_out = file("+5511987650000,Ana,vip,,2026-01-01,2026-02-01");
    assert_eq!(dev.import(&opted_out, &["--tenant", "demo"]).await.1, counts(1, 0, 0, 0, 0));
    let erase = ["erase", "--tenant", "demo", "--phone", "+551187650000", "--yes"];
    let (status, _, errors) = dev.run(&erase, "").await;
    assert_eq!(status, Some(0), "{errors}");
    // A tombstone is neither exported nor counted as unreadable.
    assert_eq!(dev.contacts("demo").await, Vec::<Value>::new());

    let opted_in = file("+5511987650000,Ana,,yes,2026-11-01,");
    let (status, summary, errors) = dev.import(&opted_in, &["--tenant", "demo", "--dry-run"]).await;
    assert_eq!((status, summary), (Some(0), counts(1, 0, 0, 0, 0)), "{errors}");
    let (status, summary, errors) = dev.import(&opted_in, &["--tenant", "demo"]).await;
    assert_eq!((status, summary), (Some(0), counts(1, 0, 0, 0, 0)), "{errors}");
    let contacts = dev.contacts("demo").await;
    assert_eq!(
        (&contacts[0]["opted_out_at"], &contacts[0]["opted_in_at"]),
        (&json!("2026-02-01T00:00:00+00:00"), &Value::Null)
    );
    assert_eq!(dev.import(&opted_in, &["--tenant", "demo"]).await.1, counts(0, 0, 1, 0, 0));
}
