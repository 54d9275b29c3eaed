//! One message of a dead-letter queue: why it is there, and which ids it names. Neither is personal data; the body is.

use contacts::model::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::source::Source;

/// A message of a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) source: Source,
    /// SQS's id of the message. A message of a queue keeps its id, and functions log it.
    pub(super) id: String,
    /// When it was first sent, as Unix time in seconds.
    pub(super) sent_at: Option<i64>,
    /// How often it has been received, here and in the queue that it comes from.
    pub(super) receives: Option<u64>,
    /// EventBridge's code of why it could not deliver an event.
    pub(super) error_code: Option<String>,
    pub(super) body: String,
}

impl Letter {
    /// Why it is here.
    pub(super) fn reason(&self) -> String {
        let body = self.parsed();
        let text = |value: &Value| value.as_str().map(word);
        let reason = match self.source {
            Source::Message | Source::Consent | Source::State => {
                Some("failed at every receive; the function's log has the error under this id".to_owned())
            }
            Source::Bus | Source::Import => self.error_code.as_deref().map(word),
            Source::Invocation => {
                let error = text(&body["responsePayload"]["errorType"]);
                error.or_else(|| text(&body["requestContext"]["condition"]))
            }
            Source::Stream => {
                let reason = text(&body["detail"]["reason"]);
                reason.or_else(|| text(&body["requestContext"]["condition"]))
            }
        };
        reason.unwrap_or_else(|| "unknown".to_owned())
    }

    /// The ids that it names, without personal data: `tenant 6c1f…, function record-message, request …`.
    pub(super) fn about(&self) -> String {
        let body = self.parsed();
        let pairs: Vec<(&str, &Value)> = match self.source {
            Source::Message | Source::Consent | Source::State => vec![("tenant", &body["tenant_id"])],
            Source::Bus => vec![
                ("tenant", &body["detail"]["tenant_id"]),
                ("event", &body["id"]),
                ("type", &body["detail-type"]),
                ("from", &body["source"]),
            ],
            Source::Invocation => {
                let payload = &body["requestPayload"];
                let tenant =
                    if payload["detail"].is_object() { &payload["detail"]["tenant_id"] } else { &payload["tenant_id"] };
                vec![
                    ("tenant", tenant),
                    ("function", &body["requestContext"]["functionArn"]),
                    ("request", &body["requestContext"]["requestId"]),
                    ("event", &payload["id"]),
                ]
            }
            // The name of the file may be personal.
            Source::Import => vec![("event", &body["id"]), ("time", &body["time"])],
            Source::Stream if body["DDBStreamBatchInfo"].is_object() => {
                let batch = &body["DDBStreamBatchInfo"];
                vec![
                    ("records", &batch["batchSize"]),
                    ("from", &batch["approximateArrivalOfFirstRecord"]),
                    ("to", &batch["approximateArrivalOfLastRecord"]),
                    ("shard", &batch["shardId"]),
                ]
            }
            Source::Stream => vec![
                ("tenant", &body["detail"]["tenant_id"]),
                ("item", &body["detail"]["item"]),
                ("change", &body["detail"]["detail_type"]),
                ("event", &body["detail"]["event_id"]),
                ("record", &body["detail"]["sequence_number"]),
            ],
        };
        let named = pairs.into_iter().filter_map(|(name, value)| {
            let value = match value {
                Value::String(text) => word(text),
                Value::Number(number) => number.to_string(),
                _ => return None,
            };
            // Of a function's ARN, the name is enough.
            let value = if name == "function" { function_name(&value) } else { value };
            Some(format!("{name} {value}"))
        });
        named.collect::<Vec<_>>().join(", ")
    }

    /// For programs. With `with_body`, also the message itself.
    pub(super) fn document(&self, with_body: bool) -> Value {
        let mut document = json!({
            "queue": self.source.name(),
            "message_id": self.id,
            "sent_at": self.sent_at.and_then(|second| Timestamp::from_second(second).ok()),
            "receives": self.receives,
            "reason": self.reason(),
            "about": self.about(),
        });
        if with_body {
            document["body"] = self.body.clone().into();
        }
        document
    }

