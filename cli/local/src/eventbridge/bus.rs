//! PutEvents, and the rules of the event buses.
//!
//! A published event is kept in `events.jsonl` in the shape that a subscriber gets. A function whose rule matches is
//! invoked asynchronously: in no particular order, and with retries. For a queue whose rule matches, the event is kept
//! as the message that the queue would receive.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::aws::{ACCOUNT, bus_name, region};
use crate::body::{self, Unread};
use crate::event_log::EventLog;
use crate::lambda::async_invoke::AsyncInvoke;
use crate::lambda::dead_letters::DeadLetters;
use crate::lambda::pool::Pool;
use crate::lock::lock;
use crate::logs::Logs;
use crate::template::Rule;

/// The largest number of entries of a request.
const MAX_ENTRIES: usize = 10;
/// The largest size of all entries of a request, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// The largest body that is read, in bytes, so that one that is too large gets a worded error.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// The message of refusals that a test asked for.
const REFUSED: &str = "The local stack was told to refuse this.";

/// The prefix of `X-Amz-Target` for this service.
const SERVICE: &str = "AWSEvents.";

/// What an event bus refuses, with EventBridge's error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventRefusal {
    /// The entry.
    Entry(&'static str),
    /// The whole request that the entry is in.
    Request(&'static str),
}

/// Decides for each entry whether it is refused, for tests.
pub(crate) type Refuse = Box<dyn FnMut(&Value) -> Option<EventRefusal> + Send>;

/// The target of a rule.
pub(crate) enum Target {
    /// A function, which is invoked with the event.
    Function(Arc<Pool>),
    /// A queue, by its ARN, which receives the event as a message.
    Queue(String),
}

/// All event buses of a stack.
pub(crate) struct EventBuses {
    /// Their names.
    pub(crate) names: BTreeSet<String>,
    /// Their rules, one for each target.
    pub(crate) rules: Vec<(Rule, Target)>,
    /// The events that were published.
    pub(crate) published: EventLog,
    /// Makes entries and requests fail.
    pub(crate) refuse: Mutex<Option<Refuse>>,
    /// Invokes the functions among the targets.
    pub(crate) async_invoke: Arc<AsyncInvoke>,
    /// Keeps the messages for the queues among the targets.
    pub(crate) dead_letters: Arc<DeadLetters>,
    /// Gets a line for each event.
    pub(crate) logs: Logs,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Value>,
}

/// An entry of PutEvents.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entry {
    source: Option<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
    time: Option<f64>,
    resources: Vec<String>,
}

/// An event as a subscriber gets it. The detail keeps its spelling, so that `8742.00` stays `8742.00`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct BusEvent<'a> {
    version: &'a str,
    id: Uuid,
    detail_type: &'a str,
    source: &'a str,
    account: &'a str,
    time: String,
    region: String,
    resources: &'a [String],
    detail: &'a RawValue,
}

