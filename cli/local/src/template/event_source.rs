//! Event source mappings: resources of type `AWS::Lambda::EventSourceMapping`, which connect the stream of a table or a
//! queue to a function.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::pattern::Pattern;
use super::resolve::{Names, ResourceKind};
use super::resource::properties;

/// An event source mapping of a table's stream.
#[derive(Debug, Clone)]
pub struct StreamMapping {
    /// The resource's name within the template.
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

/// What an event source mapping reads.
pub(super) enum EventSource {
    /// The stream of a table.
    Stream(StreamMapping),
    /// A queue, by its local name.
    Queue(String),
}

/// Properties of an event source mapping. Any other property is refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EventSourceMapping {
    event_source_arn: String,
    starting_position: Option<String>,
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
    #[serde(rename = "FunctionName")]
    _function: Value,
    // These affect cost and throughput only: here a batch is sent as soon as there are records, and one at a time.
    #[serde(rename = "MaximumBatchingWindowInSeconds")]
    _window: Option<Value>,
    #[serde(rename = "ParallelizationFactor")]
    _parallelization: Option<Value>,
    #[serde(rename = "ScalingConfig")]
    _scaling: Option<Value>,
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

impl EventSource {
    /// Reads the mapping called `id`: the logical id of its function, and what it reads.
    pub(super) fn from_resource(
        id: &str,
        mapping: &Value,
        names: &Names<'_>,
    ) -> Result<(String, Option<Self>), String> {
        let function = mapping["FunctionName"]["Ref"].as_str();
        let function = function.ok_or("FunctionName has to be a Ref of a function in this template")?.to_owned();
        let source = &mapping["EventSourceArn"];
        // The local stack has no queues. The sender of an SQS event decides how many messages are in it.
        if let Ok(queue) = names.owner(source, ResourceKind::Queue, "Arn") {
            return Ok((function, Some(Self::Queue(queue.to_owned()))));
        }
        let table = names.owner(source, ResourceKind::Table, "StreamArn");
        let table = table.map_err(|reason| format!("EventSourceArn: {reason}, nor the Arn of a queue"))?.to_owned();
        let mut mapping = mapping.clone();
        // The references that are left resolve to text and numbers.
        mapping["EventSourceArn"] = table.into();
        mapping["FunctionName"] = function.as_str().into();
        let stream = StreamMapping::from_properties(id, properties(&names.resolved(&mapping)?)?)?;
        Ok((function, stream.map(Self::Stream)))
    }
}

impl StreamMapping {
    /// `None` if the mapping is disabled.
    fn from_properties(id: &str, mapping: EventSourceMapping) -> Result<Option<Self>, String> {
        if !flag("Enabled", mapping.enabled.as_ref())?.unwrap_or(true) {
            return Ok(None);
        }
        let filters = mapping.filter_criteria.filters.iter().map(|filter| {
            let pattern = serde_json::from_str(&filter.pattern).map_err(|error| error.to_string());
            pattern.and_then(|pattern| Pattern::parse(&pattern)).map_err(|reason| format!("FilterCriteria: {reason}"))
        });
        let starting_position = match mapping.starting_position.as_deref() {
            Some("TRIM_HORIZON") => StartingPosition::TrimHorizon,
            Some("LATEST") => StartingPosition::Latest,
            Some(other) => return Err(format!("StartingPosition: the local stack doesn't support `{other}`")),
            None => return Err("a mapping of a stream needs StartingPosition".to_owned()),
        };
        let batch_size = whole("BatchSize", mapping.batch_size.as_ref())?.unwrap_or(100);
        Ok(Some(Self {
            name: id.to_owned(),
            table: mapping.event_source_arn,
            starting_position,
            batch_size: usize::try_from(batch_size).unwrap_or_default().max(1),
            retries: whole("MaximumRetryAttempts", mapping.maximum_retry_attempts.as_ref())?,
            max_age: whole("MaximumRecordAgeInSeconds", mapping.maximum_record_age_in_seconds.as_ref())?
                .map(|seconds| Duration::from_secs(seconds.into())),
            bisect: flag("BisectBatchOnFunctionError", mapping.bisect_batch_on_function_error.as_ref())?
                .unwrap_or(false),
            reports_failures: mapping.function_response_types.iter().any(|each| each == "ReportBatchItemFailures"),
            filters: filters.collect::<Result<_, _>>()?,
            on_failure: mapping.destination_config.into_text(),
        }))
    }
}

impl DestinationConfig {
    /// The destination's ARN.
    pub(super) fn into_text(self) -> Option<String> {
        self.on_failure.map(|destination| destination.destination)
    }
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
