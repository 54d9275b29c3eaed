//! An export, imported into an empty tenant, gives the same export.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use contacts::import::{EXPORT, protect};
use serde_json::json;

use crate::counts;
use crate::support::Dev;

/// Texts that spreadsheets, CSV and the apostrophe of [`protect`] could change.
const HOSTILE: [&str; 19] = [
    "=cmd|' /C calc'!A0",
    "+1-2",
    "-2+3",
    "@SUM(1;2)",
    "'quoted'",
    "'=x",
    "''=x",
    "'",
    "a;b,\"c\"",
    "\"",
    "＝1",
    "'＋1",
    "日本 語 😀",
    "a ::: b",
    ":::",
    "* vip",
    "* myContacts",
    "\u{202e}rtl",
    "null",
];

/// A contact as a row of an export, whose texts are hostile.
fn row(random: &mut fastrand::Rng, n: usize) -> Vec<String> {
    let mut text = |empty: bool| match random.usize(..HOSTILE.len() + 2) {
        at if at < HOSTILE.len() => {
            format!("{}{}", HOSTILE[at], ["", " x", "é\""][random.usize(..3)]).trim().to_owned()
        }
        _ if empty => String::new(),
        _ => "plain".to_owned(),
    };
    let (name, method, key, value) = (text(true), text(false), text(false), text(false));
    let summary = format!("{}\r\n\t{}\n{}", text(false), text(false), text(false)).trim().to_owned();
    let mut tags: Vec<String> = (0..n % 4).map(|_| text(false).replace(',', ";")).collect();
    tags.dedup();
    let tags = if tags.len() == 3 && tags[0] == tags[2] { tags[..2].join(",") } else { tags.join(",") };
    let at = |day: usize| format!("2026-0{}-{:02}T0{}:00:00+00:00", 1 + day % 9, 1 + n % 28, n % 10);
    let flag = |bit: usize| (n >> bit & 1 == 1).to_string();
    let is_even = n.is_multiple_of(2);
    let either = |value: String| if is_even { value } else { String::new() };
    let metadata = serde_json::json!({ key: value, "nul": "\u{0}" }).to_string();
    vec![
        String::new(),
        format!("+55119{}", 70_000_000 + n),
        name,
        ["", "=x@example.com", "+a@example.com", "'b@example.com", "-c@example.com"][n % 5].to_owned(),
        ["manual", "csv_import", "shopify", "woocommerce", "widget", "zapier", "api"][n % 7].to_owned(),
        ["", "pt-BR", "-x"][n % 3].to_owned(),
        tags,
        // Numbers keep their spelling.
        either(metadata.replacen('{', "{\"n\":8742.00,\"big\":1e400,", 1)),
        ["".to_owned(), at(0), at(0)][n % 3].clone(),
        ["".to_owned(), String::new(), at(1)][n % 3].clone(),
        if n.is_multiple_of(3) { String::new() } else { method },
        either(at(2)),
        (n * 7).to_string(),
        ["active", "paused"][n % 2].to_owned(),
        flag(0),
        flag(1),
        flag(2),
        flag(3),
        either(summary),
        either(at(3)),
        either(format!("{{\"archived\":\"{}\",\"locale\":\"{}\"}}", at(1), at(4))),
        at(0),
        at(5),
    ]
}

