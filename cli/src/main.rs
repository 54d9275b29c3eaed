//! `carnet`: the command line. Each command is a module; this file only chooses one.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod build;
#[cfg(feature = "cloud")]
mod cloud;
mod completions;
mod costs;
mod dead_letters;
mod dev;
mod doctor;
mod erase;
mod events;
mod export;
mod import;
mod issue;
mod output;
mod seeding;
mod send;
mod show;
mod smoke;
mod target;
mod tenant;
mod token;
mod usage;
mod values;
mod workspace;

use std::process::ExitCode;

use carnet_local::BoxError;
use clap::{CommandFactory, Parser, Subcommand};

/// Runs Carnet on one machine, and operates deployed stacks.
#[derive(Parser)]
#[command(name = "carnet", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    // Without a command: `dev`.
    #[command(flatten)]
    dev: dev::Args,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole deployment on this machine (the default)
    Dev(dev::Args),
    /// Print the completions of a shell
    #[command(after_long_help = completions::HELP)]
    Completions(completions::Args),
    /// Print what a month of calls costs on AWS
    Costs(costs::Args),
    /// List, show and send again what could not be processed
    #[command(after_long_help = dead_letters::HELP)]
    DeadLetters(dead_letters::Args),
    /// Verify what is stored of a tenant, and repair it
    #[command(after_long_help = doctor::HELP)]
    Doctor(doctor::Args),
    /// Erase a person: delete a contact and everything derived from it
    #[command(after_long_help = erase::HELP)]
    Erase(erase::Args),
    /// Print a sample event, or the events that a stack has published
    Events(events::Args),
    /// Write all contacts of a tenant as CSV or JSON lines
    #[command(after_long_help = export::HELP)]
    Export(export::Args),
    /// Create and change contacts from a CSV file
    #[command(after_long_help = import::HELP)]
    Import(import::Args),
    /// Invoke a function of a running stack with an event
    Send(send::Args),
    /// Check a deployment, and compare its answers with the local stack's
    Smoke(smoke::Args),
    /// Create, list, show, change and delete tenants
    #[command(after_long_help = tenant::HELP)]
    Tenant(tenant::Args),
    /// Create, list, rotate and revoke tokens
    #[command(after_long_help = token::HELP)]
    Token(token::Args),
    /// Show how often the tokens of a tenant were used
    #[command(after_long_help = usage::HELP)]
    Usage(usage::Args),
}

/// The exit status of `carnet smoke` if the check could not be made; 1 says that the deployment failed it.
const NOT_CHECKED: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let result: Result<(), BoxError> = match cli.command.unwrap_or(Command::Dev(cli.dev)) {
        Command::Dev(args) => dev::run(args).await.map_err(Into::into),
        Command::Completions(args) => completions::run(&args, &mut Cli::command()),
        Command::Costs(args) => costs::run(args),
        Command::Erase(args) => erase::run(args).await,
        Command::Events(args) => events::run(args).await,
        Command::Export(args) => export::run(args).await,
        Command::Import(args) => {
            return import::run(args).await.unwrap_or_else(|error| {
                eprintln!("error: {error}");
                error.status()
            });
        }
        Command::Send(args) => send::run(args).await.map_err(Into::into),
        Command::Tenant(args) => tenant::run(args).await,
        Command::Token(args) => token::run(args).await,
        Command::DeadLetters(args) => dead_letters::run(args).await,
        Command::Doctor(args) => {
            return doctor::run(args).await.unwrap_or_else(|error| {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            });
        }
        Command::Usage(args) => usage::run(args).await,
        Command::Smoke(args) => {
            return smoke::run(args).await.unwrap_or_else(|error| {
                eprintln!("error: {error}");
                NOT_CHECKED.into()
            });
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
