//! The deployment under test: a process of its own, so that all of it can be killed at once and started again on its
//! data directory.
//!
//! The process runs two stacks. The first has the engine on the data directory, the change feed and its event bus. The
//! second has the HTTP API, the functions and the bus that invokes them, and reaches the engine through the proxy, which
//! runs in the process of the test. A line on standard input is a command, a line on standard output an answer.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use carnet_local::{EventRefusal, Logs, Options, Stack, Store};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::executables::{executables, template};

/// How many of a thousand events the bus refuses.
const REFUSED_EVENTS: u32 = 60;

/// A running deployment.
pub struct Deployment {
    child: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
    pub engine_url: String,
    /// The HTTP API, the Invoke API and the event bus.
    pub url: String,
}

/// What a deployment is started with.
#[derive(Clone)]
pub struct Settings {
    pub data: PathBuf,
    pub log: PathBuf,
    pub proxy_url: String,
    pub width: usize,
    pub seed: u64,
}

impl Deployment {
    /// Starts the engine on the data directory and, once `engine_started` has run, the functions.
    pub async fn start(settings: &Settings, engine_started: impl AsyncFnOnce(&str)) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--serve").arg(&settings.data).arg(&settings.proxy_url);
        command.args([settings.width.to_string(), settings.seed.to_string()]);
        let errors = File::options().create(true).append(true).open(&settings.log).unwrap();
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        let commands = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let (log, engine_url, url) = (settings.log.clone(), String::new(), String::new());
        let mut deployment = Deployment { child, commands, answers, log, engine_url, url };
        deployment.engine_url = deployment.answer("engine ").await;
        engine_started(&deployment.engine_url).await;
        deployment.command("go").await;
        deployment.url = deployment.answer("ready ").await;
        deployment
    }

    /// Waits until all events have been delivered and all changes published.
    pub async fn settle(&mut self) {
        self.command("settle").await;
        self.answer("settled").await;
    }

    /// Kills everything at once with SIGKILL.
    pub async fn kill(mut self) {
        kill_process_group(self.pid(), Signal::KILL).unwrap();
        self.child.wait().await.unwrap();
    }

    /// Kills one process of a function, if there is one. The choice is made by `choose` from their number.
    pub fn kill_function(&self, choose: impl FnOnce(usize) -> usize) -> bool {
        let processes = children(self.pid());
        if processes.is_empty() {
            return false;
        }
        kill_process(processes[choose(processes.len())], Signal::KILL).is_ok()
    }

    /// Stops it in the ordinary way.
    pub async fn stop(mut self) {
        self.command("stop").await;
        self.child.wait().await.unwrap();
    }

    fn pid(&self) -> Pid {
        self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).expect("the deployment runs")
    }

    async fn command(&mut self, command: &str) {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    async fn answer(&mut self, start: &str) -> String {
        let line = self.answers.next_line().await.unwrap().unwrap_or_default();
        let Some(rest) = line.strip_prefix(start) else {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(20).collect();
            panic!("the deployment answered {line:?} instead of {start:?}; the end of its log:\n{last:#?}");
        };
        rest.to_owned()
    }
}

/// The processes that this one has started.
fn children(parent: Pid) -> Vec<Pid> {
    let is_child = |stat: &str| {
        // The fields after the name, which is in parentheses: state, parent.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        fields.split_whitespace().nth(1).and_then(|id| id.parse().ok()) == Some(parent.as_raw_nonzero().get())
    };
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let children = pids.filter(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| is_child(&stat)));
    children.filter_map(Pid::from_raw).collect()
}

/// Runs a deployment in this process until it is told to stop, or its standard input ends.
pub async fn serve(data: &Path, proxy_url: &str, width: usize, seed: u64) {
    let mut commands = BufReader::new(tokio::io::stdin()).lines();
    let parameters = [("RateLimit".to_owned(), "0".to_owned())].into();
    let options = Options { parameters, processes: width, logs: Logs::Json, ..Options::new(template(), executables()) };
    let engine = Stack::start(Options { store: Store::Dir(data.to_owned()), ..options.clone() }).await.unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    engine.refuse_events(move |_| {
        (random.u32(..1_000) < REFUSED_EVENTS).then_some(EventRefusal::Entry("InternalFailure"))
    });
    println!("engine {}", engine.dynamodb_url());
    if command(&mut commands).await != "go" {
        return;
    }
    let functions = Stack::start(Options { store: Store::Url(proxy_url.to_owned()), ..options }).await.unwrap();
    println!("ready {}", functions.url());
    while command(&mut commands).await == "settle" {
        functions.caught_up().await;
        engine.caught_up().await;
        println!("settled");
    }
    functions.stop().await;
    engine.stop().await;
}

/// The next command; empty at the end of the input.
async fn command(commands: &mut Lines<BufReader<Stdin>>) -> String {
    commands.next_line().await.ok().flatten().unwrap_or_default()
}