/// The rows of an export without their ids, sorted, each a list of cells.
fn rows(export: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(export.as_bytes());
    assert_eq!(reader.headers().expect("a header"), &EXPORT[..]);
    let cells =
        |record: Result<csv::StringRecord, _>| record.expect("a row").iter().skip(1).map(str::to_owned).collect();
    let mut rows: Vec<Vec<String>> = reader.records().map(cells).collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn an_export_restores_another_tenant_whatever_the_texts_are() {
    let dev = Dev::start().await;
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(EXPORT).expect("written");
    let mut made: Vec<Vec<String>> = Vec::new();
    for n in 0..400 {
        let row: Vec<String> = row(&mut random, n).iter().map(|cell| protect(cell).into_owned()).collect();
        writer.write_record(&row).expect("written");
        made.push(row[1..].to_vec());
    }
    made.sort();
    let first = dev.file("first.csv", writer.into_inner().expect("written"));
    let (status, summary, errors) = dev.import(&first, &["--tenant", "demo"]).await;
    assert_eq!((status, summary), (Some(0), counts(400, 0, 0, 0, 0)), "seed {seed}: {errors}");
    let exported = dev.export("demo").await;
    assert_eq!(rows(&exported), made, "seed {seed}");
    let is_formula = |cell: &String| cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    assert!(!rows(&exported).iter().flatten().any(is_formula), "seed {seed}");

    // Through a pipe, into another tenant.
    let (status, stdout, errors) = dev.run(&["import", "-", "--tenant", "acme", "--json"], &exported).await;
    assert_eq!(status, Some(0), "seed {seed}: {stdout}{errors}");
    let copied = dev.export("acme").await;
    assert_eq!(rows(&copied), rows(&exported), "seed {seed}");
    assert_ne!(copied, exported, "the ids of two tenants are the same");

    // Into the same tenant it changes nothing, and a file is the same as standard output.
    let output = dev.path("again.csv");
    let (status, stdout, errors) = dev.run(&["export", "--tenant", "demo", "--output", &output], "").await;
    assert_eq!((status, &*stdout), (Some(0), ""), "{errors}");
    assert_eq!(std::fs::read_to_string(&output).expect("readable"), exported);
    let (status, summary, errors) = dev.import(&output, &["--tenant", "demo"]).await;
    assert_eq!((status, summary), (Some(0), counts(0, 0, 400, 0, 0)), "seed {seed}: {errors}");
    assert_eq!(dev.export("demo").await, exported, "seed {seed}");
}

/// Gives a contact of the tenant `demo` another number, as an agent does.
async fn change_number(dev: &Dev, id: &str, phone: &str) {
    let params = json!({ "name": "update_contact", "arguments": { "id": id, "phone": phone } });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let request = reqwest::Client::new().post(format!("{}/mcp", dev.url)).bearer_auth("demo-token");
    let answer = request.body(message.to_string()).send().await.expect("an answer");
    // Metadata has numbers that serde_json cannot read. The result is in the answer as JSON and as a text that contains JSON.
    let answer = answer.text().await.expect("a text");
    assert!(answer.contains(&format!(r#""phone":"{phone}""#)), "{answer}");
}

/// The lines of an export as JSON without their ids, sorted.
async fn lines(dev: &Dev, tenant: &str) -> Vec<String> {
    let (status, stdout, errors) = dev.run(&["export", "--tenant", tenant, "--format", "jsonl"], "").await;
    assert_eq!(status, Some(0), "{errors}");
    let without_id = |line: &str| {
        let (id, rest) = line.split_once(",").expect("several fields");
        assert!(id.starts_with("{\"id\":\""), "{line}");
        rest.to_owned()
    };
    let mut lines: Vec<String> = stdout.lines().map(without_id).collect();
    lines.sort();
    lines
}

/// A change of number gives a contact another id and leaves a redirect, of which an export shows nothing.
#[tokio::test]
async fn contacts_whose_number_was_changed_are_exported_and_restored_like_others() {
    const PHONE: usize = 0;
    let dev = Dev::start().await;
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(EXPORT).expect("written");
    let mut made: Vec<Vec<String>> = Vec::new();
    for n in 0..10 {
        let row: Vec<String> = row(&mut random, n).iter().map(|cell| protect(cell).into_owned()).collect();
        writer.write_record(&row).expect("written");
        made.push(row[1..].to_vec());
    }
    let first = dev.file("first.csv", writer.into_inner().expect("written"));
    let (status, summary, errors) = dev.import(&first, &["--tenant", "demo"]).await;
    assert_eq!((status, summary), (Some(0), counts(10, 0, 0, 0, 0)), "seed {seed}: {errors}");

    let exported = dev.export("demo").await;
    let mut reader = csv::Reader::from_reader(exported.as_bytes());
    let ids: HashMap<String, String> = reader
        .records()
        .map(|record| record.expect("a row"))
        .map(|row| (row[1].trim_start_matches('\'').to_owned(), row[0].to_owned()))
        .collect();
    let before = |n: usize| format!("+55119{}", 70_000_000 + n);
    for (n, numbers) in [
        (0, vec!["+447700900000".to_owned()]),
        // Another spelling of the same number, which leaves the id.
        (1, vec![format!("+5511{}", 70_000_001)]),
        (2, vec!["+447700900002".to_owned(), "+447700900012".to_owned()]),
        // Somebody else gets the old number.
        (3, vec!["+447700900003".to_owned()]),
        (4, vec!["+447700900004".to_owned(), before(4)]),
    ] {
        for phone in &numbers {
            // The first id leads to the contact.
            change_number(&dev, &ids[&before(n)], phone).await;
        }
        made[n][PHONE] = protect(numbers.last().expect("a number")).into_owned();
    }
    let other = json!({ "phone": before(3), "name": "Somebody else" });
    assert_eq!(dev.call("create-contact", other).await.0, 201);

    let exported = dev.export("demo").await;
    // The last column is the time of the last change.
    let without_time = |mut rows: Vec<Vec<String>>| {
        rows.iter_mut().for_each(|row| drop(row.pop()));
        rows.sort();
        rows
    };
    let (others, same): (Vec<_>, Vec<_>) = rows(&exported).into_iter().partition(|row| row[1] == "Somebody else");
    assert_eq!(without_time(same), without_time(made), "seed {seed}");
    assert_eq!((others.len(), &*others[0][PHONE]), (1, &*protect(&before(3))), "seed {seed}");

    let (status, summary, errors) = dev.import(&dev.file("moved.csv", &exported), &["--tenant", "acme"]).await;
    assert_eq!((status, summary), (Some(0), counts(11, 0, 0, 0, 0)), "seed {seed}: {errors}");
    assert_eq!(rows(&dev.export("acme").await), rows(&exported), "seed {seed}");
    let (original, copy) = (lines(&dev, "demo").await, lines(&dev, "acme").await);
    assert!(original.len() == 11 && original == copy, "seed {seed}: {original:#?}{copy:#?}");
}

#[tokio::test]
async fn an_export_waits_until_the_read_units_of_a_page_fit_its_rate() {
    let dev = Dev::start().await;
    // 40 contacts of 60 KB are three pages, of which the first two take 256 units each.
    let metadata = format!("\"{{\"\"text\"\":\"\"{}\"\"}}\"", "x".repeat(60_000));
    let rows: String = (0..40).map(|n| format!("+55119{},{metadata}\n", 80_000_000 + n)).collect();
    let file = dev.file("contacts.csv", format!("phone,metadata\n{rows}"));
    let (status, _, errors) = dev.import(&file, &["--tenant", "demo"]).await;
    assert_eq!(status, Some(0), "{errors}");
    let unlimited = dev.export("demo").await;
    let begun = Instant::now();
    let (status, paced, errors) = dev.run(&["export", "--tenant", "demo", "--rate", "128"], "").await;
    assert_eq!(status, Some(0), "{errors}");
    assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(paced == unlimited && paced.len() > 2_400_000, "{} and {} bytes", paced.len(), unlimited.len());
}
