//! Tokens from their creation over their rotation to their end.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::dev::token_in;
use crate::support::{Dev, output, text};

/// Actions whose processes have cached the tokens.
const WARM: [&str; 4] = ["list-tags", "get-contact", "update-contact", "remove-tag"];
/// How many calls of an action are made at once, so that it has several processes.
const PROCESSES: usize = 4;

/// Calls every warm action at once, several times. Returns how many calls the token was accepted in.
async fn sweep(dev: &Dev, token: &str) -> usize {
    let mut calls = JoinSet::new();
    for action in WARM.iter().flat_map(|action| [action; PROCESSES]) {
        let request = Client::new().post(format!("{}/api/v1/actions/{action}", dev.url)).bearer_auth(token);
        calls.spawn(async move { request.send().await.expect("an answer").status().as_u16() });
    }
    // The input is missing, which is 422 if the token is accepted.
    calls.join_all().await.into_iter().filter(|status| matches!(status, 200 | 422)).count()
}

/// From the first tenant to the last revoked token. It takes the 60 s for which processes cache tokens.
#[tokio::test]
async fn a_token_lives_from_its_creation_over_its_rotation_to_its_end() {
    let dev = Dev::start().await;
    let created = dev.succeed(&["tenant", "create", "acme-2", "--name", "Ácme Ltd", "--with-token"]).await;
    let (before, call) = created.split_once("A first call:\n\n").expect("a call");
    let secret = before.lines().find(|line| line.starts_with("carnet_")).expect("a token").to_owned();
    // The call is pasted into a shell.
    let mut shell = Command::new("sh");
    let called = output(
        {
            shell.args(["-c", &call.replace("curl ", "curl -sS ")]);
            shell
        },
        "",
    )
    .await;
    let me: Value = serde_json::from_slice(&called.stdout).unwrap_or_else(|_| panic!("{}", text(&called.stderr)));
    assert_eq!((&me["tenant"]["name"], &me["email"]), (&json!("Ácme Ltd"), &json!("api@acme-2.invalid")));
    let accepted = sweep(&dev, &secret).await;
    assert!(accepted == WARM.len() * PROCESSES, "{accepted}");

    let rotate = ["token", "rotate", "first token", "--tenant", "acme-2", "--overlap", "3s", "--expires", "90d"];
    let rotated = Instant::now();
    let new = token_in(&dev.succeed(&rotate).await);
    assert!(new.starts_with("carnet_") && new != secret);
    let accepted = [sweep(&dev, &secret).await, sweep(&dev, &new).await];
    assert_eq!(accepted, [WARM.len() * PROCESSES; 2], "both tokens work");

    // Both have the label now, so the label does not say which.
    let error = dev.fail(&["token", "revoke", "first token", "--tenant", "acme-2", "--yes"], 1).await;
    let ends = [&secret, &new].map(|token| token[token.len() - 4..].to_owned());
    assert!(error.starts_with("error: 2 tokens of tenant acme-2 have the name `first token`;"), "{error}");
    assert!(ends.iter().all(|end| error.contains(&format!("…{end}"))), "{error}");

    let listed = dev.json(&["token", "list", "--tenant", "acme-2"]).await;
    let [old, fresh] = &listed.as_array().expect("a list")[..] else { panic!("{listed}") };
    let (old, fresh) = if old["last_four"] == ends[0] { (old, fresh) } else { (fresh, old) };
    for token in [old, fresh] {
        assert_eq!(
            (&token["label"], &token["rate_limit"], token["id"].as_str().map(str::len)),
            (&json!("first token"), &Value::Null, Some(64))
        );
        assert!(token["created_at"].is_string() && token["expires_at"].is_string(), "{token}");
    }
    assert!(!listed.to_string().contains(&new), "a secret is listed");

    // A process that has not cached the old token refuses it when the overlap has ended, one that has within 60 s.
    sleep(Duration::from_secs(4).saturating_sub(rotated.elapsed())).await;
    assert_eq!((dev.status("search-contacts", &secret).await, dev.status("search-contacts", &new).await), (401, 200));
    let (status, _, errors) = dev.run(&["token", "revoke", "-", "--yes"], format!("{new}\n")).await;
    assert_eq!(status, Some(0), "{errors}");
    assert!(errors.contains("refused by every process within 60 s"), "{errors}");
    let end = Instant::now() + Duration::from_secs(60);
    assert_eq!(dev.status("add-tag", &new).await, 401);
    // The caches are what makes the delay: without them, the rest would show nothing.
    let still_accepted = [sweep(&dev, &secret).await, sweep(&dev, &new).await];
    assert!(still_accepted.iter().all(|accepted| *accepted > 0), "{still_accepted:?}");
    while Instant::now() < end {
        // Calls keep the processes warm, and do not prolong what they have cached.
        sweep(&dev, &secret).await;
        sweep(&dev, &new).await;
        sleep(Duration::from_millis(500)).await;
    }
    assert_eq!([sweep(&dev, &secret).await, sweep(&dev, &new).await], [0, 0], "accepted after 60 s");
    // The stack deletes expired tokens after a while.
    let listed = dev.json(&["token", "list", "--tenant", "acme-2"]).await;
    assert!(listed.as_array().expect("a list").iter().all(|token| token["expired"] == true), "{listed}");

    let log = std::fs::read_to_string(dev.path("log")).expect("the log");
    assert!(log.contains("list-tags") && [&secret, &new].iter().all(|token| !log.contains(&***token)));
}

