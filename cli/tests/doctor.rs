//! `carnet doctor` and `carnet dead-letters` against a running `carnet dev`.

use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Far more than starting takes when the functions are built already.
const PATIENCE: Duration = Duration::from_secs(600);

/// A running `carnet dev` with a data directory of its own; dropping it ends it.
struct Dev {
    _child: Child,
    dir: TempDir,
    url: String,
}

/// How a command ended: its status, standard output and standard error.
type Ended = (Option<i32>, String, String);

impl Dev {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(["dev", "--port", "0", "--empty", "--data"]).arg(dir.path());
        command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("carnet starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("readable").unwrap_or_default();
        let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("not ready: {line}")).to_owned();
        Self { _child: child, dir, url }
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(arguments).arg("--data").arg(self.dir.path()).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await.expect("in time").expect("ended");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// Runs a command with `--json`. Returns its status and the document.
    async fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let (status, document, errors) = self.run(&[arguments, &["--json"]].concat()).await;
        (status, serde_json::from_str(&document).unwrap_or_else(|_| panic!("{document} {errors}")))
    }

    /// Calls an action as tenant `demo`.
    async fn call(&self, action: &str, body: Value) -> Value {
        let url = format!("{}/api/v1/actions/{action}", self.url);
        let call = Client::new().post(url).bearer_auth("demo-token").body(body.to_string());
        call.send().await.expect("an answer").json().await.expect("JSON")
    }

    /// A request to DynamoDB for an item of tenant `demo`, beside the functions.
    async fn dynamodb(&self, operation: &str, item: &str, further: Value) {
        let stack: Value =
            serde_json::from_slice(&std::fs::read(self.dir.path().join("stack.json")).expect("a file")).expect("JSON");
        let me = Client::new().get(format!("{}/api/v1/me", self.url)).bearer_auth("demo-token").send().await;
        let me: Value = me.expect("an answer").json().await.expect("JSON");
        let mut key = json!({ "tenant_id": { "S": me["tenant"]["id"] }, "item": { "S": item } });
        let name = if operation == "PutItem" { "Item" } else { "Key" };
        for (name, value) in further.as_object().expect("an object") {
            key[name] = value.clone();
        }
        let body = json!({ "TableName": stack["tables"]["ContactsTable"], name: key });
        let request = Client::new().post(stack["dynamodb_url"].as_str().expect("a URL")).body(body.to_string());
        let request = request
            .header("X-Amz-Target", format!("DynamoDB_20120810.{operation}"))
            .header("Content-Type", "application/x-amz-json-1.0")
            .header("Authorization", "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
            .header("X-Amz-Date", "20261121T000000Z");
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    }
}

#[tokio::test]
async fn a_tenant_is_verified_and_repaired() {
    let dev = Dev::start().await;
    let mut ids = Vec::new();
    for (phone, tags) in [("+14155550123", "vip, a"), ("+14155550124", "vip"), ("+14155550125", "")] {
        let contact = dev.call("create-contact", json!({ "phone": phone, "name": "Jane", "tags": tags })).await;
        ids.push(contact["id"].as_str().expect("an id").to_owned());
    }
    let (status, text, errors) = dev.run(&["doctor", "--tenant", "demo"]).await;
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

    dev.dynamodb("DeleteItem", &format!("contact#{}", ids[1]), json!({})).await;
    dev.dynamodb("DeleteItem", &format!("tag#a#{}", ids[0]), json!({})).await;
    dev.dynamodb("PutItem", "note of Jane", json!({ "text": { "S": "Jane" } })).await;
    let orphan = dev.call("search-contacts", json!({ "tag": "vip" })).await;
    assert_eq!(orphan.as_array().map(Vec::len), Some(2), "{orphan}");

    let (status, text, _) = dev.run(&["doctor", "--tenant", "demo"]).await;
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
    let tags = dev.call("list-tags", json!({})).await;
    assert_eq!(found["tenants"][0]["findings"][1]["tag_id"], tags[1]["id"], "{tags}");
    let (_, named) = dev.json(&["doctor", "--tenant", "demo", "--names"]).await;
    assert_eq!(
        (&named["tenants"][0]["findings"][1]["tag"], &named["tenants"][0]["findings"][2]["key"]),
        (&json!("vip"), &json!("note of Jane"))
    );

    // Nobody can answer, so nothing is repaired.
    let (status, text, errors) = dev.run(&["doctor", "--tenant", "demo", "--repair"]).await;
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
    let found = dev.call("search-contacts", json!({ "tag": "vip" })).await;
    assert_eq!((found.as_array().map(Vec::len), &found[0]["id"]), (Some(1), &json!(ids[0])));

    dev.dynamodb("DeleteItem", "note of Jane", json!({})).await;
    dev.dynamodb("DeleteItem", &format!("tag#vip#{}", ids[0]), json!({})).await;
    let (status, text, errors) = dev.run(&["doctor", "--tenant", "demo", "--repair", "--yes"]).await;
    assert_eq!(status, Some(0), "{text}{errors}");
    assert!(text.ends_with("1 findings, of which 1 were repaired.\nNothing is wrong any more.\n"), "{text}");

    for (arguments, status, problem) in [
        (&["doctor"][..], 2, "--tenant"),
        (&["doctor", "--tenant", "demo", "--all"], 2, "cannot be used with"),
        (&["doctor", "--tenant", "demo", "--yes"], 2, "--repair"),
        (&["doctor", "--tenant", "nobody"], 1, "`carnet tenant list` lists all"),
    ] {
        let (ended, text, errors) = dev.run(arguments).await;
        assert_eq!((ended, &*text), (Some(status), ""), "{arguments:?}: {errors}");
        assert!(errors.contains(problem), "{arguments:?}: {errors}");
    }
}

#[tokio::test]
async fn dead_letters_of_the_local_stack_are_listed_and_shown() {
    let dev = Dev::start().await;
    let (_, empty) = dev.json(&["dead-letters", "list"]).await;
    let waiting: Vec<&Value> = empty.as_array().expect("a list").iter().map(|queue| &queue["waiting"]).collect();
    assert_eq!(waiting, vec![&json!(0); 6]);
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
    let (_, text, _) = dev.run(&["dead-letters", "show", "--body"]).await;
    assert!(text.starts_with("QUEUE       SENT") && text.contains(r#""phone":"+14155550123""#), "{text}");
    let (_, listed) = dev.json(&["dead-letters", "list"]).await;
    assert_eq!(
        (&listed[4]["queue"], &listed[4]["waiting"], &listed[4]["oldest"]),
        (&json!("invocation"), &json!(1), &letter["sent_at"])
    );

    let (status, _, errors) = dev.run(&["dead-letters", "redrive", "invocation", "--yes"]).await;
    assert!(status == Some(1) && errors.contains("`carnet send FUNCTION FILE` sends one again"), "{errors}");
    let (status, ..) = dev.run(&["dead-letters", "show", "nothing"]).await;
    assert_eq!(status, Some(2));
}
