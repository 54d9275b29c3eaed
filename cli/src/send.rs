//! `carnet send`: hands an event to a function of a running stack, as the service would that it comes from.
//!
//! The event is sent as it is: a message of a queue, say, has to be in the event that Lambda makes of it.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use reqwest::{Client, Url};
use serde_json::Value;

/// Options of `carnet send`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The function, by the name of its executable
    function: String,
    /// A file with the event, or - for standard input
    file: PathBuf,
    /// Where the stack is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    url: Url,
}

/// Why a function hasn't answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to send.
    #[error("can't read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody is there.
    #[error("no stack answers at {url}; start one with `carnet dev`")]
    NoStack {
        /// Where one was looked for.
        url: Url,
    },
    /// The stack doesn't take the event.
    #[error("{0}")]
    Refused(String),
    /// The function failed; it has said how.
    #[error("the function failed")]
    Failed,
    /// Nobody reads the answer.
    #[error("can't write the answer: {0}")]
    Write(#[from] io::Error),
}

/// Sends the event and prints the function's answer.
///
/// # Errors
/// When there is no answer, or when it says that the function failed.
pub async fn run(args: Args) -> Result<(), Error> {
    let event = read(&args.file).map_err(|source| Error::Read { file: args.file.clone(), source })?;
    let gone = |_| Error::NoStack { url: args.url.clone() };
    let mut url = args.url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["2015-03-31", "functions", &args.function, "invocations"]);
    }
    let response = Client::new().post(url).body(event).send().await.map_err(gone)?;
    let (accepted, failed) = (response.status().is_success(), response.headers().contains_key("x-amz-function-error"));
    let answer = response.bytes().await.map_err(gone)?;
    if !accepted {
        let message = serde_json::from_slice::<Value>(&answer).ok();
        let message = message.as_ref().and_then(|answer| answer["Message"].as_str());
        return Err(Error::Refused(message.unwrap_or("the stack doesn't take the event").to_owned()));
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(&answer)?;
    stdout.write_all(b"\n")?;
    if failed { Err(Error::Failed) } else { Ok(()) }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut event = Vec::new();
    io::stdin().lock().read_to_end(&mut event)?;
    Ok(event)
}
