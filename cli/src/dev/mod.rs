//! `carnet dev`: compile the functions, start a stack, keep it until told to stop.

mod build;

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use tokio::signal::unix::{SignalKind, signal};

use crate::stack::{self, Demo, Options, Stack, Store, check_port};

/// Options of `carnet dev`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Port of the HTTP API; 0 takes any
    #[arg(long, value_name = "N", default_value_t = 3000)]
    port: u16,
    /// Keep nothing: tables live in memory
    #[arg(long)]
    memory: bool,
    /// Directory the tables are kept in [default: .carnet beside template.yaml]
    #[arg(long, value_name = "DIR", conflicts_with = "memory")]
    data: Option<PathBuf>,
    /// Use this DynamoDB-compatible server instead of the embedded one; demo data only over http
    #[arg(long, value_name = "URL", conflicts_with_all = ["memory", "data", "dynamodb_port"])]
    dynamodb_url: Option<String>,
    /// Port of the embedded DynamoDB; 0 takes any
    #[arg(long, value_name = "N", default_value_t = 0)]
    dynamodb_port: u16,
    /// Build the functions with optimisations, as they are deployed
    #[arg(long)]
    release: bool,
    /// Start without demo contacts
    #[arg(long)]
    empty: bool,
    /// How many calls a token may make in any 60 seconds; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    rate_limit: u32,
}

/// Why the command ends without having been told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stack doesn't start.
    #[error(transparent)]
    Stack(#[from] stack::Error),
    /// The functions don't compile.
    #[error(transparent)]
    Build(#[from] build::Error),
    /// The system doesn't deliver signals.
    #[error("can't wait for signals: {0}")]
    Signals(io::Error),
}

/// Runs until Ctrl-C or SIGTERM, at any stage; everything started ends with it.
///
/// # Errors
/// When the functions don't compile or the stack doesn't start.
pub async fn run(args: Args) -> Result<(), Error> {
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
    told_to_stop.await;
    stack.stop().await;
    Ok(())
}

async fn start(args: Args) -> Result<Stack, Error> {
    // Said before the compiler has run for minutes, not after.
    check_port(args.port, "--port")?;
    let root = workspace_root();
    let binaries = build::functions(&root, args.release).await?;
    let store = match (args.dynamodb_url, args.data) {
        (Some(url), _) => Store::Url(url),
        (None, _) if args.memory => Store::Memory,
        (None, data) => Store::Dir(data.unwrap_or_else(|| root.join(".carnet"))),
    };
    let demo = match &store {
        // Tokens that everybody knows are not written where others may call.
        Store::Url(url) if url.starts_with("https:") => Demo::None,
        _ if args.empty => Demo::Identities,
        _ => Demo::Contacts,
    };
    let options = Options {
        store,
        parameters: [("RateLimit".to_owned(), args.rate_limit.to_string())].into(),
        port: args.port,
        dynamodb_port: args.dynamodb_port,
        demo,
        page: true,
        ..Options::new(root.join("template.yaml"), binaries)
    };
    Ok(Stack::start(options).await?)
}

/// The nearest directory upwards that has a template; else the one this tool was compiled in.
fn workspace_root() -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    let found = here.ancestors().find(|dir| dir.join("template.yaml").is_file());
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    found.or(home.parent()).unwrap_or(&here).to_owned()
}

/// Says that the stack serves. The first line is for programs, the rest for people.
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
    // Nobody may be reading; the stack serves all the same.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
