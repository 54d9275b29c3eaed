//! Files that can be read only once.

use std::process::Command;

use serde_json::Value;

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
