//! The command line.

use std::process::ExitCode;

use carnet::{dev, events, send};
use clap::{Parser, Subcommand};

/// Carnet on one machine.
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
    /// Print a ready-made event
    Events(events::Args),
    /// Hand an event to a function of a running stack
    Send(send::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Command::Dev(args)) => dev::run(args).await.map_err(Into::into),
        Some(Command::Events(args)) => events::run(&args).map_err(Into::into),
        Some(Command::Send(args)) => send::run(args).await.map_err(Into::into),
        None => dev::run(cli.dev).await.map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error: Box<dyn std::error::Error> = error;
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