    fn parsed(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What is sent again of a failed invocation: the function's ARN, without the version `$LATEST`, and the event as it is
/// spelled in the message.
///
/// # Errors
/// Why it cannot be sent again.
#[cfg_attr(not(feature = "cloud"), allow(dead_code))]
pub(super) fn invocation(body: &str) -> Result<(String, String), &'static str> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failed<'a> {
        request_context: Context,
        #[serde(borrow)]
        request_payload: &'a RawValue,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Context {
        function_arn: String,
    }
    let failed: Failed<'_> =
        serde_json::from_str(body).map_err(|_| "a message does not say which function it invoked with what")?;
    let function = failed.request_context.function_arn;
    let function = function.strip_suffix(":$LATEST").unwrap_or(&function).to_owned();
    Ok((function, failed.request_payload.get().to_owned()))
}

/// What is put on the bus again of an event that could not be delivered: source, detail type and detail, the last one as
/// it is spelled in the message.
///
/// # Errors
/// Why it cannot be sent again.
#[cfg_attr(not(feature = "cloud"), allow(dead_code))]
pub(super) fn event(body: &str) -> Result<[String; 3], &'static str> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Event<'a> {
        source: String,
        detail_type: String,
        #[serde(borrow)]
        detail: &'a RawValue,
    }
    let event: Event<'_> = serde_json::from_str(body).map_err(|_| "a message is not an event of EventBridge")?;
    Ok([event.source, event.detail_type, event.detail.get().to_owned()])
}

/// The name of the function in an ARN: without stack and version it is the third part from the end, or the last one.
fn function_name(arn: &str) -> String {
    let name = arn.split_once(":function:").map_or(arn, |(_, name)| name);
    name.split(':').next().unwrap_or(name).to_owned()
}

/// Text that a program wrote, at most 200 characters of it, without control characters.
fn word(text: &str) -> String {
    crate::output::plain(&text.chars().take(200).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(source: Source, body: Value) -> Letter {
        let (id, body) = ("m-1".to_owned(), body.to_string());
        Letter { source, id, sent_at: Some(1_795_262_400), receives: Some(11), error_code: None, body }
    }

    #[test]
    fn letters_name_reasons_and_ids_and_no_person() {
        let input = json!({ "phone": "+14155550123", "name": "Jane" });
        let envelope = json!({ "tenant_id": "t-1", "input": input });
        let invoked = json!({ "functionArn": "arn:aws:lambda:eu-west-1:1:function:carnet-record-message:$LATEST", "requestId": "r-1" });
        let failed = |payload: &Value| json!({ "requestContext": invoked, "requestPayload": payload, "responsePayload": { "errorType": "UnknownTenant" } });
        let event = json!({ "id": "e-1", "detail-type": "record-message", "source": "shop", "detail": envelope });
        let undelivered = Letter { error_code: Some("NO_PERMISSIONS".into()), ..letter(Source::Bus, event.clone()) };
        let batch = json!({ "batchSize": 3, "shardId": "shardId-1", "startSequenceNumber": "1" });
        let cases = [
            (
                letter(Source::State, envelope.clone()),
                "failed at every receive; the function's log has the error under this id",
                "tenant t-1",
            ),
            (
                letter(Source::Message, json!("Jane")),
                "failed at every receive; the function's log has the error under this id",
                "",
            ),
            (
                letter(Source::Invocation, failed(&envelope)),
                "UnknownTenant",
                "tenant t-1, function carnet-record-message, request r-1",
            ),
            (
                letter(Source::Invocation, failed(&event)),
                "UnknownTenant",
                "tenant t-1, function carnet-record-message, request r-1, event e-1",
            ),
            (undelivered, "NO_PERMISSIONS", "tenant t-1, event e-1, type record-message, from shop"),
            (
                letter(
                    Source::Stream,
                    json!({ "requestContext": { "condition": "RetryAttemptsExhausted" }, "DDBStreamBatchInfo": batch }),
                ),
                "RetryAttemptsExhausted",
                "records 3, shard shardId-1",
            ),
        ];
        let cases = cases.into_iter().chain([(
            letter(
                Source::Stream,
                json!({
                    "detail-type": "stream-record.unpublished",
                    "detail": { "tenant_id": "t-1", "item": "contact#c-1", "reason": "too large", "sequence_number": "7" },
                }),
            ),
            "too large",
            "tenant t-1, item contact#c-1, record 7",
        )]);
        for (letter, reason, about) in cases {
            assert_eq!((letter.reason(), letter.about()), (reason.to_owned(), about.to_owned()));
            let document = letter.document(false).to_string();
            assert!(!document.contains("Jane") && !document.contains("+1415"), "{document}");
            assert_eq!(letter.document(true)["body"], letter.body);
        }
    }

    #[test]
    fn what_is_sent_again_keeps_its_spelling() {
        let body = r#"{"requestContext":{"functionArn":"arn:x:function:f:$LATEST"},"requestPayload": {"n":8742.00},"responsePayload":null}"#;
        assert_eq!(invocation(body), Ok(("arn:x:function:f".to_owned(), r#"{"n":8742.00}"#.to_owned())));
        assert!(invocation(r#"{"requestContext":{}}"#).is_err() && invocation("Jane").is_err());
        let body = r#"{"source":"shop","detail-type":"record-message","id":"1","detail":{"n":1e2}}"#;
        assert_eq!(event(body), Ok(["shop", "record-message", r#"{"n":1e2}"#].map(str::to_owned)));
        assert!(event(r#"{"source":"shop"}"#).is_err());
    }
}
