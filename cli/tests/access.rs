//! `carnet tenant` and `carnet token` against a running `carnet dev`, which they find by its data directory.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
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

impl Dev {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let log = std::fs::File::create(dir.path().join("log")).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(["dev", "--port", "0", "--empty", "--log-format", "json", "--data"]).arg(dir.path().join("data"));
        command.env("AWS_LAMBDA_LOG_LEVEL", "DEBUG").stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().expect("carnet starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("readable").unwrap_or_default();
        let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("not ready: {line}")).to_owned();
        Self { _child: child, dir, url }
    }

    /// Runs a command on this stack.
    async fn run(&self, arguments: &[&str], input: &str, token: Option<&str>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(arguments).arg("--data").arg(self.dir.path().join("data")).env_remove("CARNET_TOKEN");
        if let Some(token) = token {
            command.env("CARNET_TOKEN", token);
        }
        output(command, input).await
    }

    /// Runs a command that succeeds. Returns its standard output.
    #[track_caller]
    fn succeed<'a>(&'a self, arguments: &'a [&str]) -> impl Future<Output = String> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let output = self.run(arguments, "", None).await;
            assert_eq!(output.status.code(), Some(0), "{caller}: {}", text(&output.stderr));
            text(&output.stdout)
        }
    }

    /// Runs a command with `--json` that succeeds. Returns the document.
    async fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.succeed(&arguments).await).expect("JSON")
    }

    /// Runs a command that fails with this status and prints nothing. Returns its error.
    async fn fail(&self, arguments: &[&str], status: i32) -> String {
        let output = self.run(arguments, "", None).await;
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), &*text(&output.stdout)), (Some(status), ""), "{arguments:?}: {errors}");
        errors
    }

    /// The status of an action with this token.
    async fn status(&self, action: &str, token: &str) -> u16 {
        let url = format!("{}/api/v1/actions/{action}", self.url);
        Client::new().post(url).bearer_auth(token).send().await.expect("an answer").status().as_u16()
    }

    async fn me(&self, token: &str) -> Value {
        let answer = Client::new().get(format!("{}/api/v1/me", self.url)).bearer_auth(token).send().await;
        answer.expect("an answer").json().await.expect("JSON")
    }
}

