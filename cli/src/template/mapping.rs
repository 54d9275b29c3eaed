//! What a function is called for besides HTTP: changes of a table, messages of a queue, events of a bus.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::properties;
use super::resolve::{Kind, Names};
use crate::pattern::Pattern;

/// A function's subscription to the stream of a table: an event of type `DynamoDB`.
#[derive(Debug, Clone)]
pub struct StreamMapping {
    /// The event's name within the function.
    pub name: String,
    /// The table, by its local name.
    pub table: String,
    /// Whether it begins with the oldest change there is, or with the next one.
    pub from_oldest: bool,
    /// How many records a call gets at most.
    pub batch_size: usize,
    /// How often a failed batch is tried again; without a number, until its records are too old.
    pub retries: Option<u32>,
    /// How old a record may become before it is given up.
    pub max_age: Option<Duration>,
    /// Whether a failed batch is cut in two.
    pub bisect: bool,
    /// Whether the function says which records it failed at.
    pub reports_failures: bool,
    /// A record is delivered if one of these matches it, or there is none.
    pub filters: Vec<Pattern>,
    /// Where the description of a batch goes that is given up.
    pub on_failure: Option<String>,
}

/// A function's subscription to an event bus: an event of type `EventBridgeRule`.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The event's name within the function.
    pub name: String,
    /// The bus, by its local name.
    pub bus: String,
    /// What it lets through.
    pub pattern: Pattern,
}

/// Properties of an event of type `DynamoDB`. One that isn't here is refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DynamoDb {
    stream: Value,
    starting_position: String,
    batch_size: Option<Value>,
    maximum_retry_attempts: Option<Value>,
    maximum_record_age_in_seconds: Option<Value>,
    bisect_batch_on_function_error: Option<Value>,
    #[serde(default)]
    function_response_types: Vec<String>,
    #[serde(default)]
    filter_criteria: FilterCriteria,
    #[serde(default)]
    destination_config: DestinationConfig,
    enabled: Option<Value>,
    // Both only make the cloud faster or cheaper: here a batch goes out with what is there, and in order.
    #[serde(rename = "MaximumBatchingWindowInSeconds")]
    _window: Option<Value>,
    #[serde(rename = "ParallelizationFactor")]
    _parallelization: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FilterCriteria {
    #[serde(default)]
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    pattern: String,
}

/// Where to report what is given up.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DestinationConfig {
    on_failure: Option<Destination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    destination: String,
}

/// Properties of an event of type `SQS`. One that isn't here is refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Sqs {
    queue: Value,
    // The local stack has no queues: whoever sends an event says how many messages are in it.
    #[serde(rename = "BatchSize")]
    _batch_size: Option<Value>,
    #[serde(rename = "MaximumBatchingWindowInSeconds")]
    _window: Option<Value>,
    #[serde(rename = "FunctionResponseTypes")]
    _response_types: Option<Value>,
    #[serde(rename = "FilterCriteria")]
    _filters: Option<Value>,
    #[serde(rename = "ScalingConfig")]
    _scaling: Option<Value>,
    #[serde(rename = "Enabled")]
    _enabled: Option<Value>,
}

/// Properties of an event of type `EventBridgeRule`. One that isn't here is refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EventBridgeRule {
    event_bus_name: Option<String>,
    pattern: Value,
    state: Option<String>,
    // What the bus does when it can't hand an event over. Here it always can; what becomes of a
    // function's own failure is said by the function.
    #[serde(rename = "RetryPolicy")]
    _retry_policy: Option<Value>,
    #[serde(rename = "DeadLetterConfig")]
    _dead_letters: Option<Value>,
    #[serde(rename = "RuleName")]
    _name: Option<Value>,
    #[serde(rename = "Target")]
    _target: Option<Value>,
}

