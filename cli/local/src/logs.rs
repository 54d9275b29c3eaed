//! Log lines: of the stack itself, of HTTP calls, and of the functions.
//!
//! On a terminal they are worded for people: one line per HTTP call, and of the functions' own lines the warnings and
//! errors. Everywhere else each line is a JSON object, so that programs can read them; the functions' lines pass
//! unchanged. A query string is never logged, because it may hold a phone number.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::lock::lock;

/// Where log lines go, and in which format.
#[derive(Debug, Clone)]
pub enum Logs {
    /// To standard error, worded for people. Of the functions' JSON lines only those of level `WARN` and `ERROR` are
    /// shown, or all of them if `AWS_LAMBDA_LOG_LEVEL` is set.
    Text,
    /// To standard error, one JSON object per line.
    Json,
    /// Into memory, for tests.
    Collect(LogLines),
}

/// Collected log lines. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct LogLines(Arc<Mutex<Collected>>);

#[derive(Debug, Default)]
struct Collected {
    lines: Vec<String>,
    calls: Vec<String>,
}

impl LogLines {
    /// The lines of the functions and of the stack so far. Complete once the stack has stopped.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.0).lines.clone()
    }

    /// The lines about HTTP calls so far, as a terminal shows them.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.0).calls.clone()
    }
}

/// An HTTP call that has been answered.
pub(crate) struct HttpCall {
    /// The method.
    pub(crate) method: String,
    /// The path, without the query string.
    pub(crate) path: String,
    /// The response's status.
    pub(crate) status: u16,
    /// From the whole request to the whole response.
    pub(crate) took: Duration,
    /// The function that was invoked, if any.
    pub(crate) function: Option<String>,
}

impl HttpCall {
    fn text(&self) -> String {
        let function = self.function.as_ref().map_or_else(String::new, |function| format!(" {function}"));
        format!("{} {} {} {} ms{function}", self.method, self.path, self.status, self.took.as_millis())
    }

    fn json(&self) -> Value {
        json!({
            "timestamp": Timestamp::now().to_string(), "level": "INFO", "message": "http call", "method": self.method,
            "path": self.path, "status": self.status, "ms": self.took.as_millis(), "function": self.function,
        })
    }
}

impl Logs {
    /// [`Logs::Text`] if standard error is a terminal, else [`Logs::Json`].
    pub fn for_stderr() -> Self {
        if io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }

    /// Adds a line of the stack's own.
    pub(crate) fn say(&self, line: &str) {
        match self {
            Self::Text => print(line),
            Self::Json => {
                let time = Timestamp::now().to_string();
                print(&json!({ "timestamp": time, "level": "INFO", "message": line }).to_string());
            }
            Self::Collect(lines) => lock(&lines.0).lines.push(line.to_owned()),
        }
    }

    /// Adds the line of an HTTP call.
    pub(crate) fn http_call(&self, call: &HttpCall) {
        match self {
            Self::Text => print(&call.text()),
            Self::Json => print(&call.json().to_string()),
            Self::Collect(lines) => lock(&lines.0).calls.push(call.text()),
        }
    }

    /// Adds a line that a function has written.
    pub(crate) fn function_line(&self, function: &str, line: &str) {
        match self {
            Self::Text => {
                let all = env::var_os("AWS_LAMBDA_LOG_LEVEL").is_some();
                if let Some(line) = readable(function, line, all) {
                    print(&line);
                }
            }
            Self::Json => print(line),
            Self::Collect(lines) => lock(&lines.0).lines.push(line.to_owned()),
        }
    }
}

/// Writes a line to standard error. The stack runs even if that is closed.
fn print(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A function's line worded for people: `WARN create-contact: message key=value`. What is not a JSON object with a
/// level, such as the message of a panic, is shown as it is.
fn readable(function: &str, line: &str, all: bool) -> Option<String> {
    let fields = serde_json::from_str::<Map<String, Value>>(line).ok();
    let Some((fields, level)) = fields.as_ref().and_then(|fields| Some((fields, fields.get("level")?.as_str()?)))
    else {
        return Some(format!("{function}: {line}"));
    };
    if !all && !matches!(level, "WARN" | "ERROR") {
        return None;
    }
    let mut text = format!("{level} {function}:");
    text.extend(fields.get("message").map(|message| format!(" {}", plain(message))));
    let span = fields.get("span").and_then(Value::as_object).into_iter().flatten().filter(|(name, _)| *name != "name");
    for (name, value) in fields.iter().chain(span) {
        if !matches!(name.as_str(), "level" | "message" | "timestamp" | "span") {
            text.push_str(&format!(" {name}={}", plain(value)));
        }
    }
    Some(text)
}

/// A value as text; control characters, which a terminal would obey, stay escaped.
fn plain(value: &Value) -> String {
    match value.as_str() {
        Some(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_one_line_with_status_and_duration() {
        let mut call = HttpCall {
            method: "POST".into(),
            path: "/api/v1/actions/create-contact".into(),
            status: 201,
            took: Duration::from_micros(12_700),
            function: Some("create-contact".into()),
        };
        assert_eq!(call.text(), "POST /api/v1/actions/create-contact 201 12 ms create-contact");
        let json = call.json();
        assert_eq!(
            (&json["status"], &json["ms"], &json["function"]),
            (&201.into(), &12.into(), &"create-contact".into())
        );
        call.function = None;
        assert!(call.text().ends_with(" 12 ms"));
    }

    #[test]
    fn a_terminal_shows_warnings_and_what_is_not_json() {
        let line = r#"{"timestamp":"2026-01-01T00:00:00Z","level":"WARN","message":"throttled","attempt":2,"op":"PutItem","span":{"name":"event","request_id":"r"}}"#;
        assert_eq!(readable("me", line, false).unwrap(), "WARN me: throttled attempt=2 op=PutItem request_id=r");
        let bell = r#"{"level":"ERROR","message":"a\u0007"}"#;
        assert_eq!(readable("me", bell, false).unwrap(), r#"ERROR me: "a\u0007""#);
        let info = r#"{"level":"INFO","message":"answered"}"#;
        assert_eq!(readable("me", info, false), None);
        assert_eq!(readable("me", info, true).unwrap(), "INFO me: answered");
        assert_eq!(readable("me", "thread 'main' panicked", false).unwrap(), "me: thread 'main' panicked");
    }
}
