//! What the tests do with the running `carnet dev`.

use reqwest::Client;
use serde_json::{Value, json};

use crate::support::{Dev, Ended, ended, output};

impl Dev {
    /// Runs a command with this token in `CARNET_TOKEN`.
    pub async fn run_as(&self, token: &str, arguments: &[&str]) -> Ended {
        let mut command = self.command(arguments);
        command.env("CARNET_TOKEN", token);
        ended(output(command, "").await)
    }

    /// Runs a command that succeeds. Returns its standard output.
    #[track_caller]
    pub fn succeed<'a>(&'a self, arguments: &'a [&str]) -> impl Future<Output = String> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let (status, stdout, errors) = self.run(arguments, "").await;
            assert_eq!(status, Some(0), "{caller}: {errors}");
            stdout
        }
    }

    /// Runs a command with `--json` that succeeds. Returns the document.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.succeed(&arguments).await).expect("JSON")
    }

    /// Runs a command that fails with this status and prints nothing. Returns its error.
    pub async fn fail(&self, arguments: &[&str], status: i32) -> String {
        let (ended, stdout, errors) = self.run(arguments, "").await;
        assert_eq!((ended, &*stdout), (Some(status), ""), "{arguments:?}: {errors}");
        errors
    }

    /// The status of an action with this token.
    pub async fn status(&self, action: &str, token: &str) -> u16 {
        let url = format!("{}/api/v1/actions/{action}", self.url);
        Client::new().post(url).bearer_auth(token).send().await.expect("an answer").status().as_u16()
    }

    /// The status of an action with this token and input.
    pub async fn status_with(&self, action: &str, token: &str, input: &Value) -> u16 {
        let url = format!("{}/api/v1/actions/{action}", self.url);
        let request = Client::new().post(url).bearer_auth(token).body(input.to_string());
        request.send().await.expect("an answer").status().as_u16()
    }

    /// All items of both tables, as DynamoDB JSON.
    pub async fn items(&self) -> Vec<String> {
        let mut items = Vec::new();
        for table in ["AccessTable", "ContactsTable"] {
            let mut start = Value::Null;
            loop {
                let mut scan = json!({ "ConsistentRead": true });
                if !start.is_null() {
                    scan["ExclusiveStartKey"] = start;
                }
                let page = self.dynamodb("Scan", table, scan).await;
                items.extend(page["Items"].as_array().expect("items").iter().map(Value::to_string));
                start = page["LastEvaluatedKey"].clone();
                if start.is_null() {
                    break;
                }
            }
        }
        items
    }
}

/// The last word of a command's output: a token, where it prints one.
pub fn token_in(output: &str) -> String {
    output.trim().to_owned()
}