impl StreamMapping {
    /// Reads the event called `name`, unless it is switched off.
    pub(super) fn from_event(name: &str, event: &Value, names: &Names<'_>) -> Result<Option<Self>, String> {
        let table = names.owner(&event["Stream"], Kind::Table, "StreamArn")?;
        let mut event = event.clone();
        // What is left is text and numbers.
        event["Stream"] = table.into();
        let event: DynamoDb = properties(&names.resolved(&event)?)?;
        if !flag("Enabled", event.enabled.as_ref())?.unwrap_or(true) {
            return Ok(None);
        }
        let filters = event.filter_criteria.filters.iter().map(|filter| {
            let pattern = serde_json::from_str(&filter.pattern).map_err(|error| error.to_string());
            pattern.and_then(|pattern| Pattern::parse(&pattern)).map_err(|reason| format!("FilterCriteria: {reason}"))
        });
        let from_oldest = match &*event.starting_position {
            "TRIM_HORIZON" => true,
            "LATEST" => false,
            other => return Err(format!("StartingPosition: the local stack can't begin at `{other}`")),
        };
        let batch_size = whole("BatchSize", event.batch_size.as_ref())?.unwrap_or(100);
        Ok(Some(Self {
            name: name.to_owned(),
            table: event.stream.as_str().unwrap_or_default().to_owned(),
            from_oldest,
            batch_size: usize::try_from(batch_size).unwrap_or_default().max(1),
            retries: whole("MaximumRetryAttempts", event.maximum_retry_attempts.as_ref())?,
            max_age: whole("MaximumRecordAgeInSeconds", event.maximum_record_age_in_seconds.as_ref())?
                .map(|seconds| Duration::from_secs(seconds.into())),
            bisect: flag("BisectBatchOnFunctionError", event.bisect_batch_on_function_error.as_ref())?.unwrap_or(false),
            reports_failures: event.function_response_types.iter().any(|each| each == "ReportBatchItemFailures"),
            filters: filters.collect::<Result<_, _>>()?,
            on_failure: event.destination_config.into_text(),
        }))
    }
}

impl Rule {
    /// Reads the event called `name`, unless it is switched off.
    pub(super) fn from_event(name: &str, event: &Value, names: &Names<'_>) -> Result<Option<Self>, String> {
        let event: EventBridgeRule = properties(&names.resolved(event)?)?;
        if event.state.as_deref() == Some("DISABLED") {
            return Ok(None);
        }
        let bus = event.event_bus_name.as_deref().map_or("default", bus_name);
        if bus != "default" && !names.of(Kind::Bus).any(|name| name == bus) {
            return Err(format!("EventBusName: there is no event bus `{bus}` in this template"));
        }
        let pattern = Pattern::parse(&event.pattern).map_err(|reason| format!("Pattern: {reason}"))?;
        Ok(Some(Self { name: name.to_owned(), bus: bus.to_owned(), pattern }))
    }
}

impl DestinationConfig {
    /// The destination's ARN.
    pub(super) fn into_text(self) -> Option<String> {
        self.on_failure.map(|destination| destination.destination)
    }
}

/// The queue an event of type `SQS` takes its messages from, by its local name.
pub(super) fn queue(event: &Value, names: &Names<'_>) -> Result<String, String> {
    let event: Sqs = properties(event)?;
    names.owner(&event.queue, Kind::Queue, "Arn").map(str::to_owned)
}

/// The bus an ARN or a name stands for.
pub(crate) fn bus_name(bus: &str) -> &str {
    bus.rsplit_once("event-bus/").map_or(bus, |(_, name)| name)
}

/// A whole number; AWS writes "without limit" as -1.
pub(super) fn whole(name: &str, value: Option<&Value>) -> Result<Option<u32>, String> {
    let Some(value) = value else { return Ok(None) };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.as_str() {
        "-1" => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("{name}: `{text}` is no whole number")),
    }
}

/// A flag; a parameter can only spell it as text.
fn flag(name: &str, value: Option<&Value>) -> Result<Option<bool>, String> {
    let Some(value) = value else { return Ok(None) };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_lowercase);
    text.parse().map(Some).map_err(|_| format!("{name}: `{text}` is neither true nor false"))
}
