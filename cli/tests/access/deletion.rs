//! Deleting tenants.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::{Dev, output, text};

/// Creates a tenant whose name is in nothing but its own item. Returns its id and its token.
async fn tenant(dev: &Dev, slug: &str) -> (String, String) {
    let create = ["tenant", "create", slug, "--name", "Jane Smith", "--rate-limit", "1000", "--with-token"];
    let created = dev.json(&create).await;
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&created["tenant"]["id"]), text(&created["token"]["secret"]))
}

/// Creates contacts with two tags each.
async fn contacts(dev: &Dev, token: &str, count: usize) {
    for from in (0..count).step_by(20) {
        let mut calls = JoinSet::new();
        for n in from..count.min(from + 20) {
            let body = json!({ "phone": format!("+1415555{n:04}"), "name": "Ann", "tags": "vip, new" });
            let url = format!("{}/api/v1/actions/create-contact", dev.url);
            let request = reqwest::Client::new().post(url).bearer_auth(token).body(body.to_string());
            calls.spawn(async move { request.send().await.expect("an answer").status().as_u16() });
        }
        assert!(calls.join_all().await.iter().all(|status| *status == 201));
    }
}

/// With the wait that the command has by default: 90 s.
#[tokio::test]
async fn a_deleted_tenant_is_refused_by_warm_processes_and_leaves_nothing() {
    let dev = Dev::start().await;
    let (id, token) = tenant(&dev, "leaving").await;
    let (other, others_token) = tenant(&dev, "staying").await;
    contacts(&dev, &token, 30).await;
    contacts(&dev, &others_token, 5).await;
    assert_eq!(dev.status("list-tags", &token).await, 200);
    // The contacts of both have the same phones, but other ids.
    let of = |items: &[String], id: &str| items.iter().filter(|item| item.contains(id)).cloned().collect::<Vec<_>>();
    let before = dev.items().await;
    assert_eq!(of(&before, &id).len(), 30 * 3 + 2 + 3);
    let others = |items: Vec<String>| {
        let mut others: Vec<String> = items.into_iter().filter(|item| item.contains(&other)).collect();
        others.sort();
        others
    };

    let error = dev.fail(&["tenant", "delete", "leaving"], 1).await;
    assert!(error.contains("  leaving") || error.starts_with("SLUG ") && error.contains("add --yes"), "{error}");
    assert_eq!(dev.items().await.len(), before.len());

    let receipt = &*dev.path("receipt.json");
    let command = dev.command(&["tenant", "delete", "leaving", "--yes", "--receipt", receipt]);
    let begun = Instant::now();
    let deletion = tokio::spawn(async move { output(command, "").await });
    while !dev.succeed(&["tenant", "list"]).await.contains("being deleted since") {
        assert!(begun.elapsed() < Duration::from_secs(30), "the tenant is not marked");
    }
    let marked = Instant::now();
    // Processes that have not cached the tenant refuse it; the warm one does within 60 s.
    assert_eq!(dev.status("search-contacts", &token).await, 401);
    assert_eq!(dev.status("list-tags", &token).await, 200);
    let error = dev.fail(&["token", "create", "--tenant", "leaving", "--label", "late"], 1).await;
    assert!(error.contains("unknown tenant: it does not exist, or is being deleted"), "{error}");
    sleep(Duration::from_secs(60).saturating_sub(marked.elapsed())).await;
    assert_eq!(dev.status("list-tags", &token).await, 401);
    assert_eq!(of(&dev.items().await, &id).len(), 30 * 3 + 2 + 2, "contacts are deleted before calls have ended");

    let done = deletion.await.expect("ended");
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!((90..120).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(text(&done.stderr).contains("leaving is deleted."), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("\n30     contacts, deleted ones included\n"), "{}", text(&done.stdout));
    let after = dev.items().await;
    assert_eq!(of(&after, &id), [""; 0]);
    assert_eq!(others(after), others(before));
    for action in ["list-tags", "search-contacts", "create-contact"] {
        assert_eq!(dev.status(action, &token).await, 401, "{action}");
        assert_ne!(dev.status(action, &others_token).await, 401, "{action}");
    }
    let receipt = std::fs::read_to_string(receipt).expect("a receipt");
    assert!(!receipt.contains("Jane") && !receipt.contains("+1415"), "{receipt}");
    let receipt: Value = serde_json::from_str(&receipt).expect("JSON");
    let removed = json!({ "calls": 1, "contact": 30, "slug": 1, "tag": 60, "tagdef": 2, "tenant": 1, "token": 1 });
    assert_eq!((&receipt["tenant"], &receipt["removed"]), (&json!({ "id": id, "slug": "leaving" }), &removed));
    assert!(receipt["started_at"].as_str() < receipt["finished_at"].as_str(), "{receipt}");
    for name in ["leaving", &id] {
        assert!(dev.fail(&["tenant", "delete", name, "--yes"], 1).await.contains("there is no tenant"));
    }
    // An event for it, from a queue.
    let body = json!({ "tenant_id": id, "input": { "phone": "+14155550000", "consent": "opt_out", "occurred_at": "2026-06-01T00:00:00Z" } });
    let record = json!({ "messageId": "1", "receiptHandle": "h", "body": body.to_string(), "attributes": {}, "messageAttributes": {},
        "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:1:q", "awsRegion": "us-east-1" });
    let mut send = tokio::process::Command::new(env!("CARGO_BIN_EXE_carnet"));
    send.args(["send", "record-consent", "-", "--url", &dev.url]);
    let sent = output(send, &json!({ "Records": [record] }).to_string()).await;
    assert!(sent.status.code() == Some(1) && text(&sent.stderr).contains("UnknownTenant"), "{}", text(&sent.stderr));
}

#[tokio::test]
async fn a_killed_deletion_is_continued_by_the_same_command() {
    let dev = Dev::start().await;
    let (id, token) = tenant(&dev, "large").await;
    contacts(&dev, &token, 240).await;
    let receipt = &*dev.path("receipt.json");
    let mut kills = 0;
    let last = loop {
        // 720 items in pages of 250, each of which takes a second.
        let delete = ["tenant", "delete", "large", "--yes", "--wait", "0s", "--rate", "250", "--json"];
        let mut command = dev.command(&[&delete[..], &["--receipt", receipt]].concat());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().expect("carnet starts");
        // The first one is killed while it marks the tenant, the others after a page.
        let time = Duration::from_millis(if kills == 0 { 25 } else { 600 + 100 * kills });
        match timeout(time, child.wait_with_output()).await {
            Ok(ended) => break ended.expect("ended"),
            // Dropped, and so killed.
            Err(_) => kills += 1,
        }
        assert!(kills < 60, "it makes no progress");
        // The slug names the tenant until the end.
        dev.succeed(&["tenant", "show", "large"]).await;
    };
    assert_eq!(last.status.code(), Some(0), "{}", text(&last.stderr));
    assert!(kills >= 3, "it was killed only {kills} times");
    assert!(dev.items().await.iter().all(|item| !item.contains(&id)));
    assert_eq!(dev.status("search-contacts", &token).await, 401);
    let document: Value = serde_json::from_slice(&last.stdout).expect("JSON");
    assert_eq!(std::fs::read_to_string(receipt).expect("a receipt"), text(&last.stdout));
    // Also what the killed ones have deleted.
    let removed = json!({ "calls": 1, "contact": 240, "slug": 1, "tag": 480, "tagdef": 2, "tenant": 1, "token": 1 });
    assert_eq!(document["removed"], removed);

    // Another tenant can have the slug; a receipt is not overwritten.
    dev.succeed(&["tenant", "create", "large"]).await;
    let error = dev.fail(&["tenant", "delete", "large", "--yes", "--wait", "0s", "--receipt", receipt], 1).await;
    assert!(error.contains("is not empty; name another file with --receipt"), "{error}");
    for (option, value) in [("--rate", "0"), ("--wait", "1")] {
        dev.fail(&["tenant", "delete", "large", "--yes", option, value], 2).await;
    }
    assert!(dev.succeed(&["tenant", "delete", "large", "--yes", "--wait", "0s"]).await.contains("1      tenants\n"));
}
