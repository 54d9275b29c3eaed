//! Every row has one outcome, also when an import is interrupted, killed, resumed and repeated.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::counts;
use crate::support::{Dev, Ended, PATIENCE, ended};

const ROWS: u64 = 2_000;

/// A file of 2,000 rows, of which 1 % are invalid and 2 % have the number of an earlier row in its other spelling, and
/// the outcome of each line: `new`, `duplicate` with the first line, or `failed` with the field.
fn file() -> (String, BTreeMap<u64, Value>) {
    let mut text = "Nome;Celular;E-mail;Tags\r\n".to_owned();
    let mut expected = BTreeMap::new();
    for row in 0..ROWS {
        let line = row + 2;
        let (phone, email, outcome) = match row % 100 {
            37 => ("n/a".to_owned(), "a@example.com", json!(["failed", "phone"])),
            // A row that is invalid does not count as the first with its number.
            38 => (format!("+55119{}", 80_000_000 + row + 1), "not an address", json!(["failed", "email"])),
            50 | 80 => (format!("+5511{}", 80_000_000 + row - 5), "b@example.com", json!(["duplicate", line - 5])),
            _ => (format!("+55119{}", 80_000_000 + row), "", json!(["new"])),
        };
        text += &format!("Ana {row};{phone};{email};{}\r\n", ["", "vip", "vip, beta"][row as usize % 3]);
        expected.insert(line, outcome);
    }
    (text, expected)
}

/// The outcomes in a file, by line: those of applied rows are `new`.
fn outcomes(path: &str) -> BTreeMap<u64, Value> {
    let text = std::fs::read_to_string(path).expect("readable");
    let outcome = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("JSON");
        let outcome = match row["outcome"].as_str() {
            Some("failed") => json!(["failed", row["problems"][0]["field"]]),
            Some("duplicate") => json!(["duplicate", row["first_line"]]),
            _ => json!(["new"]),
        };
        (row["line"].as_u64().expect("a line"), outcome)
    };
    text.lines().map(outcome).collect()
}

/// Starts an import, and sends it a signal when it has reported some hundred rows.
async fn signalled(dev: &Dev, arguments: &[&str], outcomes: &str, signal: Signal) -> Ended {
    let _ = std::fs::remove_file(outcomes);
    let mut command = dev.command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().expect("carnet starts");
    let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).expect("a process");
    let end = Instant::now() + PATIENCE;
    while std::fs::metadata(outcomes).map_or(0, |file| file.len()) < 8_000 {
        assert!(Instant::now() < end, "no rows are reported");
        sleep(Duration::from_millis(20)).await;
    }
    kill_process(pid, signal).expect("signalled");
    ended(child.wait_with_output().await.expect("ended"))
}

#[tokio::test]
async fn an_import_is_predicted_interrupted_killed_resumed_and_repeated() {
    let dev = Dev::start().await;
    let (text, expected) = file();
    let (path, report) = (dev.file("contacts.csv", text), dev.path("outcomes.jsonl"));
    let arguments = ["--tenant", "demo", "--outcomes", &report];
    let invalid = expected.values().filter(|outcome| outcome[0] == "failed").count() as u64;
    let duplicates = expected.values().filter(|outcome| outcome[0] == "duplicate").count() as u64;
    let new = ROWS - invalid - duplicates;
    assert_eq!((invalid, duplicates), (ROWS / 50, ROWS / 50));

    let (status, summary, errors) = dev.import(&path, &[&arguments[..], &["--dry-run"]].concat()).await;
    assert_eq!((status, summary), (Some(1), counts(new, 0, 0, duplicates, invalid)), "{errors}");
    assert_eq!(outcomes(&report), expected);
    assert!(errors.contains("nothing was written to the table") && dev.contacts("demo").await.is_empty(), "{errors}");

    let paced = [&["import", &path, "--json", "--rate", "400"], &arguments[..]].concat();
    let (status, stdout, errors) = signalled(&dev, &paced, &report, Signal::INT).await;
    assert!(status == Some(1) && errors.contains("Run the same command again to go on"), "{status:?} {errors}");
    let summary: Value = serde_json::from_str(&stdout).expect("JSON");
    let interrupted = summary["created"].as_u64().expect("a number");
    assert!(interrupted > 50 && interrupted < new, "{summary}");
    // What was reported is what was done.
    assert_eq!(dev.contacts("demo").await.len() as u64, interrupted);

    let (status, ..) = signalled(&dev, &paced, &report, Signal::KILL).await;
    assert_eq!(status, None);
    let stored = dev.contacts("demo").await.len() as u64;
    let (status, summary, errors) = dev.import(&path, &arguments).await;
    assert_eq!((status, summary), (Some(1), counts(new - stored, 0, stored, duplicates, invalid)), "{errors}");
    assert_eq!(outcomes(&report), expected);

    let before = dev.export("demo").await;
    let (status, summary, errors) = dev.import(&path, &arguments).await;
    assert_eq!((status, summary), (Some(1), counts(0, 0, new, duplicates, invalid)), "{errors}");
    assert_eq!(dev.export("demo").await, before);

    // The failed rows are imported when they have been corrected. `E-mail` was wrong in some, the number in others.
    let failed = dev.path("contacts.failed.csv");
    let rows = std::fs::read_to_string(&failed).expect("readable");
    let mut corrected = String::new();
    for (n, row) in rows.lines().enumerate() {
        corrected +=
            &row.replace("n/a", &format!("+4477009{n:05}")).replace("not an address", &format!("{n}@example.com"));
        corrected.push('\n');
    }
    assert!(rows.starts_with("import_line,import_field,import_reason,Nome,Celular,E-mail,Tags\n39,phone,"), "{rows}");
    std::fs::write(&failed, corrected).expect("written");
    let (status, summary, errors) = dev.import(&failed, &["--tenant", "demo"]).await;
    // Row 38 of each hundred repeats the number of row 39, which has been created.
    assert_eq!((status, summary), (Some(0), counts(invalid / 2, invalid / 2, 0, 0, 0)), "{errors}");
}
