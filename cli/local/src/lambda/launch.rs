//! How a process of a function is started: its executable and its environment.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use tokio::process::Command;
use uuid::Uuid;

use crate::aws;
use crate::logs::Logs;
use crate::template::Function;

/// What is needed to start a process of a function, and the limits of its invocations.
pub(crate) struct Launch {
    /// The function's local name, which is that of its executable.
    pub(crate) name: String,
    binary: PathBuf,
    /// Its environment variables, without those that differ from process to process.
    pub(crate) environment: BTreeMap<String, String>,
    /// How long an invocation may take.
    pub(crate) timeout: Duration,
    /// How often a failed asynchronous invocation is retried.
    pub(crate) retries: u32,
    /// The destination of asynchronous invocations that failed after all retries.
    pub(crate) on_failure: Option<String>,
    /// Where the process's output goes.
    pub(crate) logs: Logs,
}

impl Launch {
    /// `url` is the address of the stack, which answers for EventBridge.
    pub(crate) fn new(function: &Function, binary: &Path, url: &str, dynamodb_url: &str, logs: Logs) -> Self {
        let name = function.binary.clone();
        let memory = function.memory_mb.to_string();
        let log_group = format!("/aws/lambda/{name}");
        let region = aws::region();
        let credentials = aws::credentials();
        let fixed = [
            ("AWS_LAMBDA_FUNCTION_NAME", name.as_str()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_REGION", &region),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key()),
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_url),
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", url),
        ];
        let token = credentials.session_token().map(|token| ("AWS_SESSION_TOKEN", token.to_owned()));
        // Of this process's own environment, only the variables for the log level and backtraces are passed on.
        let verbosity = ["AWS_LAMBDA_LOG_LEVEL", "RUST_BACKTRACE"].map(|name| Some((name, env::var(name).ok()?)));

        let mut environment = function.environment.clone();
        environment.extend(function.log_level.iter().map(|level| ("AWS_LAMBDA_LOG_LEVEL".to_owned(), level.clone())));
        environment.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let others = token.into_iter().chain(verbosity.into_iter().flatten());
        environment.extend(others.map(|(name, value)| (name.to_owned(), value)));
        Self {
            name,
            binary: binary.to_owned(),
            environment,
            timeout: function.timeout,
            retries: function.retries,
            on_failure: function.on_failure.clone(),
            logs,
        }
    }

    /// The command of a process that talks to the Runtime API at this address.
    pub(super) fn command(&self, runtime_api: &str) -> Command {
        let day = Timestamp::now().strftime("%Y/%m/%d").to_string();
        let log_stream = format!("{day}/[$LATEST]{}", Uuid::new_v4().simple());
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .envs(&self.environment)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .env("AWS_LAMBDA_LOG_STREAM_NAME", log_stream)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}
