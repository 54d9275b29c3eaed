//! The bus: EventBridge.

use std::time::Duration;

use aws_sdk_eventbridge::config::Builder;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_types::SdkConfig;
use tokio::time::{Instant, sleep, timeout_at};

use super::Event;
use crate::error::Error;

/// Who the events are from.
const SOURCE: &str = "carnet";

/// How many events one request may put.
const ENTRIES: usize = 10;
/// How large one request may be, in bytes as EventBridge counts them.
const BYTES: usize = 256 * 1024;
/// How often events that were refused are put again.
const ATTEMPTS: u32 = 4;

/// The bus events are put on.
pub struct Bus {
    client: aws_sdk_eventbridge::Client,
    name: String,
}

impl Bus {
    /// The bus of that name.
    pub(crate) fn new(sdk: &SdkConfig, name: String, endpoint: Option<String>) -> Self {
        let mut sdk = Builder::from(sdk);
        sdk.set_endpoint_url(endpoint);
        Bus { client: aws_sdk_eventbridge::Client::from_conf(sdk.build()), name }
    }

    /// Puts events on the bus, in order, and says how many of them, from the first one on, are there.
    /// What is refused is put again a few times, as long as there is time; later ones may be there
    /// before it.
    pub async fn publish(&self, events: &[Event], until: Instant) -> usize {
        let entries: Vec<PutEventsRequestEntry> = events.iter().map_while(|event| self.entry(event).ok()).collect();
        let mut published = 0;
        for request in requests(&entries) {
            let mut missing: Vec<usize> = (0..request.len()).collect();
            for attempt in 0..ATTEMPTS {
                if attempt > 0 {
                    sleep(Duration::from_millis(50 << attempt).mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                }
                let put = self.put(missing.iter().map(|place| request[*place].clone()).collect());
                missing = match timeout_at(until, put).await.unwrap_or(Err(Error::TimedOut)) {
                    Ok(refused) => refused.into_iter().filter_map(|place| missing.get(place).copied()).collect(),
                    Err(error) => {
                        tracing::warn!(%error, "events were not published");
                        missing
                    }
                };
                if missing.is_empty() || Instant::now() >= until {
                    break;
                }
            }
            if let Some(first) = missing.first() {
                tracing::warn!(missing = missing.len(), "events were refused");
                return published + first;
            }
            published += request.len();
        }
        published
    }

    /// Puts entries, and gives the places of those that were refused.
    async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<usize>, Error> {
        let answer = self.client.put_events().set_entries(Some(entries)).send().await;
        // The text of an error may quote what was sent.
        let answer = answer.map_err(|error| {
            let code = error.as_service_error().and_then(|refusal| refusal.meta().code());
            Error::Internal(format!("PutEvents: {}", code.unwrap_or("no answer")))
        })?;
        let refused = answer.entries().iter().enumerate().filter(|(_, entry)| entry.error_code().is_some());
        Ok(refused.map(|(place, _)| place).collect())
    }

    fn entry(&self, event: &Event) -> Result<PutEventsRequestEntry, Error> {
        let detail = serde_json::to_string(event);
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(event.kind.name())
            .time(DateTime::from_secs(event.time.as_second()))
            .detail(detail.map_err(|error| Error::Internal(format!("writing an event: {error}")))?);
        Ok(entry.build())
    }
}

/// Cuts entries into requests, in order, that EventBridge takes.
fn requests(entries: &[PutEventsRequestEntry]) -> Vec<&[PutEventsRequestEntry]> {
    let mut requests = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (place, entry) in entries.iter().enumerate() {
        // The time counts as 14 bytes.
        let texts = [entry.source(), entry.detail_type(), entry.detail()];
        let size = texts.into_iter().flatten().map(str::len).sum::<usize>() + 14;
        if place > from && (place - from == ENTRIES || bytes + size > BYTES) {
            requests.push(&entries[from..place]);
            (from, bytes) = (place, 0);
        }
        bytes += size;
    }
    if from < entries.len() {
        requests.push(&entries[from..]);
    }
    requests
}