#[tokio::test]
async fn tokens_are_named_by_label_end_id_or_secret() {
    let dev = Dev::start().await;
    let create = ["token", "create", "--tenant", "acme", "--label", "n8n", "--rate-limit", "2", "--expires", "2w"];
    let user = ["--user-id", "42", "--user-email", "ada@example.com", "--user-name", "Ada"];
    let (_, printed, errors) = dev.run(&[&create[..], &user].concat(), "").await;
    let secret = token_in(&printed);
    // Standard output is the token alone.
    assert!(secret.len() == "carnet_".len() + 64 && !errors.contains(&secret));
    let me = dev.me(&secret).await;
    assert_eq!((&me["id"], &me["email"], &me["name"]), (&json!(42), &json!("ada@example.com"), &json!("Ada")));
    assert_eq!((dev.status("list-tags", &secret).await, dev.status("list-tags", &secret).await), (200, 429));

    let listed = dev.json(&["token", "list", "--tenant", "acme"]).await;
    let token =
        listed.as_array().expect("a list").iter().find(|token| token["label"] == "n8n").expect("the token").clone();
    assert_eq!(
        (&token["rate_limit"], &token["expired"], &token["user"]["name"]),
        (&json!(2), &json!(false), &json!("Ada"))
    );
    let (id, end) = (token["id"].as_str().expect("an id"), token["last_four"].as_str().expect("an end"));

    // Without --yes nothing is revoked, because standard input is not a terminal.
    for name in ["n8n", end, &id[..8], id] {
        let error = dev.fail(&["token", "revoke", name, "--tenant", "acme"], 1).await;
        assert!(error.contains("  2 a minute  n8n\n") && error.contains("add --yes"), "{name}: {error}");
    }
    let (_, _, error) = dev.run_as(&secret, &["token", "revoke"]).await;
    assert!(error.contains("add --yes"), "{error}");
    let (_, _, error) = dev.run_as(&secret, &["token", "revoke", "--tenant", "demo", "--yes"]).await;
    assert!(error.contains("this token is not one of tenant demo"), "{error}");

    // A FlowIQ key becomes a FlowIQ key.
    let flowiq =
        token_in(&dev.succeed(&["token", "create", "--tenant", "acme", "--label", "FlowIQ", "--flowiq"]).await);
    let (_, rotated, _) = dev.run_as(&flowiq, &["token", "rotate", "--json"]).await;
    let rotated: Value = serde_json::from_str(&rotated).expect("JSON");
    assert!(rotated["secret"].as_str().is_some_and(|secret| secret.starts_with("fiq_")), "{rotated}");
    assert_eq!((&rotated["old"]["kind"], &rotated["new"]["kind"]), (&json!("flowiq"), &json!("flowiq")));
    // A name is enough, because the kind is stored.
    let end = rotated["new"]["last_four"].as_str().expect("an end");
    let again = dev.json(&["token", "rotate", end, "--tenant", "acme"]).await;
    assert!(again["secret"].as_str().is_some_and(|secret| secret.starts_with("fiq_")), "{again}");
    let again = dev.json(&["token", "rotate", "n8n", "--tenant", "acme", "--flowiq", "--overlap", "0s"]).await;
    assert_eq!((&again["old"]["kind"], &again["new"]["kind"]), (&json!("bearer"), &json!("flowiq")));
    let n8n = again["new"]["last_four"].as_str().expect("an end").to_owned();
    let table = dev.succeed(&["token", "list", "--tenant", "acme"]).await;
    assert!(table.starts_with("TOKEN  ID        KIND    CREATED (UTC) ") && table.contains("  FlowIQ  20"), "{table}");
    assert_eq!((&rotated["new"]["label"], &rotated["new"]["expires_at"]), (&json!("FlowIQ"), &Value::Null));
    assert!(rotated["old"]["expires_at"].is_string());

    // A rotation keeps the expiry of a token, and its rate limit.
    let rotated = dev.json(&["token", "rotate", &n8n, "--tenant", "acme"]).await;
    for field in ["expires_at", "rate_limit", "user"] {
        assert_eq!(rotated["new"][field], token[field]);
    }
    let revoked = dev.succeed(&["token", "revoke", &id[..12], "--tenant", "acme", "--yes"]).await;
    assert_eq!(revoked, "");
    let again = dev.fail(&["token", "revoke", &id[..12], "--tenant", "acme", "--yes"], 1).await;
    assert!(again.contains(&format!("tenant acme has no token `{}`; it has these:\nTOKEN ", &id[..12])), "{again}");
}