async fn output(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("carnet starts");
    // A command that does not read its input may end before it is written.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes()).await;
    timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ended")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The last word of a command's output: a token, where it prints one.
fn token_in(output: &str) -> String {
    output.trim().to_owned()
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
    assert_eq!(dev.status("list-tags", &secret).await, 200);

    let rotate = ["token", "rotate", "first token", "--tenant", "acme-2", "--overlap", "3s", "--expires", "90d"];
    let rotated = Instant::now();
    let new = token_in(&dev.succeed(&rotate).await);
    assert!(new.starts_with("carnet_") && new != secret);
    assert_eq!((dev.status("list-tags", &secret).await, dev.status("list-tags", &new).await), (200, 200));

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
    let revoked = dev.run(&["token", "revoke", "-", "--yes"], &format!("{new}\n"), None).await;
    assert_eq!(revoked.status.code(), Some(0), "{}", text(&revoked.stderr));
    assert!(text(&revoked.stderr).contains("refused by every process within 60 s"), "{}", text(&revoked.stderr));
    let end = Instant::now() + Duration::from_secs(60);
    assert_eq!(dev.status("add-tag", &new).await, 401);
    loop {
        let statuses = (dev.status("list-tags", &secret).await, dev.status("list-tags", &new).await);
        let in_time = Instant::now() < end;
        if statuses == (401, 401) {
            break;
        }
        assert!(in_time, "{statuses:?} after 60 s");
        sleep(Duration::from_millis(500)).await;
    }
    // The stack deletes expired tokens after a while.
    let listed = dev.json(&["token", "list", "--tenant", "acme-2"]).await;
    assert!(listed.as_array().expect("a list").iter().all(|token| token["expired"] == true), "{listed}");

    let log = std::fs::read_to_string(dev.dir.path().join("log")).expect("the log");
    assert!(log.contains("list-tags") && [&secret, &new].iter().all(|token| !log.contains(&***token)));
}

#[tokio::test]
async fn tenants_are_created_listed_shown_and_changed() {
    let dev = Dev::start().await;
    let create = ["tenant", "create", "shop", "--rate-limit", "600", "--with-token", "--flowiq", "--label", "FlowIQ"];
    let created = dev.json(&create).await;
    let (id, secret) =
        (created["tenant"]["id"].as_str().expect("an id"), created["token"]["secret"].as_str().expect("a token"));
    assert_eq!((&created["tenant"]["name"], &created["tenant"]["rate_limit"]), (&json!("shop"), &json!(600)));
    assert!(secret.starts_with("fiq_") && created["token"]["label"] == "FlowIQ");
    assert!(!created.to_string().contains("namespace"), "{created}");

    let listed = dev.json(&["tenant", "list", "--local"]).await;
    let slugs: Vec<&str> =
        listed.as_array().expect("a list").iter().filter_map(|tenant| tenant["slug"].as_str()).collect();
    assert_eq!(slugs, ["acme", "demo", "shop"]);
    assert_eq!(listed[2], created["tenant"]);
    let table = dev.succeed(&["tenant", "list"]).await;
    assert!(table.starts_with("SLUG  ID ") && table.contains("  600 a minute  shop\n"), "{table}");

    // By slug and by id; the token is listed, not shown.
    for name in ["shop", id] {
        let shown = dev.json(&["tenant", "show", name]).await;
        assert_eq!((&shown["id"], &shown["tokens"][0]["label"]), (&json!(id), &json!("FlowIQ")));
        assert!(!shown.to_string().contains(secret) && shown.get("namespace").is_none(), "{shown}");
    }
    assert!(
        dev.fail(&["tenant", "create", "shop"], 1).await.contains("there is a tenant with the slug `shop` already")
    );
    assert!(
        dev.fail(&["tenant", "update", "shop", "--slug", "demo"], 1)
            .await
            .contains("another tenant has the slug `demo`")
    );

    let update = ["tenant", "update", "shop", "--name", "The Shop", "--slug", "store", "--rate-limit", "default"];
    let updated = dev.json(&update).await;
    let expected = json!({ "id": id, "slug": "store", "name": "The Shop", "created_at": created["tenant"]["created_at"], "rate_limit": null });
    assert_eq!(updated, expected);
    assert_eq!(dev.json(&["tenant", "update", id, "--rate-limit", "0"]).await["rate_limit"], 0);
    assert_eq!(dev.me(secret).await["tenant"], json!({ "id": id, "name": "The Shop" }));
    // FlowIQ's clients name the new slug; 404 is the answer about a contact.
    for (slug, status) in [("store", 404), ("shop", 401)] {
        let url = format!("{}/contact?tenantId={slug}&phone_number=14155550123", dev.url);
        assert_eq!(
            Client::new().get(url).bearer_auth(secret).send().await.expect("an answer").status(),
            status,
            "{slug}"
        );
    }
    assert!(dev.fail(&["tenant", "show", "shop"], 1).await.contains("`carnet tenant list` lists all"));
    // The old slug can be taken.
    assert_eq!(dev.json(&["tenant", "create", "shop"]).await["tenant"]["slug"], "shop");
}

#[tokio::test]
async fn tokens_are_named_by_label_end_id_or_secret() {
    let dev = Dev::start().await;
    let create = ["token", "create", "--tenant", "acme", "--label", "n8n", "--rate-limit", "2", "--expires", "2w"];
    let user = ["--user-id", "42", "--user-email", "ada@example.com", "--user-name", "Ada"];
    let output = dev.run(&[&create[..], &user].concat(), "", None).await;
    let secret = token_in(&text(&output.stdout));
    // Standard output is the token alone.
    assert!(secret.len() == "carnet_".len() + 64 && !text(&output.stderr).contains(&secret));
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

    // Without --yes nothing is revoked, because nobody can answer.
    for name in ["n8n", end, &id[..8], id] {
        let error = dev.fail(&["token", "revoke", name, "--tenant", "acme"], 1).await;
        assert!(error.contains("  2 a minute  n8n\n") && error.contains("add --yes"), "{name}: {error}");
    }
    let error = dev.run(&["token", "revoke"], "", Some(&secret)).await;
    assert!(text(&error.stderr).contains("add --yes"), "{}", text(&error.stderr));
    let error = dev.run(&["token", "revoke", "--tenant", "demo", "--yes"], "", Some(&secret)).await;
    assert!(text(&error.stderr).contains("this token is not one of tenant demo"), "{}", text(&error.stderr));

    // Who is given the key itself sees what it is for.
    let flowiq =
        token_in(&dev.succeed(&["token", "create", "--tenant", "acme", "--label", "FlowIQ", "--flowiq"]).await);
    let rotated = dev.run(&["token", "rotate", "--json"], "", Some(&flowiq)).await;
    let rotated: Value = serde_json::from_slice(&rotated.stdout).expect("JSON");
    assert!(rotated["secret"].as_str().is_some_and(|secret| secret.starts_with("fiq_")), "{rotated}");
    assert_eq!((&rotated["new"]["label"], &rotated["new"]["expires_at"]), (&json!("FlowIQ"), &Value::Null));
    assert!(rotated["old"]["expires_at"].is_string());

    // A rotation keeps the expiry of a token, and its rate limit.
    let rotated = dev.json(&["token", "rotate", "n8n", "--tenant", "acme"]).await;
    for field in ["expires_at", "rate_limit", "user"] {
        assert_eq!(rotated["new"][field], token[field]);
    }
    let revoked = dev.succeed(&["token", "revoke", &id[..12], "--tenant", "acme", "--yes"]).await;
    assert_eq!(revoked, "");
    let again = dev.fail(&["token", "revoke", &id[..12], "--tenant", "acme", "--yes"], 1).await;
    assert!(again.contains(&format!("tenant acme has no token `{}`; it has these:\nTOKEN ", &id[..12])), "{again}");
}

#[tokio::test]
async fn what_cannot_be_done_is_an_error_with_its_remedy() {
    let dev = Dev::start().await;
    let secret =
        token_in(&dev.succeed(&["token", "create", "--tenant", "demo", "--label", "x", "--expires", "1h"]).await);
    for (arguments, message) in [
        (
            &["tenant", "show", "nobody"][..],
            "there is no tenant with the slug or id `nobody`; `carnet tenant list` lists all",
        ),
        (&["tenant", "show", "00000000-0000-4000-8000-000000000000"], "there is no tenant with the slug or id `0000"),
        (&["token", "list", "--tenant", "Not A Slug"], "there is no tenant with the slug or id `Not A Slug`"),
        (&["token", "create", "--tenant", "nobody", "--label", "x"], "there is no tenant"),
        (&["token", "revoke", "x", "--yes"], "add --tenant"),
        (
            &["token", "revoke", "--yes"],
            "name a token by its label, last four characters or id, or give the token itself",
        ),
        (&["token", "rotate", "y", "--tenant", "demo"], "tenant demo has no token `y`; it has these:\n"),
        (
            &["token", "rotate", "x", "--tenant", "demo"],
            "the new token would expire before the overlap ends; give a later",
        ),
    ] {
        let error = dev.fail(arguments, 1).await;
        assert!(error.starts_with(&format!("error: {message}")), "{arguments:?}: {error}");
    }
    // A token that was typed as an argument is not repeated.
    let error = dev.fail(&["token", "revoke", &secret, "--tenant", "demo", "--yes"], 1).await;
    assert!(error.contains("rotate it now") && !error.contains(&secret), "{error}");
    for (arguments, message) in [
        (&["tenant", "update", "demo"][..], "required arguments"),
        (&["tenant", "create", "Not A Slug"], "lower-case letters, digits and inner hyphens"),
        (&["tenant", "create", "a", "--label", "x"], "--with-token"),
        (&["tenant", "create", "a", "--rate-limit", "1001"], "write a number of calls from 1 to 1000"),
        (&["token", "create", "--tenant", "demo", "--label", "x", "--expires", "soon"], "write a duration such as 90d"),
        (&["token", "rotate", "x", "--tenant", "demo", "--overlap", "1"], "write a duration such as 90s"),
        (&["tenant", "list", "--stack", "carnet"], "cannot be used with"),
    ] {
        let error = dev.fail(arguments, 2).await;
        assert!(error.contains(message), "{arguments:?}: {error}");
    }
}

/// A stack that was killed leaves the file that says where it answered.
#[tokio::test]
async fn a_stack_that_does_not_run_is_an_error() {
    let mut dev = Dev::start().await;
    let data = dev.dir.path().join("data");
    assert!(data.join("stack.json").is_file());
    dev._child.kill().await.expect("killed");
    let message =
        format!("error: no stack is running with the data directory {}; start one with `carnet dev`", data.display());
    let error = dev.fail(&["tenant", "list"], 1).await;
    assert!(error.starts_with(&message), "{error}");
    std::fs::remove_dir_all(&data).expect("deleted");
    let error = dev.fail(&["tenant", "list"], 1).await;
    assert!(error.starts_with(&message) && !data.exists(), "{error}");
}

#[cfg(not(feature = "cloud"))]
#[tokio::test]
async fn a_deployed_stack_needs_a_build_that_talks_to_aws() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
    command.args(["tenant", "create", "acme", "--name", "Acme Ltd", "--stack", "carnet"]);
    let output = output(command, "").await;
    let error = text(&output.stderr);
    let command = "type `cargo run --features cloud -- tenant create acme --name 'Acme Ltd' --stack carnet`";
    assert!(output.status.code() == Some(1) && error.contains(command), "{error}");
}

