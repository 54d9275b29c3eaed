//! Commands for operators against a running `carnet dev`, which they find by its data directory.
//!
//! | file | owns |
//! |---|---|
//! | `main.rs` | tenants, and what cannot be done |
//! | `dev.rs` | what the tests do with the running `carnet dev` |
//! | `tokens.rs` | tokens from their creation to their end |
//! | `usage.rs` | how often tokens were used |
//! | `deletion.rs` | deleting tenants |

mod deletion;
mod dev;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod usage;

use reqwest::Client;
use serde_json::json;
use tokio::process::Command;

use dev::token_in;
use support::{Dev, ended, output};

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
    let expected = json!({ "id": id, "slug": "store", "name": "The Shop", "created_at": created["tenant"]["created_at"], "rate_limit": null, "deleting_since": null });
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
    let data = dev.data();
    assert!(data.join("stack.json").is_file());
    dev.child.kill().await.expect("killed");
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
    let (status, _, error) = ended(output(command, "").await);
    let command = "type `cargo run --features cloud -- tenant create acme --name 'Acme Ltd' --stack carnet`";
    assert!(status == Some(1) && error.contains(command), "{error}");
}

/// The chain of credentials and `AWS_ENDPOINT_URL` lead to the DynamoDB of the running stack.
#[cfg(feature = "cloud")]
#[tokio::test]
async fn a_table_is_reached_through_the_aws_environment() {
    let dev = Dev::start().await;
    let stack = dev.addresses();
    let run = async |arguments: &[&str], table: &str, region: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(arguments).args(["--access-table", table]).env("AWS_REGION", region);
        command.env("AWS_ENDPOINT_URL", stack["dynamodb_url"].as_str().expect("a URL"));
        command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
        ended(output(command, "").await)
    };
    let table = stack["tables"]["AccessTable"].as_str().expect("a table");
    let (status, created, errors) = run(&["tenant", "create", "remote", "--with-token"], table, "eu-west-1").await;
    assert_eq!(status, Some(0), "{errors}");
    assert!(created.contains("curl $API_URL/api/v1/me"), "{created}");
    let secret = created.lines().find(|line| line.starts_with("carnet_")).expect("a token");
    assert_eq!(dev.status("list-tags", secret).await, 200);
    assert!(dev.succeed(&["tenant", "list"]).await.contains("remote"));
    let (status, used, errors) = run(&["usage", "--tenant", "remote"], table, "eu-west-1").await;
    assert!(status == Some(0) && used.contains("first token"), "{errors}");
    let delete = ["tenant", "delete", "remote", "--yes", "--wait", "0s"];
    let (status, _, errors) = run(&delete, table, "eu-west-1").await;
    assert!(status == Some(1) && errors.contains("--access-table needs --contacts-table too"), "{errors}");
    let contacts = stack["tables"]["ContactsTable"].as_str().expect("a table");
    let (status, _, errors) = run(&[&delete[..], &["--contacts-table", contacts]].concat(), table, "eu-west-1").await;
    assert!(status == Some(0) && errors.contains("remote is deleted."), "{errors}");
    assert!(!dev.succeed(&["tenant", "list"]).await.contains("remote"));
    let (status, _, errors) = run(&["tenant", "list"], "NoSuchTable", "eu-west-1").await;
    assert!(
        status == Some(1)
            && errors.contains("ResourceNotFoundException")
            && errors.contains("check the name of the table"),
        "{errors}"
    );
}
