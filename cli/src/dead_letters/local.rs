//! Dead letters of the local stack: `failures.jsonl` in its data directory, which has a line for each.

use std::fs;
use std::io;
use std::path::PathBuf;

use carnet_local::BoxError;
use contacts::model::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, from_str};

use super::letter::Letter;
use super::source::{Queue, Source};
use crate::target::running_stack;
use crate::workspace;

/// Why nothing can be sent again or deleted.
pub(super) const NO_QUEUES: &str = "the local stack has no queues, and failures.jsonl in its data directory is only a record; `carnet dead-letters show \
     --body` shows the events, `carnet send FUNCTION FILE` sends one again, and deleting the file forgets all; with \
     --stack NAME this command works on a deployed stack";

/// The file of a stack.
const FILE: &str = "failures.jsonl";

#[derive(Deserialize)]
struct Line<'a> {
    destination: Option<String>,
    #[serde(borrow)]
    message: &'a RawValue,
}

/// How many dead letters of each kind there are.
///
/// # Errors
/// When no stack runs on the directory, or the file cannot be read.
pub(super) fn queues(data: Option<PathBuf>) -> Result<Vec<Queue>, BoxError> {
    let letters = all(data)?;
    let queue = |source| {
        let of_source = || letters.iter().filter(move |letter: &&Letter| letter.source == source);
        let oldest = of_source().filter_map(|letter| letter.sent_at).min();
        Queue { source, waiting: of_source().count() as u64, in_flight: 0, oldest }
    };
    Ok(Source::ALL.into_iter().map(queue).collect())
}

/// The first dead letters of these kinds.
///
/// # Errors
/// As [`queues`].
pub(super) fn letters(data: Option<PathBuf>, sources: &[Source], limit: usize) -> Result<Vec<Letter>, BoxError> {
    let letters = all(data)?;
    let of_source = |source: &Source| {
        let source = *source;
        letters.iter().filter(move |letter| letter.source == source).take(limit).cloned()
    };
    Ok(sources.iter().flat_map(of_source).collect())
}

fn all(data: Option<PathBuf>) -> Result<Vec<Letter>, BoxError> {
    let dir = workspace::data_dir(data);
    running_stack(&dir)?;
    let path = dir.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("can't read {}: {error}", path.display()).into()),
    };
    Ok(text.lines().enumerate().filter_map(|(place, line)| letter(place + 1, line)).collect())
}

/// The letter of a line; `None` for a function without a destination, whose failures AWS would forget.
fn letter(line: usize, text: &str) -> Option<Letter> {
    let Line { destination, message } = from_str(text).ok()?;
    let destination = destination?;
    let queue = destination.rsplit(':').next().unwrap_or(&destination);
    let source = Source::ALL.into_iter().find(|source| source.output() == queue)?;
    let body = message.get().to_owned();
    let parsed: Value = from_str(&body).unwrap_or_default();
    // Lambda's messages have a timestamp, EventBridge's events a time.
    let time = ["timestamp", "time"].into_iter().find_map(|name| parsed[name].as_str());
    let sent_at = time.and_then(|time| time.parse::<Timestamp>().ok()).map(|time| time.as_second());
    Some(Letter { source, id: format!("{FILE}:{line}"), sent_at, receives: None, error_code: None, body })
}
