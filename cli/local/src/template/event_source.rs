//! The event sources of a function besides HTTP and event buses: the stream of a table, a queue.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::pattern::Pattern;
use super::resolve::{Names, ResourceKind};
use super::resource::properties;

/// An event source mapping of a table's stream: an event of type `DynamoDB`.
#[derive(Debug, Clone)]
pub struct StreamMapping {
    /// The event's name within the function.
    pub name: String,
    /// The table, by its local name.
    pub table: String,
    /// Where a new mapping begins to read.
    pub starting_position: StartingPosition,
    /// The largest number of records per invocation.
    pub batch_size: usize,
    /// How often a failed batch is retried; `None` is until its records expire.
    pub retries: Option<u32>,
    /// Records older than this are not retried.
    pub max_age: Option<Duration>,
    /// Whether a failed batch is split in two before it is retried.
    pub bisect: bool,
    /// Whether the function answers with a partial batch response (`ReportBatchItemFailures`).
    pub reports_failures: bool,
    /// A record is delivered if one of these matches it, or if there are none.
    pub filters: Vec<Pattern>,
    /// The ARN of the destination of batches that failed after all retries.
    pub on_failure: Option<String>,
}

/// Where a new event source mapping begins to read a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartingPosition {
    /// `TRIM_HORIZON`: with the oldest record there is.
    TrimHorizon,
    /// `LATEST`: with the next record.
    Latest,
}

/// Properties of an event of type `DynamoDB`. Any other property is refused.
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
    // Both affect cost and throughput only: here a batch is sent as soon as there are records, and one at a time.
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

/// Where records go that failed after all retries.
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

/// Properties of an event of type `SQS`. Any other property is refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Sqs {
    queue: Value,
    // The local stack has no queues. The sender of an SQS event decides how many messages are in it.
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

impl StreamMapping {
    /// Reads the event called `name`; `None` if it is disabled.
    pub(super) fn from_event(name: &str, event: &Value, names: &Names<'_>) -> Result<Option<Self>, String> {
        let table = names.owner(&event["Stream"], ResourceKind::Table, "StreamArn")?;
        let mut event = event.clone();
        // The references that are left resolve to text and numbers.
        event["Stream"] = table.into();
        let event: DynamoDb = properties(&names.resolved(&event)?)?;
        if !flag("Enabled", event.enabled.as_ref())?.unwrap_or(true) {
            return Ok(None);
        }
        let filters = event.filter_criteria.filters.iter().map(|filter| {
            let pattern = serde_json::from_str(&filter.pattern).map_err(|error| error.to_string());
            pattern.and_then(|pattern| Pattern::parse(&pattern)).map_err(|reason| format!("FilterCriteria: {reason}"))
        });
        let starting_position = match &*event.starting_position {
            "TRIM_HORIZON" => StartingPosition::TrimHorizon,
            "LATEST" => StartingPosition::Latest,
            other => return Err(format!("StartingPosition: the local stack doesn't support `{other}`")),
        };
        let batch_size = whole("BatchSize", event.batch_size.as_ref())?.unwrap_or(100);
        Ok(Some(Self {
            name: name.to_owned(),
            table: event.stream.as_str().unwrap_or_default().to_owned(),
            starting_position,
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

impl DestinationConfig {
    /// The destination's ARN.
    pub(super) fn into_text(self) -> Option<String> {
        self.on_failure.map(|destination| destination.destination)
    }
}

/// The local name of the queue of an event of type `SQS`.
pub(super) fn queue(event: &Value, names: &Names<'_>) -> Result<String, String> {
    let event: Sqs = properties(event)?;
    names.owner(&event.queue, ResourceKind::Queue, "Arn").map(str::to_owned)
}

/// A whole number; `None` for -1, which is how AWS writes "no limit".
pub(super) fn whole(name: &str, value: Option<&Value>) -> Result<Option<u32>, String> {
    let Some(value) = value else { return Ok(None) };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.as_str() {
        "-1" => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("{name}: `{text}` is not a whole number")),
    }
}

/// A flag; one that comes from a parameter is text.
fn flag(name: &str, value: Option<&Value>) -> Result<Option<bool>, String> {
    let Some(value) = value else { return Ok(None) };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_lowercase);
    text.parse().map(Some).map_err(|_| format!("{name}: `{text}` is neither true nor false"))
}
