//! `carnet send`: invokes a function of a running stack with an event, as the service does that the event comes from.
//!
//! The event is sent unchanged: a message of a queue, for example, has to be within the event that Lambda makes of it.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use carnet_local::failed_items;
use clap::Args as ClapArgs;
use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode, Url};
use serde_json::{Map, Value};

/// Options of `carnet send`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Name of the function, such as record-message
    function: String,
    /// A file with the event, or - for standard input
    file: PathBuf,
    /// URL of the stack
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    url: Url,
}

/// Why the event was not processed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The event cannot be read.
    #[error("can't read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
    /// No stack answers.
    #[error("no stack answers at {url}; start one with `carnet dev`")]
    NoStack {
        /// The URL that was asked.
        url: Url,
    },
    /// The stack has no such function.
    #[error("{message}; {hint}")]
    NoFunction {
        /// The Invoke API's message.
        message: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// The stack refuses the event.
    #[error("{0}")]
    Refused(String),
    /// The function failed; its answer has been printed.
    #[error("the function failed")]
    Failed,
    /// The function reported that it failed at some of the records.
    #[error("the function failed at {} of {records} records:{}", failures.len(), failures.concat())]
    FailedRecords {
        /// How many records the event has.
        records: usize,
        /// A line for each failed one.
        failures: Vec<String>,
    },
    /// Standard output cannot be written.
    #[error("can't write the answer: {0}")]
    Write(#[from] io::Error),
}

/// Sends the event and prints the function's answer.
///
/// # Errors
/// When there is no answer, or when it says that the function failed, wholly or at some records.
pub(crate) async fn run(args: Args) -> Result<(), Error> {
    let event = read(&args.file).map_err(|source| Error::Read { file: args.file.clone(), source })?;
    let gone = |_| Error::NoStack { url: args.url.clone() };
    let client = Client::new();
    let url = api(&args.url, &[&args.function, "invocations"]);
    let request = client.post(url).header("X-Amz-Log-Type", "Tail").body(event.clone());
    let response = request.send().await.map_err(gone)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let answer = response.bytes().await.map_err(gone)?;
    if !status.is_success() {
        let message = serde_json::from_slice::<Value>(&answer).ok();
        let message = message.as_ref().and_then(|answer| answer["Message"].as_str());
        let message = message.unwrap_or("the stack refused the event").to_owned();
        return match (status, names(&client, &args.url).await) {
            (StatusCode::NOT_FOUND, Some(names)) => {
                Err(Error::NoFunction { message, hint: hint(&args.function, &names) })
            }
            _ => Err(Error::Refused(message)),
        };
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(&answer)?;
    stdout.write_all(b"\n")?;
    if headers.contains_key("x-amz-function-error") {
        return Err(Error::Failed);
    }
    // An answer that is not a partial batch response reports no failures.
    let failed = failed_items(&answer).unwrap_or_default();
    if failed.is_empty() { Ok(()) } else { Err(failed_records(&event, &failed, &log(&headers))) }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut event = Vec::new();
    io::stdin().lock().read_to_end(&mut event)?;
    Ok(event)
}

/// A URL of Lambda's API.
fn api(stack: &Url, path: &[&str]) -> Url {
    let mut url = stack.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["2015-03-31", "functions"]).extend(path);
    }
    url
}

/// The names of the stack's functions.
async fn names(client: &Client, stack: &Url) -> Option<Vec<String>> {
    let answer = client.get(api(stack, &[])).send().await.ok()?.bytes().await.ok()?;
    let answer: Value = serde_json::from_slice(&answer).ok()?;
    let functions = answer["Functions"].as_array()?.iter();
    Some(functions.filter_map(|function| Some(function["FunctionName"].as_str()?.to_owned())).collect())
}

/// The known name that the given one is probably a misspelling of, or all names.
fn hint(given: &str, names: &[String]) -> String {
    let distance = |name: &String| strsim::damerau_levenshtein(given, name);
    let nearest = names.iter().map(|name| (distance(name), name)).min();
    match nearest {
        Some((distance, name)) if distance * 3 <= name.len() => format!("did you mean `{name}`?"),
        _ => format!("the functions are {}", names.join(", ")),
    }
}

/// The last lines that the function logged.
fn log(headers: &HeaderMap) -> String {
    let log = headers.get("x-amz-log-result").and_then(|log| STANDARD.decode(log).ok());
    String::from_utf8(log.unwrap_or_default()).unwrap_or_default()
}

/// Which records failed, and what the function's log says about each.
fn failed_records(event: &[u8], failed: &[Option<String>], log: &str) -> Error {
    let event: Value = serde_json::from_slice(event).unwrap_or_default();
    let records = event.as_array().or_else(|| event["Records"].as_array()).map_or(&[][..], Vec::as_slice);
    let is_about = |record: &Value, id: &str| record["messageId"] == id || record["dynamodb"]["SequenceNumber"] == id;
    let failures = failed.iter().map(|id| {
        let Some(id) = id else { return "\n  a record without an identifier".to_owned() };
        let mut line = match records.iter().position(|record| is_about(record, id)) {
            Some(place) => format!("\n  record {} ({id})", place + 1),
            None => format!("\n  {id}, which is not in the event"),
        };
        for reason in log.lines().filter(|line| line.contains(id)).filter_map(|line| reason(line, id)) {
            let _ = write!(line, ": {reason}");
        }
        line
    });
    Error::FailedRecords { records: records.len(), failures: failures.collect() }
}

/// A function's log line about a record: its message and the fields that tell more.
fn reason(line: &str, id: &str) -> Option<String> {
    let fields: Map<String, Value> = serde_json::from_str(line).ok()?;
    let mut text = fields.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (name, value) in &fields {
        if !matches!(name.as_str(), "timestamp" | "level" | "message" | "target" | "span") && value != id {
            let _ = write!(text, " {name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_gets_the_nearest_one_and_another_gets_all() {
        let names = ["create-contact", "me", "record-consent", "record-message"].map(str::to_owned);
        for given in ["recrod-message", "record_message", "recordmessage", "record-messages"] {
            assert_eq!(hint(given, &names), "did you mean `record-message`?");
        }
        assert_eq!(hint("unknown", &names), "the functions are create-contact, me, record-consent, record-message");
    }

    #[test]
    fn failed_records_are_named_with_what_the_log_says() {
        let event = br#"{"Records":[{"messageId":"a"},{"messageId":"b"},{"dynamodb":{"SequenceNumber":"7"}}]}"#;
        let log = "not JSON about b\n\
                   {\"level\":\"WARN\",\"message\":\"a record failed\",\"message_id\":\"b\",\"error\":\"ContactNotFound\"}\n";
        let failed = [Some("b".to_owned()), Some("7".to_owned()), Some("x".to_owned()), None];
        assert_eq!(
            failed_records(event, &failed, log).to_string(),
            "the function failed at 4 of 3 records:\n  \
             record 2 (b): a record failed error=ContactNotFound\n  \
             record 3 (7)\n  \
             x, which is not in the event\n  \
             a record without an identifier"
        );
    }
}
