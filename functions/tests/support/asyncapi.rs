//! The AsyncAPI document, and whether an event is documented in it.
//!
//! Every event that a function accepts in a test, its answer, everything that is published on the bus and every dead
//! letter passes a check. It fails with a sentence that names the message of the document to change.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::{Value, json};

use super::InvocationOutcome;

/// The file to change when a failure names a message.
const FILE: &str = "functions/src/events/asyncapi.yaml";

/// The document's name for its own references. Nothing is fetched.
const NAME: &str = "carnet:asyncapi";

/// The channel of direct invocations.
const FUNCTIONS: &str = "Functions";

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let document = serde_saphyr::from_str(include_str!("../../src/events/asyncapi.yaml"));
    document.unwrap_or_else(|error| panic!("{FILE}: {error}"))
});

/// Compiled schemas, by the name of their message.
static SCHEMAS: LazyLock<Mutex<(Schemas, HashMap<String, SchemaIndex>)>> = LazyLock::new(Mutex::default);

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// An operation with which a function receives events.
#[derive(Debug)]
pub struct Receives {
    /// The function's executable.
    pub function: &'static str,
    /// The name of the channel.
    pub channel: &'static str,
    /// The name of the message, a key of `components.messages`.
    pub message: &'static str,
    /// The name of the message with which it answers; `None` if it does not.
    pub answer: Option<&'static str>,
}

/// Every operation with which one function receives one kind of events.
pub fn receives() -> Vec<Receives> {
    let operations = document()["operations"].as_object().unwrap().values();
    let receives = operations.filter(|operation| operation["action"] == "receive").filter_map(|operation| {
        Some(Receives {
            function: operation["x-function"].as_str()?,
            channel: last(&operation["channel"]),
            message: last(&operation["messages"][0]),
            answer: operation["reply"]["messages"].as_array().map(|messages| last(&messages[0])),
        })
    });
    receives.collect()
}

/// The last part of a reference.
fn last(reference: &'static Value) -> &'static str {
    reference["$ref"].as_str().unwrap().rsplit('/').next().unwrap()
}

/// The examples of a message.
pub fn examples(message: &str) -> impl Iterator<Item = &'static Value> {
    let examples = document()["components"]["messages"][message]["examples"].as_array();
    examples.into_iter().flatten().map(|example| &example["payload"])
}

/// The schema of a message's payload, without a reference.
pub fn schema(message: &str) -> &'static Value {
    follow(&document()["components"]["messages"][message]["payload"])
}

