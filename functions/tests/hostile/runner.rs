//! A run: epochs of concurrent calls with faults and kills. After each epoch everything comes to rest and is judged.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::caller::Caller;
use super::client::Client;
use super::deployment::{Deployment, Settings};
use super::fault_proxy::{Fault, FaultProxy};
use super::fault_schedule::{FaultCounts, FaultSchedule};
use super::generate::{Generator, NAME_MARK};
use super::history::{Call, Recorder};
use super::judge::{Epoch, Judge};
use super::population::Population;
use super::quiescence::{Tables, check_searches};
use super::report::{Counts, Violation};

/// How many calls an epoch has at least.
const EPOCH: usize = 2_500;
const CUSTOMERS: usize = 3;
/// After how many calls a line is printed.
const PROGRESS: usize = 10_000;

/// How long a run goes on, and with what.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub width: usize,
    pub calls: usize,
    pub minutes: Option<u64>,
}

/// A run in progress.
pub struct Run {
    plan: Plan,
    random: fastrand::Rng,
    directory: tempfile::TempDir,
    settings: Settings,
    pub proxy: FaultProxy,
    recorder: Recorder,
    faults: FaultCounts,
    deployment: Option<Deployment>,
    pub population: Arc<Population>,
    pub client: Client,
    url: watch::Sender<Option<String>>,
    marks: Arc<AtomicU64>,
    judge: Judge,
    pub counts: Counts,
    pub start: Instant,
    /// How many bytes of the published events have been judged.
    events_read: u64,
    epochs: usize,
}

impl Run {
    /// Starts a deployment.
    pub async fn start(plan: Plan) -> Self {
        let directory = tempfile::Builder::new().prefix("carnet-hostile-").tempdir().unwrap();
        let proxy = FaultProxy::start("http://127.0.0.1:9").await;
        let recorder = Recorder::default();
        recorder.attach(&proxy);
        let settings = Settings {
            data: directory.path().join("data"),
            log: directory.path().join("log"),
            proxy_url: proxy.url(),
            width: plan.width,
            seed: plan.seed,
        };
        let deployment = Deployment::start(&settings, async |engine_url| proxy.set_engine_url(engine_url)).await;
        let population = Population::issue(&deployment.engine_url, CUSTOMERS).await;
        let start = Instant::now();
        let url = watch::Sender::new(Some(deployment.url.clone()));
        Run {
            random: fastrand::Rng::with_seed(plan.seed),
            plan,
            directory,
            settings,
            proxy,
            recorder,
            faults: FaultCounts::default(),
            deployment: Some(deployment),
            population: Arc::new(population),
            client: Client::new(Arc::default()),
            url,
            marks: Arc::new(AtomicU64::new(1)),
            judge: Judge::new(start),
            counts: Counts::default(),
            start,
            events_read: 0,
            epochs: 0,
        }
    }

    /// Runs epochs until the plan is fulfilled or a rule is broken.
    pub async fn run(&mut self) -> Vec<Violation> {
        let mut done = 0;
        loop {
            let (calls, violations) = self.epoch().await;
            done += calls;
            if done / PROGRESS > (done - calls) / PROGRESS {
                println!(
                    "{done} calls, {} versions, {:.0} s",
                    self.counts.versions,
                    self.start.elapsed().as_secs_f64()
                );
            }
            if !violations.is_empty() {
                return violations;
            }
            let minutes = self.start.elapsed().as_secs() / 60;
            if self.plan.minutes.map_or(done >= self.plan.calls, |limit| minutes >= limit) {
                return self.check_run();
            }
        }
    }

    /// One epoch: its number of calls, and the rules that it has broken.
    pub async fn epoch(&mut self) -> (usize, Vec<Violation>) {
        let population = Arc::get_mut(&mut self.population).unwrap();
        population.begin_epoch(self.epochs);
        self.epochs += 1;
        let mut calls_before = Vec::new();
        if self.epochs == 1 {
            let mut caller = self.caller();
            caller.create_still().await;
            calls_before = caller.calls;
        }
        let mut fault_schedule = FaultSchedule::new(self.random.u64(..), Arc::clone(&self.faults));
        self.proxy.inject(move |operation| fault_schedule.next(operation));
        let mut callers = tokio::spawn(self.callers().join_all());
        let mut next_kill = self.next_kill();
        let calls = loop {
            tokio::select! {
                calls = &mut callers => break calls.unwrap().concat(),
                () = sleep(Duration::from_millis(50)) => {}
            }
            if self.marks.load(Ordering::Relaxed) >= next_kill {
                self.kill_something().await;
                next_kill = self.next_kill();
            }
        };
        self.proxy.inject(|_| Fault::None);
        let made = calls.len();
        let violations = self.judge([calls_before, calls].concat()).await;
        (made, violations)
    }

    fn callers(&mut self) -> JoinSet<Vec<Call>> {
        let left = Arc::new(AtomicUsize::new(EPOCH.min(self.plan.calls.max(1))));
        let mut callers = JoinSet::new();
        for _ in 0..self.plan.width {
            let mut caller = self.caller();
            let left = Arc::clone(&left);
            callers.spawn(async move {
                while left.load(Ordering::Relaxed) > 0 {
                    let made = caller.step().await;
                    let take = |left: usize| Some(left.saturating_sub(made));
                    let _ = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
                }
                caller.calls
            });
        }
        callers
    }

