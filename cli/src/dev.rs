//! `carnet dev`: builds the functions, starts a stack, and runs it until told to stop.

mod demo;
mod page;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use carnet_local::{Logs, Options, Stack, Store, check_data_dir, check_port};
use clap::{Args as ClapArgs, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::{build, workspace};
use demo::Demo;

/// Options of `carnet dev`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Port of the HTTP API; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 3000)]
    port: u16,
    /// Keep the tables in memory; they are lost when the stack stops
    #[arg(long)]
    memory: bool,
    /// Directory in which the tables are kept [default: .carnet beside template.yaml]
    #[arg(long, value_name = "DIR", conflicts_with = "memory")]
    data: Option<PathBuf>,
    /// Use this DynamoDB-compatible server instead of the embedded one; demo tokens and contacts are not written to an https URL
    #[arg(long, value_name = "URL", conflicts_with_all = ["memory", "data", "dynamodb_port"])]
    dynamodb_url: Option<String>,
    /// Port of the embedded DynamoDB; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    dynamodb_port: u16,
    /// Build the functions with optimisations, as they are deployed
    #[arg(long)]
    release: bool,
    /// Start without demo contacts; the demo tokens are still created
    #[arg(long)]
    empty: bool,
    /// How many calls a token may make in any 60 seconds, at most 1000; 0 means unlimited
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    rate_limit: u32,
    /// Origins of the web pages that may call the API from a browser, separated by commas [default: * (all), as in the
    /// template]
    #[arg(long, value_name = "ORIGINS")]
    allowed_origins: Option<String>,
    /// Format of the log lines on standard error
    ///
    /// Every HTTP call is a line with its method, path, status, duration and function. As text, of the functions' own
    /// log lines only warnings and errors are shown, or all of them if AWS_LAMBDA_LOG_LEVEL is set. As json, every line
    /// is a JSON object, and the functions' lines are passed on unchanged.
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    log_format: LogFormat,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Text on a terminal, json otherwise
    Auto,
    /// Lines for people
    Text,
    /// One JSON object per line
    Json,
}

/// Why `carnet dev` failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The stack does not start, or cannot go on.
    #[error(transparent)]
    Stack(#[from] carnet_local::Error),
    /// The functions were not built.
    #[error(transparent)]
    Build(#[from] build::Error),
    /// The API page cannot be served.
    #[error(transparent)]
    Page(#[from] page::Error),
    /// The system does not deliver signals.
    #[error("can't wait for signals: {0}")]
    Signals(io::Error),
}

/// Runs until Ctrl-C or SIGTERM; everything that was started ends with it.
///
/// # Errors
/// When the functions do not compile, the stack does not start, or its data directory is deleted.
pub(crate) async fn run(args: Args) -> Result<(), Error> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let told_to_stop = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(told_to_stop);

    let stack = tokio::select! {
        stack = start(args) => stack?,
        () = &mut told_to_stop => return Ok(()),
    };
    announce(stack.url());
    let failed = tokio::select! {
        () = &mut told_to_stop => None,
        error = stack.failed() => Some(error),
    };
    stack.stop().await;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

async fn start(args: Args) -> Result<Stack, Error> {
    let root = workspace::root();
    let store = match args.dynamodb_url {
        Some(url) => Store::Url(url),
        None if args.memory => Store::Memory,
        None => Store::Dir(workspace::data_dir(args.data)),
    };
    // Checked before the compiler runs, which may take minutes.
    if let Store::Dir(dir) = &store {
        check_data_dir(dir)?;
    }
    check_port(args.port, "--port")?;
    let binaries = build::functions(&root, args.release).await?;
    let demo = match &store {
        // These tokens are public, so they are not written to a server that others may reach.
        Store::Url(url) if url.starts_with("https:") => Demo::None,
        _ if args.empty => Demo::Identities,
        _ => Demo::Contacts,
    };
    let limits = ["RateLimit", "McpRateLimit"].map(|name| (name.to_owned(), args.rate_limit.to_string()));
    let mut parameters = BTreeMap::from(limits);
    parameters.extend(args.allowed_origins.map(|origins| ("AllowedOrigins".to_owned(), origins)));
    let options = Options {
        store,
        parameters,
        port: args.port,
        dynamodb_port: args.dynamodb_port,
        seed: demo::seed(demo),
        pages: Some(page::router(demo)?),
        logs: match args.log_format {
            LogFormat::Auto => Logs::for_stderr(),
            LogFormat::Text => Logs::Text,
            LogFormat::Json => Logs::Json,
        },
        ..Options::new(root.join("template.yaml"), binaries)
    };
    Ok(Stack::start(options).await?)
}

/// Prints that the stack answers requests. The first line is for programs, the rest for people.
fn announce(url: &str) {
    let text = format!(
        "ready {url}\n\n\
         Try the API in a browser: {url}/\n\n\
         curl -X POST {url}/api/v1/actions/create-contact \\\n  \
         -H 'Authorization: Bearer demo-token' \\\n  \
         -H 'Content-Type: application/json' \\\n  \
         -d '{{\"phone\":\"+14155550123\",\"name\":\"Ada Lovelace\"}}'\n"
    );
    let mut stdout = io::stdout().lock();
    // The stack runs even if standard output is closed.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
