//! How often tokens were used, by day.

use contacts::model::Timestamp;
use serde_json::{Value, json};

use crate::support::Dev;

/// Waits until a test that begins now ends on the same UTC day.
async fn not_before_midnight() {
    let left = 86_400 - Timestamp::now().as_second().rem_euclid(86_400);
    if left < 60 {
        tokio::time::sleep(std::time::Duration::from_secs(left.unsigned_abs())).await;
    }
}

#[tokio::test]
async fn calls_are_shown_by_token_and_day() {
    let dev = Dev::start().await;
    not_before_midnight().await;
    let none = dev.succeed(&["tenant", "create", "shop", "--rate-limit", "5"]).await;
    assert!(none.contains("shop"));
    assert!(dev.succeed(&["usage", "--tenant", "shop"]).await.starts_with("shop has no tokens; "));
    let create = async |label: &str, limit: &str| {
        let create = ["token", "create", "--tenant", "shop", "--label", label, "--rate-limit", limit];
        dev.succeed(&create).await.trim().to_owned()
    };
    let (n8n, import, unused) =
        (create("n8n", "default").await, create("import", "0").await, create("unused", "9").await);
    for n in 0..7 {
        assert_eq!(dev.status("list-tags", &n8n).await, if n < 5 { 200 } else { 429 });
    }
    assert_eq!(dev.status("list-tags", &import).await, 200);
    let rotate = dev.json(&["token", "rotate", "unused", "--tenant", "shop"]).await;
    let renewed = rotate["secret"].as_str().expect("a token").to_owned();
    for token in [&unused, &renewed, &renewed] {
        assert_eq!(dev.status_with("create-contact", token, &json!({ "phone": "+14155550123" })).await, 201);
    }

    let today = &Timestamp::now().to_string()[..10];
    let usage = dev.json(&["usage", "--tenant", "shop"]).await;
    let days = usage["days"].as_array().expect("days");
    assert_eq!((days.len(), &days[6]), (7, &json!(today)));
    assert_eq!(
        (&usage["tenant"]["slug"], &usage["calls"][today], &usage["total"]),
        (&json!("shop"), &json!(8), &json!(8))
    );
    let token = |secret: &str| {
        let end = &secret[secret.len() - 4..];
        let mut tokens = usage["tokens"].as_array().expect("tokens").iter();
        tokens.find(|token| token["last_four"] == end).expect("the token").clone()
    };
    for (secret, counted, calls, last_used) in [
        (&n8n, true, 5, json!(today)),
        (&import, false, 0, Value::Null),
        (&unused, true, 1, json!(today)),
        (&renewed, true, 2, json!(today)),
    ] {
        let token = token(secret);
        assert_eq!(
            (&token["counted"], &token["calls"][today], &token["total"]),
            (&json!(counted), &json!(calls), &json!(calls))
        );
        assert_eq!((&token["calls"].as_object().expect("days").len(), &token["last_used"]), (&7, &last_used));
    }

    let table = dev.succeed(&["usage", "--tenant", "shop", "--days", "1"]).await;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 6, "{table}");
    assert!(lines[0].starts_with("TOKEN  LAST USED   ") && lines[0].ends_with("  TOTAL  LABEL"), "{table}");
    let row = |label: &str| {
        let line = lines.iter().find(|line| line.ends_with(label)).expect("a line");
        line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("n8n"), [today, "5", "5", "n8n"]);
    assert_eq!(row("import"), ["-", "-", "-", "import"]);
    assert_eq!(lines[5].split_whitespace().collect::<Vec<_>>(), ["all", "8", "8"]);

    // Lists show the last day of use.
    for arguments in [&["token", "list", "--tenant", "shop"][..], &["tenant", "show", "shop"]] {
        let listed = dev.succeed(arguments).await;
        let row = |label: &str| {
            let line = listed.lines().find(|line| line.ends_with(label)).expect("a line");
            line.split_whitespace().skip(5).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(row("n8n"), ["never", today, "default", "n8n"]);
        assert_eq!(row("import"), ["never", "-", "unlimited", "import"]);
    }
    let listed = dev.json(&["token", "list", "--tenant", "shop"]).await;
    let used = |label: &str| {
        let mut tokens = listed.as_array().expect("a list").iter();
        tokens.find(|token| token["label"] == label).expect("the token")["last_used"].clone()
    };
    assert_eq!((used("n8n"), used("import")), (json!(today), Value::Null));
    for days in ["0", "8", "week"] {
        assert!(dev.fail(&["usage", "--tenant", "shop", "--days", days], 2).await.contains("--days"));
    }
    assert!(dev.fail(&["usage", "--tenant", "nobody"], 1).await.contains("there is no tenant"));
}