/// What a reference leads to, or the value itself.
pub fn follow(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => document().pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// Validates the payload of a message. The error names the pointer of each value that does not fit, and what its schema
/// asks for.
pub fn validate(message: &str, payload: &Value) -> Result<(), String> {
    let mut schemas = SCHEMAS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (schemas, compiled) = &mut *schemas;
    let index = *compiled.entry(message.to_owned()).or_insert_with(|| {
        let mut compiler = Compiler::new();
        // The dialect of AsyncAPI's own schemas.
        compiler.set_default_draft(Draft::V7);
        compiler.enable_format_assertions();
        compiler.add_resource(NAME, document().clone()).unwrap();
        let place = format!("{NAME}#/components/messages/{message}/payload");
        compiler.compile(&place, schemas).unwrap_or_else(|error| panic!("{FILE}: {message}: {error:#}"))
    });
    schemas.validate(payload, index).map_err(|error| {
        let text = format!("{error:#}");
        text.split_once('\n').map_or(text.clone(), |(_, violations)| violations.to_owned())
    })
}

#[track_caller]
fn expect(what: &str, message: &str, payload: &Value) {
    if let Err(violations) = validate(message, payload) {
        panic!("{what} does not fit the message {message} of {FILE}:\n{violations}\n{payload}");
    }
}

/// Asserts that an event which a function has accepted is documented, and so is the answer or the error. Of a batch,
/// these are the records that have not failed. HTTP requests, and records of the table's stream, are not events of the
/// document.
#[track_caller]
pub fn check_invocation(function: &str, event: &Value, outcome: &InvocationOutcome) {
    let functions = document()["channels"][FUNCTIONS]["parameters"]["function"]["enum"].as_array().unwrap();
    let is_http = ["requestContext", "httpMethod", "rawPath"].iter().any(|key| event[key].is_object());
    if !functions.contains(&json!(function)) || is_http {
        return;
    }
    let output: Value = serde_json::from_slice(outcome.payload()).unwrap();
    let InvocationOutcome::Answered(_) = outcome else {
        // Errors of Lambda itself, such as `Runtime.ExitError`, are not Carnet's.
        if output["errorType"].as_str().is_some_and(|kind| !kind.contains('.')) {
            expect(&format!("the error of {function}"), "functionError", &output);
        }
        return;
    };
    let records = event["Records"].as_array().or(event.as_array());
    if let Some(records) = records {
        let failures = output["batchItemFailures"].as_array().unwrap();
        let failed = |record: &Value| failures.iter().any(|failure| failure["itemIdentifier"] == record["messageId"]);
        for record in records.iter().filter(|record| !failed(record)) {
            let body = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
            check_envelope(function, "SQS", &body);
        }
    } else if event["detail-type"].is_null() {
        check_envelope(function, "a direct invocation", event);
        let direct = |each: &Receives| each.function == function && each.channel == FUNCTIONS;
        let answer = receives().into_iter().find(direct).and_then(|operation| operation.answer);
        expect(&format!("the answer of {function}"), answer.unwrap_or("actionAnswer"), &output);
    } else {
        check_envelope(function, "an event bus", &event["detail"]);
        let from_bus = |each: &Receives| each.function == function && each.channel == "Bus";
        if let Some(operation) = receives().into_iter().find(from_bus)
            && event["detail-type"] == function
        {
            expect(&format!("an event that {function} accepts"), operation.message, event);
        }
    }
}

#[track_caller]
fn check_envelope(function: &str, source: &str, envelope: &Value) {
    let direct = |each: &Receives| each.function == function && each.channel == FUNCTIONS;
    let message = receives().into_iter().find(direct).map_or("contactAction", |operation| operation.message);
    expect(&format!("an envelope that {function} accepts from {source}"), message, envelope);
}

/// Asserts that every event on a bus is documented.
#[track_caller]
pub fn check_published(events: &[Value]) {
    for event in events.iter().filter(|event| event["source"] == "carnet") {
        let detail_type = &event["detail-type"];
        let messages = document()["channels"]["Bus"]["messages"].as_object().unwrap().keys();
        let mut messages = messages.filter(|name| document()["components"]["messages"][*name]["name"] == *detail_type);
        let message = messages.next().unwrap_or_else(|| {
            panic!("{detail_type} was published on the bus, and {FILE} does not document it: add it to channels.Bus")
        });
        expect("an event on the bus", message, event);
    }
}

/// Asserts that every dead letter is documented as a message of its queue.
#[track_caller]
pub fn check_dead_letters(letters: &[Value]) {
    'letters: for letter in letters {
        let Some(queue) = letter["destination"].as_str().and_then(|arn| arn.rsplit(':').next()) else { continue };
        let messages = document()["channels"][queue]["messages"].as_object();
        let messages = messages.unwrap_or_else(|| panic!("{FILE} does not document the dead-letter queue {queue}"));
        let mut problems = Vec::new();
        for message in messages.keys() {
            match validate(message, &letter["message"]) {
                Ok(()) => continue 'letters,
                Err(violations) => problems.push(format!("{message}:\n{violations}")),
            }
        }
        let problems = problems.join("\n");
        panic!("a dead letter in {queue} fits none of its messages in {FILE}:\n{problems}\n{}", letter["message"]);
    }
}
