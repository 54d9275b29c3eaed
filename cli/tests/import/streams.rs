//! Files that can be read only once, and files that cannot be written.

use std::process::Command;

use serde_json::{Value, json};

use crate::counts;
use crate::support::Dev;

#[tokio::test]
async fn pipes_are_read_once() {
    let dev = Dev::start().await;
    let text = "phone,name\n+5511987650000,Ana\n12,Rui\n";
    let summary = |stdout: String| serde_json::from_str::<Value>(&stdout).expect("JSON");
    let (status, stdout, errors) = dev.run(&["import", "/dev/stdin", "--tenant", "demo", "--json"], text).await;
    assert_eq!((status, summary(stdout)), (Some(1), counts(1, 0, 0, 0, 1)), "{errors}");
    assert!(errors.contains("The failed rows are in import.failed.csv"), "{errors}");
    let failed = std::fs::read_to_string(dev.path("import.failed.csv")).expect("readable");
    assert!(failed.ends_with(",12,Rui\n"), "{failed}");

    let pipe = dev.path("contacts.pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let path = pipe.clone();
    let writer = std::thread::spawn(move || std::fs::write(path, text.replace("12,", "+5511987650001,")));
    let (status, stdout, errors) = dev.run(&["import", &pipe, "--tenant", "demo", "--json"], "").await;
    assert_eq!((status, summary(stdout)), (Some(0), counts(1, 0, 1, 0, 0)), "{errors}");
    writer.join().expect("no panic").expect("written");
}

/// How many rows were applied. On a machine that is so busy that a response is late, a row that was created is sent again
/// and is unchanged.
fn applied(summary: &Value) -> u64 {
    ["created", "unchanged"].iter().map(|outcome| summary[*outcome].as_u64().expect("a number")).sum()
}

/// On a full disk, the rows that are being written are finished and reported, and then the import fails.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_row_is_lost_when_a_report_cannot_be_written() {
    let dev = Dev::start().await;
    let rows = |invalid: &[usize]| {
        let phone = |n| if invalid.contains(&n) { "12".to_owned() } else { format!("+55119{}", 80_000_000 + n) };
        (0..400).map(|n| format!("{},vip\n", phone(n))).collect::<String>()
    };
    let file = dev.file("contacts.csv", format!("phone,tags\n{}", rows(&[60, 62])));
    let outcomes = dev.path("outcomes.jsonl");
    let arguments = ["--tenant", "demo", "--failed", "/dev/full", "--outcomes", &outcomes];
    let (status, summary, errors) = dev.import(&file, &arguments).await;
    assert!(status == Some(1) && errors.contains("/dev/full: No space left on device"), "{errors}");
    assert!(errors.contains("another file with --failed, and run the same command again"), "{errors}");
    assert!(errors.contains("line 62: The phone must be") && !errors.contains("The failed rows are in"), "{errors}");
    // Nothing was sent after the first row that could not be reported, and all that was sent is reported.
    let sent = applied(&summary);
    assert!((28..=60).contains(&sent) && summary["failed"] == json!(1), "{summary}");
    assert_eq!(dev.contacts("demo").await.len() as u64, sent);
    let reported = std::fs::read_to_string(&outcomes).expect("readable");
    assert_eq!(reported.lines().count() as u64, sent + 1);

    let file = dev.file("more.csv", format!("phone,tags\n{}", rows(&[])));
    let (status, summary, errors) = dev.import(&file, &["--tenant", "demo", "--outcomes", "/dev/full"]).await;
    assert!(status == Some(1) && errors.contains("another file with --outcomes"), "{errors}");
    let shown = errors.lines().filter(|line| line.starts_with("{\"line\":")).count() as u64;
    assert!((1..=32).contains(&shown) && applied(&summary) == shown, "{summary} {errors}");
    let (status, summary, errors) = dev.import(&file, &["--tenant", "demo"]).await;
    assert_eq!((status, applied(&summary)), (Some(0), 400), "{summary} {errors}");
    assert_eq!(dev.contacts("demo").await.len(), 400);
}