/// The chain of credentials and `AWS_ENDPOINT_URL` lead to the DynamoDB of the running stack.
#[cfg(feature = "cloud")]
#[tokio::test]
async fn a_table_is_reached_through_the_aws_environment() {
    let dev = Dev::start().await;
    let stack = std::fs::read(dev.dir.path().join("data/stack.json")).expect("the addresses");
    let stack: Value = serde_json::from_slice(&stack).expect("JSON");
    let run = async |arguments: &[&str], table: &str, region: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(arguments).args(["--access-table", table]).env("AWS_REGION", region);
        command.env("AWS_ENDPOINT_URL", stack["dynamodb_url"].as_str().expect("a URL"));
        command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
        let output = output(command, "").await;
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let table = stack["tables"]["AccessTable"].as_str().expect("a table");
    let (status, created, errors) = run(&["tenant", "create", "remote", "--with-token"], table, "eu-west-1").await;
    assert_eq!(status, Some(0), "{errors}");
    assert!(created.contains("curl $API_URL/api/v1/me"), "{created}");
    let secret = created.lines().find(|line| line.starts_with("carnet_")).expect("a token");
    assert_eq!(dev.status("list-tags", secret).await, 200);
    assert!(dev.succeed(&["tenant", "list"]).await.contains("remote"));
    let (status, _, errors) = run(&["tenant", "list"], "NoSuchTable", "eu-west-1").await;
    assert!(
        status == Some(1)
            && errors.contains("ResourceNotFoundException")
            && errors.contains("check the name of the table"),
        "{errors}"
    );
}
