//! One process of a function: started as Lambda starts it, and given one invocation at a time.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio::time;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::launch::Launch;
use super::log_tail::LogTail;
use super::outcome::InvocationOutcome;
use super::runtime_api::{self, Invocation, ProcessSlot};
use crate::aws;
use crate::logs::Logs;
use crate::shutdown::Shutdown;

/// How long a process may take until it asks for its first invocation, as in Lambda.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// A process that can take an invocation. Dropping it ends the process.
pub(super) struct Process {
    slot: Arc<ProcessSlot>,
    kill: CancellationToken,
    log_tail: Arc<LogTail>,
}

impl Process {
    /// Starts a process. It lives until it ends by itself, is dropped, or the stack stops.
    ///
    /// # Errors
    /// When the executable cannot be started.
    pub(super) async fn start(launch: &Launch, shutdown: &Shutdown) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let child = launch.command(&listener.local_addr()?.to_string()).spawn()?;
        let slot = Arc::new(ProcessSlot::new(aws::function_arn(&launch.name)));
        let process = Self { slot, kill: shutdown.child_token(), log_tail: Arc::default() };
        let output = Output { function: launch.name.clone(), logs: launch.logs.clone(), tail: process.log_tail() };
        shutdown.spawn(watch(child, listener, output, Arc::clone(&process.slot), process.kill.clone()));
        Ok(process)
    }

    /// Whether the process can take an invocation.
    pub(super) fn is_alive(&self) -> bool {
        !self.slot.ended()
    }

    /// The last lines that the process wrote.
    pub(super) fn log_tail(&self) -> Arc<LogTail> {
        Arc::clone(&self.log_tail)
    }

    /// Has the process answer an event, and returns it if it can take another one.
    pub(super) async fn invoke(self, event: Bytes, timeout: Duration) -> (InvocationOutcome, Option<Self>) {
        let id = Uuid::new_v4().to_string();
        let (taken, was_taken) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        self.slot.offer(Invocation { id: id.clone(), event, timeout, taken, answer });

        let overdue = async {
            if time::timeout(INIT_LIMIT, was_taken).await.is_err() {
                return INIT_LIMIT;
            }
            time::sleep(timeout).await;
            timeout
        };
        tokio::select! {
            outcome = answered => {
                let outcome = outcome.unwrap_or_else(|_| InvocationOutcome::exit(&id, "the stack stopped"));
                (outcome, self.is_alive().then_some(self))
            }
            // The process is ended by dropping `self`.
            limit = overdue => (InvocationOutcome::timeout(&id, limit.as_secs_f64()), None),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill.cancel();
    }
}

/// Where the output of a process goes.
struct Output {
    function: String,
    logs: Logs,
    tail: Arc<LogTail>,
}

/// Serves the Runtime API to a process for as long as it lives, and fails its invocation when it ends.
async fn watch(
    mut child: Child,
    listener: TcpListener,
    output: Output,
    slot: Arc<ProcessSlot>,
    kill: CancellationToken,
) {
    // Nagle's algorithm would delay each of these small messages by 40 ms.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let api = axum::serve(listener, runtime_api::router(Arc::clone(&slot)));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let Output { function, logs, tail } = &output;
    let copied = async { tokio::join!(tail.copy(function, logs, stdout), tail.copy(function, logs, stderr)) };
    let ended = async {
        let status = tokio::select! {
            status = child.wait() => status,
            () = kill.cancelled() => child.kill().await.and(child.wait().await),
        };
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        slot.end(&status);
    };
    tokio::select! {
        _ = async { tokio::join!(ended, copied) } => {}
        _ = api => {}
    }
}
