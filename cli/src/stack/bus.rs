//! The event buses: EventBridge's PutEvents, and the rules that pass events on to functions.
//!
//! What is published is kept in `events.jsonl` as a subscriber would get it. A function whose rule matches is called
//! as the bus calls it in the cloud: nobody waits, no order is kept, and a call that fails is made again.

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

use super::aws::{ACCOUNT, region};
use super::body::{self, Unread};
use super::journal::Journal;
use super::lock;
use super::logs::Logs;
use super::pool::Pool;
use super::unattended::Unattended;
use crate::template::{Rule, bus_name};

/// The most entries of a request, and the most bytes in them.
const ENTRIES: usize = 10;
const BYTES: usize = 256 * 1024;
/// The largest body that is read, to say what is wrong with it.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// How a client names the service.
const SERVICE: &str = "AWSEvents.";

/// Decides which entries fail.
type Refusal = Box<dyn FnMut(&Value) -> bool + Send>;

/// All buses of a stack.
pub(super) struct Bus {
    pub(super) names: BTreeSet<String>,
    pub(super) rules: Vec<(Rule, Arc<Pool>)>,
    pub(super) published: Journal,
    pub(super) refusal: Mutex<Option<Refusal>>,
    pub(super) unattended: Arc<Unattended>,
    pub(super) logs: Logs,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Value>,
}

/// An event that somebody wants published.
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

/// An event as a subscriber gets it. The detail is passed on as it is spelled.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Event<'a> {
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

/// Why an entry isn't taken: EventBridge's code and message.
type Refused = (&'static str, String);

/// Whether a request is for this service.
pub(super) fn is_addressed(headers: &HeaderMap) -> bool {
    target(headers).is_some_and(|target| target.starts_with(SERVICE))
}

fn target(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amz-target")?.to_str().ok()
}

impl Bus {
    /// Answers a request to the service.
    pub(super) async fn answer(&self, headers: &HeaderMap, body: Body) -> Response {
        if target(headers) != Some("AWSEvents.PutEvents") {
            return error("UnknownOperationException", "the local stack's event bus knows PutEvents only");
        }
        let body = match body::read(body, BODY_LIMIT).await {
            Ok(body) => body,
            Err(Unread::TooLarge(_)) => return error("RequestEntityTooLargeException", "the request is too large"),
            Err(Unread::Cut) => Bytes::new(),
        };
        let entries = match serde_json::from_slice::<PutEvents>(&body) {
            Ok(request) => request.entries,
            Err(reason) => return error("SerializationException", &reason.to_string()),
        };
        if entries.is_empty() || entries.len() > ENTRIES {
            let bound = if entries.is_empty() { "greater than or equal to 1" } else { "less than or equal to 10" };
            let message = format!(
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length {bound}"
            );
            return error("ValidationException", &message);
        }
        if entries.iter().map(size).sum::<usize>() > BYTES {
            return error("ValidationException", "Total size of the entries in the request is over the limit.");
        }
        let mut failed = 0;
        let results = entries.iter().map(|entry| match self.put(entry) {
            Ok(id) => json!({ "EventId": id }),
            Err((code, message)) => {
                failed += 1;
                json!({ "ErrorCode": code, "ErrorMessage": message })
            }
        });
        let results: Vec<Value> = results.collect();
        reply(StatusCode::OK, &json!({ "FailedEntryCount": failed, "Entries": results }))
    }

    /// Events for which `refuse` says so fail from now on.
    pub(super) fn refuse(&self, refuse: impl FnMut(&Value) -> bool + Send + 'static) {
        *lock(&self.refusal) = Some(Box::new(refuse));
    }

    /// Publishes one event.
    fn put(&self, value: &Value) -> Result<Uuid, Refused> {
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
        // Line breaks can only be between its values; an event is one line.
        let detail = detail.replace(['\n', '\r'], " ");
        let detail = serde_json::from_str::<&RawValue>(&detail).map_err(|_| malformed())?;
        let bus = bus_name(entry.event_bus_name.as_deref().unwrap_or("default"));
        if !self.names.contains(bus) {
            return Err(("ResourceNotFoundException", format!("Event bus {bus} does not exist.")));
        }
        if lock(&self.refusal).as_mut().is_some_and(|refuse| refuse(value)) {
            return Err(("InternalFailure", "The local stack was told to refuse this entry.".into()));
        }
        let time = entry.time.and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
        let event = Event {
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

    fn publish(&self, bus: &str, event: &Event<'_>) -> std::io::Result<()> {
        let (text, value) = (serde_json::to_string(event)?, serde_json::to_value(event)?);
        self.published.add(text.clone())?;
        let rules = self.rules.iter().filter(|(rule, _)| rule.bus == bus && rule.pattern.matches(&value));
        let mut to = Vec::new();
        for (_, function) in rules {
            to.push(function.launch.name.as_str());
            self.unattended.call(Arc::clone(function), text.clone().into());
        }
        let to = if to.is_empty() { String::new() } else { format!(" → {}", to.join(", ")) };
        self.logs.say(&format!("{bus}: {} {} {}{to}", event.source, event.detail_type, event.id));
        Ok(())
    }

    /// What has been published so far.
    pub(super) fn events(&self) -> Vec<Value> {
        self.published.documents()
    }
}

fn required<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, Refused> {
    let missing = || {
        let message = format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
        ("InvalidArgument", message)
    };
    value.filter(|value| !value.is_empty()).ok_or_else(missing)
}

/// An entry's size, as EventBridge counts it.
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

fn error(kind: &str, message: &str) -> Response {
    reply(StatusCode::BAD_REQUEST, &json!({ "__type": kind, "message": message }))
}
