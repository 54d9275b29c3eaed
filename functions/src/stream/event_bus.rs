//! EventBridge: publishing change events.

use std::time::Duration;

use aws_sdk_eventbridge::config::Builder;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use contacts::aws::SdkConfig;
use contacts::backoff::Backoff;
use tokio::time::{Instant, timeout_at};

use super::change_event::ChangeEvent;

/// The source of the events.
const SOURCE: &str = "carnet";

/// The maximum number of entries of one PutEvents request.
const MAX_ENTRIES: usize = 10;
/// The maximum size of one PutEvents request of Carnet, in bytes as EventBridge counts them.
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

impl EventBus {
    /// The event bus with this name. `endpoint` overrides the region's EventBridge URL.
    pub(crate) fn new(sdk: &SdkConfig, name: String, endpoint: Option<String>) -> Self {
        let mut sdk = Builder::from(sdk);
        sdk.set_endpoint_url(endpoint);
        EventBus { client: aws_sdk_eventbridge::Client::from_conf(sdk.build()), name }
    }

    /// Publishes events in order and returns how many of them, counted from the first, were published.
    ///
    /// Each request is sent at most four times, with backoff, and not after `deadline`; on top of that the
    /// SDK retries transport errors. Refused entries are sent again after later ones of the same request.
    /// After a failed request, later ones are not sent.
    pub(super) async fn publish(&self, events: &[ChangeEvent], deadline: Instant) -> usize {
        let entries: Vec<PutEventsRequestEntry> = events.iter().map_while(|event| self.entry(event)).collect();
        let mut published = 0;
        for request in requests(&entries) {
            let mut missing: Vec<usize> = (0..request.len()).collect();
            let mut backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE);
            for attempt in 0..MAX_ATTEMPTS {
                if attempt > 0 {
                    backoff.pause().await;
                }
                let put = self.put(missing.iter().map(|index| request[*index].clone()).collect());
                missing = match timeout_at(deadline, put).await.unwrap_or_else(|_| Err("timed out".to_owned())) {
                    Ok(refused) => refused.into_iter().filter_map(|index| missing.get(index).copied()).collect(),
                    Err(error) => {
                        tracing::warn!(error, "PutEvents failed");
                        missing
                    }
                };
                if missing.is_empty() || Instant::now() >= deadline {
                    break;
                }
            }
            if let Some(first) = missing.first() {
                tracing::warn!(entries = missing.len(), "events could not be published");
                return published + first;
            }
            published += request.len();
        }
        published
    }

    /// Sends entries and returns the indexes of those that were refused, or the error code.
    async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<usize>, String> {
        let answer = self.client.put_events().set_entries(Some(entries)).send().await;
        // Only the code: the message of an error may quote what was sent.
        let answer = answer.map_err(|error| {
            let code = error.as_service_error().and_then(|refusal| refusal.meta().code());
            code.unwrap_or("no response").to_owned()
        })?;
        let refused = answer.entries().iter().enumerate().filter(|(_, entry)| entry.error_code().is_some());
        Ok(refused.map(|(index, _)| index).collect())
    }

    /// The entry of an event; `None` if it cannot be serialized, which is logged.
    fn entry(&self, event: &ChangeEvent) -> Option<PutEventsRequestEntry> {
        let detail = serde_json::to_string(event);
        let detail = detail.inspect_err(|error| tracing::error!(%error, "an event could not be serialized")).ok()?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(event.kind.detail_type())
            .time(DateTime::from_secs(event.time.as_second()))
            .detail(detail);
        Some(entry.build())
    }
}

/// Splits entries into requests within these limits, in order.
fn requests(entries: &[PutEventsRequestEntry]) -> Vec<&[PutEventsRequestEntry]> {
    let mut requests = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (index, entry) in entries.iter().enumerate() {
        // EventBridge counts the time as 14 bytes.
        let texts = [entry.source(), entry.detail_type(), entry.detail()];
        let size = texts.into_iter().flatten().map(str::len).sum::<usize>() + 14;
        if index > from && (index - from == MAX_ENTRIES || bytes + size > MAX_BYTES) {
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
