//! The event sources other than HTTP: direct invocation, SQS and EventBridge.
//!
//! Every event carries an [envelope](envelope) with the id of its tenant. IAM decides who may send
//! events; the rate limit does not apply. This module must not know HTTP. Start reading at [`run_action`].
//!
//! | source | event | answer | failure |
//! |---|---|---|---|
//! | direct | an envelope | the action's answer | an error with a stable type |
//! | SQS (also through EventBridge Pipes) | records with an envelope as body | a partial batch response | failed records are redelivered |
//! | EventBridge | an event with an envelope as `detail` | `null` | an error; Lambda retries the event (twice in the template), then sends it to the dead-letter queue |

mod batch;
mod envelope;
mod error;
mod invocation;
mod runner;
mod sqs;

use aws_lambda_events::sqs::SqsMessage;
use contacts::access::Access;
use contacts::store::ContactsTable;
use lambda_http::Context;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::time::Instant;

pub(crate) use error::{EventError, InvocationError};
pub(crate) use invocation::logged;
pub(crate) use runner::{Grouped, OneByOne, Runner};

use crate::action::Action;
use crate::deadline::time_left;
use crate::json::to_raw;
use batch::{BatchContext, is_redelivery};
use envelope::Envelope;

/// The keys by which event sources are distinguished.
///
/// `aws_lambda_events` has a type for EventBridge events too. It parses the time with `chrono`, which adds 40 KB
/// to every function (measured), and of the event only `detail` is used.
#[derive(Deserialize)]
struct EventSourceKeys<'a> {
    /// SQS.
    #[serde(rename = "Records")]
    #[serde(borrow)]
    records: Option<&'a RawValue>,
    /// EventBridge.
    #[serde(rename = "detail-type")]
    detail_type: Option<IgnoredAny>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

/// Answers an event with an action.
pub(crate) async fn run_action<R: Runner>(
    access: &Access,
    table: &ContactsTable,
    event: &str,
    context: &Context,
) -> Result<Box<RawValue>, InvocationError> {
    let batch = BatchContext { access, table, deadline: Instant::now() + time_left(context) };
    logged(R::Action::NAME, access, context, respond::<R>(&batch, event)).await
}

async fn respond<R: Runner>(batch: &BatchContext<'_>, event: &str) -> Result<Box<RawValue>, EventError> {
    // EventBridge Pipes passes the records of a queue as a bare array.
    if event.trim_start().starts_with('[') {
        let records: Vec<SqsMessage> = parse(event, "the records are not SQS records")?;
        return Ok(to_raw(&sqs::respond::<R>(batch, records).await?)?);
    }
    match parse(event, "not a JSON object")? {
        EventSourceKeys { records: Some(records), .. } => {
            let records: Vec<SqsMessage> = parse(records.get(), "the records are not SQS records")?;
            Ok(to_raw(&sqs::respond::<R>(batch, records).await?)?)
        }
        EventSourceKeys { detail_type: Some(_), detail: Some(detail), .. } => {
            match batch.deliver_one(Envelope::<R::Action>::parse(detail.get())?).await {
                Ok(()) => {}
                Err(error) if is_redelivery::<R::Action>(&error) => tracing::info!("the event is a redelivery"),
                Err(error) => return Err(error),
            }
            Ok(to_raw(&())?)
        }
        _ => batch.run_one(Envelope::<R::Action>::parse(event)?).await,
    }
}

fn parse<'a, T: Deserialize<'a>>(event: &'a str, otherwise: &'static str) -> Result<T, EventError> {
    serde_json::from_str(event).map_err(|_| EventError::UnknownEvent(otherwise))
}