/// Why an entry is refused: EventBridge's code and message.
type EntryError = (&'static str, String);

/// Whether a request is addressed to EventBridge.
pub(crate) fn is_addressed(headers: &HeaderMap) -> bool {
    target(headers).is_some_and(|target| target.starts_with(SERVICE))
}

fn target(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amz-target")?.to_str().ok()
}

impl EventBuses {
    /// Answers a request to EventBridge.
    pub(crate) async fn answer(&self, headers: &HeaderMap, body: Body) -> Response {
        if target(headers) != Some("AWSEvents.PutEvents") {
            return error("UnknownOperationException", "the local stack supports only PutEvents of EventBridge");
        }
        let body = match body::read(body, BODY_LIMIT).await {
            Ok(body) => body,
            Err(Unread::TooLarge(_)) => return error("RequestEntityTooLargeException", "the request is too large"),
            Err(Unread::Aborted) => Bytes::new(),
        };
        let entries = match serde_json::from_slice::<PutEvents>(&body) {
            Ok(request) => request.entries,
            Err(reason) => return error("SerializationException", &reason.to_string()),
        };
        if entries.is_empty() || entries.len() > MAX_ENTRIES {
            let bound = if entries.is_empty() { "greater than or equal to 1" } else { "less than or equal to 10" };
            let message = format!(
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length {bound}"
            );
            return error("ValidationException", &message);
        }
        if entries.iter().map(size).sum::<usize>() > MAX_BYTES {
            return error("ValidationException", "Total size of the entries in the request is over the limit.");
        }
        let mut refusals = Vec::new();
        for entry in &entries {
            match lock(&self.refuse).as_mut().and_then(|refuse| refuse(entry)) {
                Some(EventRefusal::Request(code)) => return error(code, REFUSED),
                Some(EventRefusal::Entry(code)) => refusals.push(Some(code)),
                None => refusals.push(None),
            }
        }
        let mut failed = 0;
        let results = entries.iter().zip(refusals).map(|(entry, refusal)| match self.put(entry, refusal) {
            Ok(id) => json!({ "EventId": id }),
            Err((code, message)) => {
                failed += 1;
                json!({ "ErrorCode": code, "ErrorMessage": message })
            }
        });
        let results: Vec<Value> = results.collect();
        reply(StatusCode::OK, &json!({ "FailedEntryCount": failed, "Entries": results }))
    }

    /// From now on, `refuse` decides which entries and requests fail.
    pub(crate) fn refuse(&self, refuse: impl FnMut(&Value) -> Option<EventRefusal> + Send + 'static) {
        *lock(&self.refuse) = Some(Box::new(refuse));
    }

    /// Publishes one event, unless it is to be refused with the code `refusal`.
    fn put(&self, value: &Value, refusal: Option<&'static str>) -> Result<Uuid, EntryError> {
        let entry: Entry =
            serde_json::from_value(value.clone()).map_err(|error| ("InvalidArgument", error.to_string()))?;
        let source = required("Source", entry.source.as_deref())?;
        let detail_type = required("DetailType", entry.detail_type.as_deref())?;
        let detail = required("Detail", entry.detail.as_deref())?;
        if source.starts_with("aws.") {
            return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".into()));
        }
        let malformed = || ("MalformedDetail", "Detail is malformed.".to_owned());
        serde_json::from_str::<Map<String, Value>>(detail).map_err(|_| malformed())?;
        // Line breaks in valid JSON are only between values; an event has to be one line.
        let detail = detail.replace(['\n', '\r'], " ");
        let detail = serde_json::from_str::<&RawValue>(&detail).map_err(|_| malformed())?;
        let bus = bus_name(entry.event_bus_name.as_deref().unwrap_or("default"));
        if !self.names.contains(bus) {
            let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
            let message = format!("Event bus {bus} does not exist. Event buses: {}.", names.join(", "));
            return Err(("ResourceNotFoundException", message));
        }
        if let Some(code) = refusal {
            return Err((code, REFUSED.into()));
        }
        let time = entry.time.and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
        let event = BusEvent {
            version: "0",
            id: Uuid::new_v4(),
            detail_type,
            source,
            account: ACCOUNT,
            time: time.unwrap_or_else(Timestamp::now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            region: region(),
            resources: &entry.resources,
            detail,
        };
        self.publish(bus, &event).map_err(|error| ("InternalFailure", error.to_string()))?;
        Ok(event.id)
    }

    fn publish(&self, bus: &str, event: &BusEvent<'_>) -> std::io::Result<()> {
        let (text, value) = (serde_json::to_string(event)?, serde_json::to_value(event)?);
        self.published.add(text.clone())?;
        let rules = self.rules.iter().filter(|(rule, _)| rule.bus == bus && rule.pattern.matches(&value));
        let mut to = Vec::new();
        for (_, target) in rules {
            match target {
                Target::Function(function) => {
                    to.push(function.launch.name.as_str());
                    self.async_invoke.invoke(Arc::clone(function), text.clone().into());
                }
                Target::Queue(arn) => {
                    to.push(arn);
                    self.dead_letters.keep(arn, &text)?;
                }
            }
        }
        let to = if to.is_empty() { String::new() } else { format!(" → {}", to.join(", ")) };
        self.logs.say(&format!("{bus}: {} {} {}{to}", event.source, event.detail_type, event.id));
        Ok(())
    }

    /// The events published so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.published.documents()
    }
}

fn required<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, EntryError> {
    let missing = || {
        let message = format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
        ("InvalidArgument", message)
    };
    value.filter(|value| !value.is_empty()).ok_or_else(missing)
}

/// The size of an entry in bytes, as EventBridge counts it.
fn size(entry: &Value) -> usize {
    let length = |value: &Value| value.as_str().map_or(0, str::len);
    let fields = ["Source", "DetailType", "Detail"].map(|name| length(&entry[name]));
    let resources = entry["Resources"].as_array().map_or(0, |resources| resources.iter().map(length).sum());
    let time = if entry["Time"].is_null() { 0 } else { 14 };
    fields.iter().sum::<usize>() + resources + time
}

fn reply(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.1")], body.to_string()).into_response()
}

fn error(error_type: &str, message: &str) -> Response {
    let status =
        if error_type == "InternalException" { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
    reply(status, &json!({ "__type": error_type, "message": message }))
}
