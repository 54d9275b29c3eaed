//! EventBridge: publishing events.

use std::time::Duration;

use aws_sdk_eventbridge::config::Builder;
use aws_sdk_eventbridge::config::timeout::TimeoutConfig;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use contacts::aws::SdkConfig;
use contacts::backoff::Backoff;
use tokio::time::{Instant, timeout_at};

use super::feed_event::{FeedEvent, Refusal};

/// The source of the events.
const SOURCE: &str = "carnet";

/// The maximum number of entries of one PutEvents request.
const MAX_ENTRIES: usize = 10;
/// One PutEvents request, and so each entry, is smaller than this, in bytes as EventBridge counts them.
const MAX_BYTES: usize = 256 * 1024;
/// The bounds of the pauses between the attempts to send an entry.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_millis(400);
/// How many times an entry is sent at most.
const MAX_ATTEMPTS: u32 = 4;

/// An event bus.
pub(crate) struct EventBus {
    client: aws_sdk_eventbridge::Client,
    name: String,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It is on the bus.
    Published,
    /// It was not sent, or EventBridge did not accept it during any attempt. A later attempt can succeed.
    NotYet,
    /// It cannot be published.
    Refused(Refusal),
}

/// An entry of PutEvents, with the index of its event.
type Entry = (usize, PutEventsRequestEntry);

impl EventBus {
    /// The event bus with this name. `endpoint` overrides the region's EventBridge URL.
    pub(crate) fn new(sdk: &SdkConfig, name: String, endpoint: Option<String>) -> Self {
        // The feed has a minute, and an attempt that is aborted too early publishes its events twice.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_secs(3))
            .operation_timeout(Duration::from_secs(8))
            .build();
        let mut sdk = Builder::from(sdk).timeout_config(timeouts);
        sdk.set_endpoint_url(endpoint);
        EventBus { client: aws_sdk_eventbridge::Client::from_conf(sdk.build()), name }
    }

    /// Publishes events in order and returns what became of each.
    ///
    /// Each entry is sent at most four times, with backoff, and not after `deadline`. Each time, the SDK sends a request
    /// that is throttled or fails up to four times. Entries that are sent again follow later ones of the same request.
    /// After a request that has failed four times, later ones are not sent.
    pub(super) async fn publish(&self, events: &[FeedEvent], deadline: Instant) -> Vec<Delivery> {
        let (mut entries, mut deliveries) = (Vec::new(), Vec::with_capacity(events.len()));
        for (index, event) in events.iter().enumerate() {
            deliveries.push(match self.entry(event) {
                Ok(entry) => {
                    entries.push((index, entry));
                    Delivery::NotYet
                }
                Err(refusal) => Delivery::Refused(refusal),
            });
        }
        for request in requests(&entries) {
            self.send(request, &mut deliveries, deadline).await;
            if request.iter().any(|(index, _)| deliveries[*index] == Delivery::NotYet) {
                break;
            }
        }
        deliveries
    }

    /// Sends the entries of one request until each is published or refused, or the attempts are used up.
    async fn send(&self, request: &[Entry], deliveries: &mut [Delivery], deadline: Instant) {
        let mut waiting: Vec<&Entry> = request.iter().collect();
        let mut backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE);
        let mut together = MAX_ENTRIES;
        for attempt in 0..MAX_ATTEMPTS {
            if attempt > 0 {
                backoff.pause().await;
            }
            for entries in waiting.chunks(together) {
                let put = self.put(entries.iter().map(|(_, entry)| entry.clone()).collect());
                match timeout_at(deadline, put).await.unwrap_or_else(|_| Err("timed out".to_owned())) {
                    Ok(results) => {
                        for ((index, _), delivery) in entries.iter().zip(results) {
                            deliveries[*index] = delivery;
                        }
                    }
                    Err(code) if is_invalid(&code) && entries.len() == 1 => {
                        deliveries[entries[0].0] = Delivery::Refused(Refusal::Code(code));
                    }
                    Err(code) => {
                        tracing::warn!(error = code, "PutEvents failed");
                        // Sent alone, an invalid entry does not fail the others.
                        together = if is_invalid(&code) { 1 } else { together };
                        break;
                    }
                }
            }
            waiting.retain(|(index, _)| deliveries[*index] == Delivery::NotYet);
            if waiting.is_empty() || Instant::now() >= deadline {
                break;
            }
        }
        if !waiting.is_empty() {
            tracing::warn!(entries = waiting.len(), "events could not be published");
        }
    }

    /// Sends entries in one request. Returns what became of each, or the error code of the request.
    async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<Delivery>, String> {
        let answer = self.client.put_events().set_entries(Some(entries)).send().await;
        // Only the code: the message of an error may quote what was sent.
        let answer = answer.map_err(|error| {
            let code = error.as_service_error().and_then(|refusal| refusal.meta().code());
            code.unwrap_or("no response").to_owned()
        })?;
        let delivery = |code: Option<&str>| match code {
            None => Delivery::Published,
            Some(code) if is_transient(code) => Delivery::NotYet,
            Some(code) => Delivery::Refused(Refusal::Code(code.to_owned())),
        };
        Ok(answer.entries().iter().map(|entry| delivery(entry.error_code())).collect())
    }

    fn entry(&self, event: &FeedEvent) -> Result<PutEventsRequestEntry, Refusal> {
        let detail = serde_json::to_string(event).map_err(|_| Refusal::Serialization)?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(event.detail_type())
            .set_time(event.time().map(|time| DateTime::from_secs(time.as_second())))
            .detail(detail)
            .build();
        if size(&entry) >= MAX_BYTES { Err(Refusal::TooLarge) } else { Ok(entry) }
    }
}

/// Whether an entry that was refused with this code may be accepted later. The first two are those that AWS documents
/// as retryable, all others as not retryable:
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html>. The others are errors
/// of whole requests, of which the same holds.
fn is_transient(code: &str) -> bool {
    matches!(code, "InternalFailure" | "ThrottlingException" | "InternalException" | "ServiceUnavailable")
}

/// Whether a request was refused with this code because of what is in it.
fn is_invalid(code: &str) -> bool {
    matches!(code, "ValidationException" | "SerializationException" | "RequestEntityTooLargeException")
}

/// Splits entries into requests within these limits, in order.
fn requests(entries: &[Entry]) -> Vec<&[Entry]> {
    let mut requests = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (index, (_, entry)) in entries.iter().enumerate() {
        let size = size(entry);
        if index > from && (index - from == MAX_ENTRIES || bytes + size >= MAX_BYTES) {
            requests.push(&entries[from..index]);
            (from, bytes) = (index, 0);
        }
        bytes += size;
    }
    if from < entries.len() {
        requests.push(&entries[from..]);
    }
    requests
}

/// The size of an entry in bytes, as EventBridge counts it. The time counts as 14 bytes.
fn size(entry: &PutEventsRequestEntry) -> usize {
    let texts = [entry.source(), entry.detail_type(), entry.detail()];
    texts.into_iter().flatten().map(str::len).sum::<usize>() + 14
}
