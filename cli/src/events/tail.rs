//! `carnet events tail`: the published events, from `events.jsonl` or from a running stack.

use std::io::{self, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args as ClapArgs;
use reqwest::{Client, Url};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time;

use crate::workspace;

/// How often new events are looked for.
const POLL_EVERY: Duration = Duration::from_millis(200);

/// Options of `carnet events tail`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Keep printing events as they are published
    #[arg(long, short)]
    follow: bool,
    /// How many of the latest events to print first
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    lines: usize,
    /// Data directory of the stack [default: .carnet beside template.yaml]
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
    /// Ask the running stack at this URL instead of reading a data directory; needed for one with --memory
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
}

/// Why events are not printed, or no longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The data directory has no events.
    #[error(
        "there is no {}: no stack has kept its data there; name another directory with --data, or ask a stack that \
         runs with --memory by --url", file.display()
    )]
    NoFile {
        /// The file that was looked for.
        file: PathBuf,
    },
    /// The file cannot be read.
    #[error("can't read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
    /// The file was deleted while it was followed.
    #[error("{} was deleted", file.display())]
    Deleted {
        /// The file.
        file: PathBuf,
    },
    /// The stack does not answer, or answers something else.
    #[error("no stack answers at {url}; start one with `carnet dev`")]
    NoStack {
        /// The URL that was asked.
        url: Url,
    },
    /// Standard output cannot be written.
    #[error("can't write the events: {0}")]
    Write(#[from] io::Error),
}

/// Prints the latest events and, to follow, every further one until it is interrupted.
///
/// # Errors
/// When the events cannot be read or printed.
pub(crate) async fn run(args: Args) -> Result<(), Error> {
    let mut source = match args.url {
        Some(url) => TailSource::Stack { client: Client::new(), url, seen: 0 },
        None => TailSource::File { file: workspace::data_dir(args.data).join("events.jsonl"), offset: 0 },
    };
    let events = source.next().await?;
    print(&events[events.len().saturating_sub(args.lines)..])?;
    if !args.follow {
        return Ok(());
    }
    loop {
        time::sleep(POLL_EVERY).await;
        print(&source.next().await?)?;
    }
}

fn print(events: &[String]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for event in events {
        writeln!(stdout, "{event}")?;
    }
    stdout.flush()
}

/// Where events come from, and which have been read.
enum TailSource {
    /// A file, read up to an offset in bytes.
    File { file: PathBuf, offset: u64 },
    /// A running stack, of whose events this many have been read.
    Stack { client: Client, url: Url, seen: usize },
}

impl TailSource {
    /// The events since the last time.
    async fn next(&mut self) -> Result<Vec<String>, Error> {
        match self {
            Self::File { file, offset } => {
                let text = read(file, *offset).await.map_err(|source| match source.kind() {
                    io::ErrorKind::NotFound if *offset == 0 => Error::NoFile { file: file.clone() },
                    io::ErrorKind::NotFound => Error::Deleted { file: file.clone() },
                    _ => Error::Read { file: file.clone(), source },
                })?;
                // A line that is being written has no end yet and is read the next time.
                let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                *offset += whole as u64;
                Ok(String::from_utf8_lossy(&text[..whole]).lines().map(str::to_owned).collect())
            }
            Self::Stack { client, url, seen } => {
                let mut request = url.clone();
                request.set_path("/_local/events");
                request.set_query(Some(&format!("from={seen}")));
                let gone = |_| Error::NoStack { url: url.clone() };
                let answer = client.get(request).send().await.and_then(|answer| answer.error_for_status());
                let text = answer.map_err(gone)?.text().await.map_err(gone)?;
                let events: Vec<String> = text.lines().map(str::to_owned).collect();
                *seen += events.len();
                Ok(events)
            }
        }
    }
}

async fn read(file: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(file).await?;
    file.seek(SeekFrom::Start(offset)).await?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).await?;
    Ok(text)
}