    fn caller(&mut self) -> Caller {
        Caller {
            population: Arc::clone(&self.population),
            client: self.client.clone(),
            generator: Generator(fastrand::Rng::with_seed(self.random.u64(..))),
            url: self.url.subscribe(),
            marks: Arc::clone(&self.marks),
            calls: Vec::new(),
            seen: HashMap::new(),
            number: self.marks.fetch_add(1, Ordering::Relaxed),
            keys: HashMap::new(),
            ids: HashMap::new(),
            keyed: Vec::new(),
        }
    }

    /// The mark at which something is killed next.
    fn next_kill(&mut self) -> u64 {
        self.marks.load(Ordering::Relaxed) + self.random.u64(20..200)
    }

    /// Kills the process of a function, or now and then the whole deployment, which is then started again.
    async fn kill_something(&mut self) {
        if self.random.u32(..15) > 0 {
            let Some(deployment) = &self.deployment else { return };
            let killed = deployment.kill_function(|processes| self.random.usize(..processes));
            self.counts.killed_functions += u64::from(killed);
            return;
        }
        self.url.send_replace(None);
        if let Some(deployment) = self.deployment.take() {
            deployment.kill().await;
        }
        let proxy = self.proxy.clone();
        self.settings.seed = self.random.u64(..);
        let deployment = Deployment::start(&self.settings, async |engine_url| proxy.set_engine_url(engine_url)).await;
        self.url.send_replace(Some(deployment.url.clone()));
        self.deployment = Some(deployment);
        self.counts.killed_deployments += 1;
    }

    /// Waits until everything is at rest, and judges it.
    async fn judge(&mut self, calls: Vec<Call>) -> Vec<Violation> {
        calls.iter().for_each(|call| self.counts.add(call));
        self.settle().await;
        let events = self.events();
        self.counts.events += events.len() as u64;
        let violations = self.judge_stored(calls, events).await;
        (self.counts.checks, self.counts.versions) = (self.judge.checks, self.judge.versions);
        self.counts.forgotten = self.judge.forgotten;
        self.counts.faults.clone_from(&self.faults.lock().unwrap());
        violations
    }

    /// Judges what is stored after the table was written without the functions. What that has published is ignored.
    pub async fn judge_damage(&mut self) -> Vec<Violation> {
        self.settle().await;
        self.events();
        self.judge_stored(Vec::new(), Vec::new()).await
    }

    /// Waits until no request is under way and every change is published.
    async fn settle(&mut self) {
        self.proxy.idle().await;
        self.deployment.as_mut().unwrap().settle().await;
        self.proxy.idle().await;
        self.proxy.clear();
    }

    async fn judge_stored(&mut self, calls: Vec<Call>, events: Vec<Value>) -> Vec<Violation> {
        let (stored, mut violations) = self.tables().read(&self.population).await;
        let url = self.deployment.as_ref().unwrap().url.clone();
        // DynamoDB may answer in parts at any time, and nothing may be missing because of it.
        self.proxy.inject(|operation| match operation {
            "Query" => Fault::ShortPage(12),
            "BatchGetItem" => Fault::UnprocessedKeys,
            _ => Fault::None,
        });
        violations.extend(check_searches(&self.client, &url, &self.population, &stored).await);
        self.proxy.inject(|_| Fault::None);
        let (population, writes) = (Arc::clone(&self.population), self.recorder.take());
        violations.extend(self.judge.judge(Epoch { population: &population, calls, writes, stored, events }));
        violations.append(&mut self.client.violations.lock().unwrap());
        violations
    }

    /// The tables, for damaging them.
    pub fn tables(&self) -> Tables {
        Tables::open(&self.deployment.as_ref().unwrap().engine_url)
    }

    /// The change events that were published since the last call.
    fn events(&mut self) -> Vec<Value> {
        let mut text = Vec::new();
        let mut file = File::open(self.settings.data.join("events.jsonl")).unwrap();
        file.seek(SeekFrom::Start(self.events_read)).unwrap();
        self.events_read += file.read_to_end(&mut text).unwrap() as u64;
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    /// What the whole run must not have done: end processes by itself, panic, or log personal data.
    fn check_run(&self) -> Vec<Violation> {
        // Long enough beginnings of the phone numbers, so that ids do not contain them.
        let numbers = ["55119800", "55118000", "52155000", "52550000", "54911000", "54110000", "14155550"];
        let personal: Vec<&str> = [NAME_MARK, "@example.com", "secret"].into_iter().chain(numbers).collect();
        let mut violations = Vec::new();
        let ended = self.counts.ended_processes();
        if ended > self.counts.killed_functions {
            let sentence =
                format!("{ended} calls lost their process, but {} were killed", self.counts.killed_functions);
            violations.push(Violation::new("a process ends only when it is killed", sentence));
        }
        for line in BufReader::new(File::open(&self.settings.log).unwrap()).lines().map_while(Result::ok) {
            if let Some(word) = personal.iter().find(|word| without_time(&line).any(|part| part.contains(**word))) {
                violations.push(Violation::new("logs contain no personal data", format!("{word}: {line}")));
            }
            if line.contains("panicked") {
                violations.push(Violation::new("nothing panics", line));
            }
        }
        violations
    }

    /// Stops the deployment. With `keep`, returns the directory of its data and log instead of deleting it.
    pub async fn stop(mut self, keep: bool) -> Option<PathBuf> {
        if let Some(deployment) = self.deployment.take() {
            deployment.stop().await;
        }
        keep.then(|| self.directory.keep())
    }
}

/// The parts of a log line before and after its time, whose nanoseconds can have the digits of a phone number.
fn without_time(line: &str) -> impl Iterator<Item = &str> {
    let (before, after) = line.split_once(r#""timestamp":""#).unwrap_or((line, ""));
    [before, after.split_once('"').map_or("", |(_, rest)| rest)].into_iter()
}
