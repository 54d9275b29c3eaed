//! One process of a function: started as Lambda starts it, given one call at a time.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::serve::ListenerExt;
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::logs::Logs;
use super::runtime_api::{self, Call, Slot};
use super::{Life, aws};
use crate::template::Function;

/// How long a process may take to ask for its first call, as in Lambda.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// How a call ended. The payload is JSON in every case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With the function's answer.
    Answered(Bytes),
    /// With an error: the function's own, or one about its process.
    Failed(Bytes),
    /// Not at all within the function's `Timeout`.
    TimedOut(Bytes),
}

impl Outcome {
    /// The answer, or the error as `{"errorType", "errorMessage", …}`.
    pub fn payload(&self) -> &Bytes {
        match self {
            Self::Answered(payload) | Self::Failed(payload) | Self::TimedOut(payload) => payload,
        }
    }

    /// The process ended before it answered.
    pub(super) fn exit(id: &str, status: &str) -> Self {
        Self::failure("Runtime.ExitError", &format!("RequestId: {id} Error: Runtime exited with error: {status}"))
    }

    pub(super) fn failure(kind: &str, message: &str) -> Self {
        Self::Failed(error(kind, message))
    }
}

fn error(kind: &str, message: &str) -> Bytes {
    json!({ "errorType": kind, "errorMessage": message }).to_string().into()
}

/// What it takes to start a process of a function.
pub(super) struct Launch {
    /// The function's local name: that of its executable.
    pub(super) name: String,
    binary: PathBuf,
    /// Its variables, without those that differ from process to process.
    pub(super) environment: BTreeMap<String, String>,
    /// How long a call may take.
    pub(super) timeout: Duration,
    /// How often a call is made again that nobody waits for, and where it is reported then.
    pub(super) retries: u32,
    pub(super) on_failure: Option<String>,
    logs: Logs,
}

impl Launch {
    /// `url` is where the stack answers for EventBridge.
    pub(super) fn new(function: &Function, binary: &Path, url: &str, dynamodb_url: &str, logs: Logs) -> Self {
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
        // A developer's wish to see more is passed on; nothing else of this environment is.
        let wishes = ["AWS_LAMBDA_LOG_LEVEL", "RUST_BACKTRACE"].map(|name| Some((name, env::var(name).ok()?)));

        let mut environment = function.environment.clone();
        environment.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let others = token.into_iter().chain(wishes.into_iter().flatten());
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

    fn command(&self, runtime_api: &str) -> Command {
        let day = Timestamp::now().strftime("%Y/%m/%d").to_string();
        let log_stream = format!("{day}/[$LATEST]{}", Uuid::new_v4().simple());
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .envs(&self.environment)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .env("AWS_LAMBDA_LOG_STREAM_NAME", log_stream)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        self.logs.attach(&mut command);
        command
    }
}

/// A process that can take a call. Dropping it ends the process.
pub(super) struct Process {
    slot: Arc<Slot>,
    kill: CancellationToken,
}

impl Process {
    /// Starts a process. It lives until it ends by itself, is dropped, or the stack stops.
    pub(super) async fn start(launch: &Launch, life: &Life) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let child = launch.command(&listener.local_addr()?.to_string()).spawn()?;
        let slot = Arc::new(Slot::new(aws::function_arn(&launch.name)));
        let kill = life.stop.child_token();
        let watch = watch(child, listener, launch.logs.clone(), Arc::clone(&slot), kill.clone());
        life.tasks.spawn(watch);
        Ok(Self { slot, kill })
    }

    /// Whether the process can take a call.
    pub(super) fn is_alive(&self) -> bool {
        !self.slot.ended()
    }

    /// Has the process answer a call, and gives it back if it can take another.
    pub(super) async fn call(self, event: Bytes, timeout: Duration) -> (Outcome, Option<Self>) {
        let id = Uuid::new_v4().to_string();
        let (taken, was_taken) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        self.slot.offer(Call { id: id.clone(), event, timeout, taken, answer });

        let overdue = async {
            if time::timeout(INIT_LIMIT, was_taken).await.is_err() {
                return INIT_LIMIT;
            }
            time::sleep(timeout).await;
            timeout
        };
        tokio::select! {
            outcome = answered => {
                let outcome = outcome.unwrap_or_else(|_| Outcome::exit(&id, "the stack stopped"));
                (outcome, self.is_alive().then_some(self))
            }
            // The process ends with `self`.
            limit = overdue => {
                let message = format!("RequestId: {id} Error: Task timed out after {:.2} seconds", limit.as_secs_f64());
                (Outcome::TimedOut(error("Sandbox.Timedout", &message)), None)
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill.cancel();
    }
}

/// Serves the Runtime API to a process for as long as it lives, and tells its caller of its end.
async fn watch(mut child: Child, listener: TcpListener, logs: Logs, slot: Arc<Slot>, kill: CancellationToken) {
    // Small messages to and fro: waiting for more to send would cost 40 ms each.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let api = axum::serve(listener, runtime_api::router(Arc::clone(&slot)));
    let output = logs.read(&mut child);
    let life = async {
        let status = tokio::select! {
            status = child.wait() => status,
            () = kill.cancelled() => child.kill().await.and(child.wait().await),
        };
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        slot.end(&status);
    };
    tokio::select! {
        _ = async { tokio::join!(life, output) } => {}
        _ = api => {}
    }
}
