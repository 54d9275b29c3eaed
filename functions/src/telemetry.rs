//! Logs: one JSON object per line, for CloudWatch.
//!
//! Names, phone numbers, email addresses, bodies and tokens are never logged. Ids of requests, tenants
//! and contacts are: a contact id cannot be turned back into a phone number.

use std::fmt::{self, Debug};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging to standard output, at `AWS_LAMBDA_LOG_LEVEL` (default `INFO`, also for unknown values).
///
/// At `DEBUG`, the line of every call also has `read_units` and `write_units`: what its successful DynamoDB requests have
/// consumed.
///
/// The level applies to Carnet's own crates. All other crates log warnings and errors only, because
/// the lower levels of the AWS SDK show requests and responses.
pub fn init() {
    let level =
        std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let ours = Targets::new()
        .with_default(LevelFilter::WARN)
        // The runtime would log every failed event a second time.
        .with_target("lambda_runtime", LevelFilter::OFF)
        .with_target("contacts", level)
        .with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = layer().fmt_fields(JsonMembers).event_format(JsonLine);
    // Fails if a subscriber is set already, which then keeps logging.
    let _ = tracing_subscriber::registry().with(lines).with(ours).try_init();
}

/// Writes an event as an object with `timestamp`, `level`, the event's fields and, as `span`, the fields of the current
/// span. The JSON formatter of `tracing-subscriber` parses the fields of a span again for each event and for each field
/// that is added.
struct JsonLine;

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, JsonMembers> for JsonLine {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonMembers>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\",", event.metadata().level())?;
        context.format_fields(writer.by_ref(), event)?;
        if let Some(span) = context.lookup_current()
            && let Some(members) = span.extensions().get::<FormattedFields<JsonMembers>>()
        {
            write!(writer, ",\"span\":{{{}}}", members.fields)?;
        }
        writer.write_str("}\n")
    }
}

/// Writes fields as the members of a JSON object, without its braces.
struct JsonMembers;

impl<'a> FormatFields<'a> for JsonMembers {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'a>, fields: R) -> fmt::Result {
        let mut members = Members { writer, is_first: true, result: Ok(()) };
        fields.record(&mut members);
        members.result
    }

    fn add_fields(&self, current: &'a mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let is_first = current.fields.is_empty();
        let mut members = Members { writer: current.as_writer(), is_first, result: Ok(()) };
        fields.record(&mut members);
        members.result
    }
}

struct Members<'a> {
    writer: Writer<'a>,
    is_first: bool,
    result: fmt::Result,
}

impl Members<'_> {
    fn member(&mut self, field: &Field, value: &impl Serialize) {
        let separator = if std::mem::take(&mut self.is_first) { "" } else { "," };
        // A number that JSON does not have becomes `null`; text cannot fail.
        let value = serde_json::to_string(value).unwrap_or_default();
        self.result = self.result.and_then(|()| write!(self.writer, "{separator}\"{}\":{value}", field.name()));
    }
}

impl Visit for Members<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, &format!("{value:?}"));
    }
}
