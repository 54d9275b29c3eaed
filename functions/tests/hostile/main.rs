//! A stress test with fault injection: concurrent random calls through every event source, faults between the functions
//! and DynamoDB, killed processes, and a judge that knows every write and every answer.
//!
//! `cargo test --test hostile -- --seed 7 --calls 100000 --width 16`
//!
//! | option | meaning | default |
//! |---|---|---|
//! | `--seed N` | chooses calls, faults and kills; the interleaving of processes is not repeatable | random, printed |
//! | `--calls N` | how many calls | 2,500 |
//! | `--minutes N` | how long, instead of `--calls` | |
//! | `--width N` | how many callers | 16 |
//!
//! Without options, as `cargo test` runs it, it is the self-test: a short run, after which the table is damaged in known
//! ways and the judge has to see each.
//!
//! | file | owns |
//! |---|---|
//! | `deployment.rs` | the deployment, a process that can be killed |
//! | `population.rs` | tenants, tokens, phone numbers |
//! | `operation.rs`, `state.rs`, `request.rs` | the model: what a call does to a contact, and its input |
//! | `generate.rs`, `caller.rs`, `client.rs` | random calls, their delivery and their outcome |
//! | `repetitions.rs` | requests with an idempotency key, and their repetitions |
//! | `batches.rs` | batches of contacts |
//! | `pages.rs` | lists in pages |
//! | `movers.rs` | contacts whose number changes |
//! | `fault_schedule.rs` | which faults are injected |
//! | `history.rs` | the record of calls and writes |
//! | `judge/` | the rules |
//! | `quiescence.rs` | what must hold when nothing is under way |
//! | `runner.rs`, `report.rs` | the run, and what it prints |
//! | `self_test.rs` | damage that the judge has to see |

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod batches;
mod caller;
mod client;
mod deployment;
#[path = "../support/executables.rs"]
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
mod executables;
#[path = "../support/fault_proxy/mod.rs"]
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
mod fault_proxy;
mod fault_schedule;
mod generate;
mod history;
#[path = "../support/invocation.rs"]
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
mod invocation;
mod judge;
#[path = "../support/local_sdk.rs"]
mod local_sdk;
mod movers;
mod operation;
mod pages;
mod population;
mod quiescence;
mod repetitions;
mod report;
mod request;
mod runner;
mod self_test;
mod state;
#[path = "../support/stored.rs"]
mod stored;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use carnet_local::InvocationOutcome;

use runner::{Plan, Run};

/// How many violations of one rule are printed.
const MAX_PRINTED: usize = 3;

/// Options of the test harness, which this test does not have.
const HARNESS_OPTIONS: [&str; 10] = [
    "--exact",
    "--ignored",
    "--include-ignored",
    "--list",
    "--no-capture",
    "--nocapture",
    "--quiet",
    "--show-output",
    "--skip",
    "--test-threads",
];

#[tokio::main(flavor = "multi_thread", worker_threads = 3)]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [serve, data, proxy_url, width, seed] = &arguments[..]
        && serve == "--serve"
    {
        deployment::serve(Path::new(data), proxy_url, width.parse().unwrap(), seed.parse().unwrap()).await;
        return ExitCode::SUCCESS;
    }
    // `cargo test` passes names of tests, and options such as `--nocapture`, to every executable.
    let is_for_others = |argument: &String| !argument.starts_with("--") || HARNESS_OPTIONS.contains(&argument.as_str());
    if !arguments.is_empty() && arguments.iter().all(is_for_others) {
        return ExitCode::SUCCESS;
    }
    let passed = match plan(&arguments) {
        Ok(Some(plan)) => stress(plan).await,
        Ok(None) => self_test::run(fastrand::u64(..1_000_000)).await,
        Err(sentence) => {
            eprintln!("{sentence}");
            false
        }
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the arguments ask for; `None` for the self-test.
fn plan(arguments: &[String]) -> Result<Option<Plan>, String> {
    let mut plan = Plan { seed: fastrand::u64(..1_000_000), width: 16, calls: 2_500, minutes: None };
    let mut rest = arguments.iter();
    while let Some(option) = rest.next() {
        let number = rest.next().and_then(|number| number.parse::<u64>().ok());
        match (option.as_str(), number) {
            ("--seed", Some(seed)) => plan.seed = seed,
            ("--calls", Some(calls)) => plan.calls = calls as usize,
            ("--minutes", Some(minutes)) => plan.minutes = Some(minutes),
            ("--width", Some(width)) => plan.width = width as usize,
            _ => return Err("the options are --seed, --calls, --minutes and --width, each with a number".to_owned()),
        }
    }
    Ok((!arguments.is_empty()).then_some(plan))
}

/// Runs the plan and prints what happened. True if no rule was broken.
async fn stress(plan: Plan) -> bool {
    println!("seed {}, {} callers", plan.seed, plan.width);
    let mut run = Run::start(plan.clone()).await;
    let violations = run.run().await;
    let mut printed: BTreeMap<&str, usize> = BTreeMap::new();
    for violation in &violations {
        let count = printed.entry(violation.rule).or_default();
        *count += 1;
        if *count <= MAX_PRINTED {
            violation.print(run.start);
        }
    }
    for (rule, count) in printed {
        println!("{count} violations of the rule: {rule}");
    }
    let (seconds, calls) = (run.start.elapsed().as_secs_f64(), run.counts.calls.values().sum::<u64>());
    println!("{}", run.counts);
    println!("{calls} calls in {seconds:.0} s: {:.0} a second", calls as f64 / seconds);
    let kept = run.stop(!violations.is_empty()).await;
    if let Some(directory) = kept {
        let (number, seed) = (violations.len(), plan.seed);
        println!("{number} violations with seed {seed}; data and log are in {}", directory.display());
    }
    violations.is_empty()
}
