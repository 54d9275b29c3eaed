//! Events: calls of other AWS services, and of whoever may invoke the function.
//!
//! | door | event | answer | failure |
//! |---|---|---|---|
//! | direct | an [`envelope`] | the output | an error with a stable type |
//! | queue | SQS records, each with an envelope for a body | which of them failed | those come again |
//! | bus | an EventBridge event, its detail an envelope | nothing | the event comes again |
//!
//! An envelope names the tenant: who may send events is for IAM to say. No quota counts them. Records
//! of the table's stream are no calls: they are what `publish` publishes.

mod batch;
mod envelope;
mod failure;
mod queue;
mod stream;

use lambda_http::Context;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;
use tracing::Instrument;

pub(super) use failure::Failed;
pub(super) use stream::publish;

use super::{Action, time_left};
use crate::access::Access;
use crate::error::Error;
use crate::table::Table;
use batch::{Batch, was_done_before};
use envelope::Call;

/// What an event may be, told by the keys it has.
#[derive(Deserialize)]
struct Shape<'a> {
    /// Of a queue.
    #[serde(rename = "Records", borrow)]
    records: Option<Vec<&'a RawValue>>,
    /// Of a bus.
    #[serde(rename = "detail-type", borrow)]
    detail_type: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

/// Answers an event with an action.
pub(super) async fn action<A: Action>(
    access: &Access,
    table: &Table,
    event: &str,
    context: &Context,
) -> Result<Box<RawValue>, Failed> {
    let batch = Batch { access, table, until: Instant::now() + time_left(context) };
    logged(A::NAME, context, answer::<A>(&batch, event)).await
}

async fn answer<A: Action>(batch: &Batch<'_>, event: &str) -> Result<Box<RawValue>, Error> {
    // Pipes hand over a queue's records as they are.
    if event.trim_start().starts_with('[') {
        let records: Vec<&RawValue> =
            serde_json::from_str(event).map_err(|_| Error::UnknownEvent("it is no list of records"))?;
        return written(&queue::answer::<A>(batch, &records).await?);
    }
    let shape: Shape = serde_json::from_str(event).map_err(|_| Error::UnknownEvent("it is no JSON object"))?;
    match shape {
        Shape { records: Some(records), .. } => written(&queue::answer::<A>(batch, &records).await?),
        Shape { detail_type: Some(_), detail: Some(detail), .. } => {
            match batch.one(Call::<A>::read(detail.get())?).await {
                Ok(_) => written(&()),
                Err(error) if was_done_before(&error) => {
                    failure::log(&error);
                    written(&())
                }
                Err(error) => Err(error),
            }
        }
        _ => batch.one(Call::<A>::read(event)?).await,
    }
}

/// Answers an event under its id; what goes wrong becomes the error that Lambda reports.
async fn logged(
    name: &str,
    context: &Context,
    answer: impl Future<Output = Result<Box<RawValue>, Error>>,
) -> Result<Box<RawValue>, Failed> {
    let request_id = context.request_id.as_str();
    let span = tracing::info_span!(
        "call",
        action = name,
        request_id,
        invocation_id = request_id,
        tenant_id = tracing::field::Empty
    );
    async {
        let answer = answer.await;
        match &answer {
            Ok(_) => tracing::info!("answered"),
            Err(error) => failure::log(error),
        }
        answer.map_err(|error| Failed::from(&error))
    }
    .instrument(span)
    .await
}

fn written<T: Serialize>(answer: &T) -> Result<Box<RawValue>, Error> {
    to_raw_value(answer).map_err(|error| Error::Internal(format!("writing an answer: {error}")))
}
