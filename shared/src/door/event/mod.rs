//! Events: calls of other AWS services, and of whoever may invoke the function.
//!
//! | door | event | answer | failure |
//! |---|---|---|---|
//! | direct | an [`envelope`], or a list of them | the output, or a list | an error with a stable type |
//! | queue | SQS records, each with an envelope for a body | which of them failed | those come again |
//! | bus | an EventBridge event, its detail an envelope | nothing | the event comes again |
//!
//! Records of the table's stream are no calls: they are what `publish` publishes.
//!
//! An envelope names the tenant: who may send events is for IAM to say. No quota counts them.

mod batch;
mod envelope;
mod failure;
mod queue;
mod stream;

use lambda_http::http::Response;
use lambda_http::{Body, Request, RequestExt};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::Instrument;

pub(super) use failure::Failed;
pub(super) use stream::publish;

use super::{Action, time_left};
use crate::access::Access;
use crate::error::Error;
use crate::table::Table;
use batch::Batch;
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
    request: Request,
) -> Result<Response<Body>, Failed> {
    let context = request.lambda_context();
    let batch = Batch { access, table, until: Instant::now() + time_left(&context) };
    let span = tracing::info_span!("call", action = A::NAME, request_id = context.request_id);
    let Body::Text(event) = request.body() else { return Err(Failed::from(&Error::UnknownEvent("it is empty"))) };
    async {
        let answer = answer::<A>(&batch, event).await;
        match &answer {
            Ok(_) => tracing::info!("answered"),
            Err(error) => tracing::warn!(%error, "failed"),
        }
        // A text body goes out as the JSON it is.
        answer.map(|json| Response::new(Body::Text(json))).map_err(|error| Failed::from(&error))
    }
    .instrument(span)
    .await
}

async fn answer<A: Action>(batch: &Batch<'_>, event: &str) -> Result<String, Error> {
    if event.trim_start().starts_with('[') {
        let envelopes: Vec<&RawValue> =
            serde_json::from_str(event).map_err(|_| Error::UnknownEvent("it is no list of envelopes"))?;
        if envelopes.is_empty() {
            return Err(Error::UnknownEvent("it is an empty list"));
        }
        let calls = envelopes.into_iter().map(|envelope| Call::<A>::read(envelope.get())).collect();
        let results = batch.run(calls, false).await;
        return written(
            &results
                .iter()
                .map(|result| match result {
                    Ok(answer) => json!({ "output": answer.body }),
                    Err(error) => json!({ "error": failure::described(error) }),
                })
                .collect::<Vec<_>>(),
        );
    }
    let shape: Shape = serde_json::from_str(event).map_err(|_| Error::UnknownEvent("it is no JSON object"))?;
    match shape {
        Shape { records: Some(records), .. } => written(&queue::answer::<A>(batch, &records).await?),
        Shape { detail_type: Some(_), detail: Some(detail), .. } => {
            batch.one(Call::<A>::read(detail.get())?).await?;
            Ok("null".to_owned())
        }
        _ => written(&batch.one(Call::<A>::read(event)?).await?.body),
    }
}

fn written<T: Serialize>(answer: &T) -> Result<String, Error> {
    serde_json::to_string(answer).map_err(|error| Error::Internal(format!("writing an answer: {error}")))
}
