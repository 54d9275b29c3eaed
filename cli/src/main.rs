//! The command line.

use std::process::ExitCode;

use carnet::dev;
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
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let args = match cli.command {
        Some(Command::Dev(args)) => args,
        None => cli.dev,
    };
    match dev::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
