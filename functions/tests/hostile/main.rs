//! A stress test with fault injection: concurrent random calls through every event source, faults between the functions
//! and DynamoDB, killed processes, and a judge that knows every write and every answer.
//!
//! `cargo test -p functions --test hostile -- --seed 7 --calls 100000 --width 16`
//!
//! | option | meaning | default |
//! |---|---|---|
//! | `--seed N` | chooses calls, faults and kills; the interleaving of processes is not repeatable | random, printed |
//! | `--calls N` | how many calls | 2,500 |
//! | `--minutes N` | how long, instead of `--calls` | |
//! | `--width N` | how many callers | 16 |
//! | `--self-test` | damages the table in known ways, and checks that the judge sees each | |
//!
//! Without options, as `cargo test` runs it, it is the self-test and a short run.
//!
//! | file | owns |
//! |---|---|
//! | `deployment.rs` | the deployment, a process that can be killed |
//! | `population.rs` | tenants, tokens, phone numbers |
//! | `operation.rs`, `state.rs` | the model: what a call does to a contact |
//! | `generate.rs`, `caller.rs`, `client.rs` | random calls, their delivery and their outcome |
//! | `weather.rs` | which faults are injected |
//! | `history.rs` | the record of calls and writes |
//! | `judge/` | the rules |
//! | `quiescence.rs` | what must hold when nothing is under way |
//! | `runner.rs`, `report.rs` | the run, and what it prints |
//! | `self_test.rs` | damage that the judge has to see |

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod caller;
mod client;
mod deployment;
#[path = "../support/executables.rs"]
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
mod executables;
#[path = "../support/fault_proxy/mod.rs"]
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
mod fault_proxy;
mod generate;
mod history;
#[path = "../support/invocation.rs"]
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
mod invocation;
mod judge;
mod operation;
mod population;
mod quiescence;
mod report;
mod runner;
mod self_test;
mod state;
#[path = "../support/stored.rs"]
mod stored;
mod weather;

use std::path::Path;
use std::process::ExitCode;

use carnet_local::InvocationOutcome;

use runner::{Plan, Run};

/// How many violations are printed.
const MAX_PRINTED: usize = 10;

#[tokio::main(flavor = "multi_thread", worker_threads = 3)]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [serve, data, proxy_url, width, seed] = &arguments[..]
        && serve == "--serve"
    {
        deployment::serve(Path::new(data), proxy_url, width.parse().unwrap(), seed.parse().unwrap()).await;
        return ExitCode::SUCCESS;
    }
    let mut plan = Plan { seed: fastrand::u64(..1_000_000), width: 16, calls: 2_500, minutes: None };
    let (mut self_test, mut run) = (arguments.is_empty(), true);
    let mut rest = arguments.iter();
    while let Some(option) = rest.next() {
        let mut number = || rest.next().and_then(|number| number.replace(',', "").parse::<u64>().ok());
        let known = match option.as_str() {
            "--seed" => number().map(|seed| plan.seed = seed),
            "--calls" => number().map(|calls| plan.calls = calls as usize),
            "--minutes" => number().map(|minutes| plan.minutes = Some(minutes)),
            "--width" => number().map(|width| plan.width = width as usize),
            "--self-test" => {
                (self_test, run) = (true, false);
                Some(())
            }
            // `cargo test` passes its own arguments to every test: the names of tests that this is not one of.
            _ if !option.starts_with("--") => return ExitCode::SUCCESS,
            _ => None,
        };
        if known.is_none() {
            eprintln!(
                "{option} is not an option of this test, or has no number; functions/tests/hostile/main.rs lists them"
            );
            return ExitCode::FAILURE;
        }
    }
    if self_test && !self_test::run(plan.seed).await {
        return ExitCode::FAILURE;
    }
    if run && !stress(plan).await {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Runs the plan and prints what happened. True if no rule was broken.
async fn stress(plan: Plan) -> bool {
    println!("seed {}, {} callers", plan.seed, plan.width);
    let mut run = Run::start(plan.clone()).await;
    let violations = run.run().await;
    for violation in violations.iter().take(MAX_PRINTED) {
        violation.print(run.start);
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
