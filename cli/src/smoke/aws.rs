//! Clients for a deployed stack, and direct invocations of its functions and of the local stack's.

use std::time::{Duration, Instant};

use aws_sdk_lambda::error::DisplayErrorContext;
use aws_sdk_lambda::types::{InvocationType, LogType};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use carnet_local::BoxError;
use serde_json::Value;

use super::wire::{Endpoint, Request};
use crate::cloud::{DeployedStack, config};

/// Clients for a deployed stack.
pub(super) struct Aws {
    /// Its outputs.
    pub(super) stack: DeployedStack,
    lambda: aws_sdk_lambda::Client,
    /// The alias that the event sources invoke, if there is one: [`ALIAS`].
    alias: Option<String>,
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) eventbridge: aws_sdk_eventbridge::Client,
}

/// The alias of gradual deployments. Where it exists, the template's settings of asynchronous invocations, such as the
/// destination of failed ones, are the alias's, and the function's plain name has none.
const ALIAS: &str = "live";

/// What invokes functions.
pub(super) enum Invoker<'a> {
    /// Lambda.
    Aws(&'a Aws),
    /// The local stack.
    Local(&'a Endpoint),
}

/// How an invocation ended.
pub(super) struct Invoked {
    /// `answered`, or the type of the error.
    pub(super) outcome: String,
    /// The answer or the error.
    pub(super) payload: String,
    /// The last 4 KB of the log.
    pub(super) log: String,
    /// How long it took.
    pub(super) took: Duration,
}

impl Invoker<'_> {
    /// Invokes a function, by the name of its executable, and waits for its answer.
    ///
    /// # Errors
    /// When the function is not invoked.
    pub(super) async fn invoke(&self, function: &str, event: &str) -> Result<Invoked, BoxError> {
        let begun = Instant::now();
        let (failed, payload, log) = match self {
            Self::Aws(aws) => {
                let name = aws.stack.function(function);
                let invoke = aws.lambda.invoke().function_name(&name).set_qualifier(aws.alias.clone());
                let invoke = invoke.log_type(LogType::Tail);
                let answer = invoke.payload(event.as_bytes().to_vec().into()).send().await;
                let answer = answer.map_err(|error| format!("{name}: {}", DisplayErrorContext(&error)))?;
                let payload = answer.payload.map(|payload| payload.into_inner()).unwrap_or_default();
                (answer.function_error.is_some(), payload, answer.log_result)
            }
            Self::Local(endpoint) => {
                let request = Request {
                    method: "POST".to_owned(),
                    target: format!("/2015-03-31/functions/{function}/invocations"),
                    headers: vec![("X-Amz-Log-Type".to_owned(), "Tail".to_owned())],
                    body: event.as_bytes().to_vec(),
                };
                let answer = endpoint.send(&request).await?;
                let log = answer.header("x-amz-log-result").map(str::to_owned);
                (answer.header("x-amz-function-error").is_some(), answer.body, log)
            }
        };
        let took = begun.elapsed();
        let payload = String::from_utf8_lossy(&payload).into_owned();
        let error = || serde_json::from_str::<Value>(&payload).ok()?["errorType"].as_str().map(str::to_owned);
        let outcome = if failed { error().unwrap_or_else(|| "failed".to_owned()) } else { "answered".to_owned() };
        let log = log.and_then(|log| STANDARD.decode(log).ok()).unwrap_or_default();
        Ok(Invoked { outcome, payload, log: String::from_utf8_lossy(&log).into_owned(), took })
    }
}

impl Aws {
    /// Describes a stack and makes its clients.
    ///
    /// # Errors
    /// When there are no credentials, or the stack does not exist or is not one of Carnet's template.
    pub(super) async fn connect(stack: &str) -> Result<Self, BoxError> {
        let config = config().await;
        let stack = DeployedStack::describe(&config, stack).await?;
        stack.output("Bus")?;
        let lambda = aws_sdk_lambda::Client::new(&config);
        // A dry run needs no other permission than an invocation. If it fails for another reason than that there is no
        // such alias, the invocations will say so.
        let dry_run = lambda.invoke().function_name(stack.function("record-message")).qualifier(ALIAS);
        let dry_run = dry_run.invocation_type(InvocationType::DryRun).send().await;
        Ok(Self {
            sqs: aws_sdk_sqs::Client::new(&config),
            eventbridge: aws_sdk_eventbridge::Client::new(&config),
            alias: dry_run.is_ok().then(|| ALIAS.to_owned()),
            stack,
            lambda,
        })
    }

    /// Begins an asynchronous invocation.
    ///
    /// # Errors
    /// When Lambda does not accept it.
    pub(super) async fn invoke_async(&self, function: &str, event: &str) -> Result<(), BoxError> {
        let name = self.stack.function(function);
        let invoke = self.lambda.invoke().function_name(&name).set_qualifier(self.alias.clone());
        let invoke = invoke.invocation_type(InvocationType::Event);
        let sent = invoke.payload(event.as_bytes().to_vec().into()).send().await;
        sent.map(drop).map_err(|error| format!("{name}: {}", DisplayErrorContext(&error)).into())
    }

    /// Puts an event on the stack's bus.
    ///
    /// # Errors
    /// When EventBridge refuses it.
    pub(super) async fn publish(&self, source: &str, detail_type: &str, detail: &str) -> Result<(), BoxError> {
        let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
            .event_bus_name(self.stack.output("Bus")?)
            .source(source)
            .detail_type(detail_type)
            .detail(detail)
            .build();
        let answer = self.eventbridge.put_events().entries(entry).send().await;
        let answer = answer.map_err(|error| DisplayErrorContext(&error).to_string())?;
        let refused = answer.entries.unwrap_or_default().into_iter().find_map(|entry| entry.error_code);
        refused.map_or(Ok(()), |code| Err(format!("EventBridge refused the event: {code}").into()))
    }

    /// Sends a message to the queue of this output.
    ///
    /// # Errors
    /// When SQS refuses it.
    pub(super) async fn send_message(&self, output: &str, body: &str) -> Result<(), BoxError> {
        let send = self.sqs.send_message().queue_url(self.stack.output(output)?).message_body(body).send();
        send.await.map(drop).map_err(|error| DisplayErrorContext(&error).to_string().into())
    }

    /// How many messages a queue has, approximately: those that can be received and those that are invisible.
    ///
    /// # Errors
    /// When SQS does not answer or refuses it.
    pub(super) async fn depth(&self, url: &str) -> Result<u64, BoxError> {
        let names = [Attribute::ApproximateNumberOfMessages, Attribute::ApproximateNumberOfMessagesNotVisible];
        let get = self.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec())).send();
        let answer = get.await.map_err(|error| DisplayErrorContext(&error).to_string())?;
        let attributes = answer.attributes.unwrap_or_default();
        Ok(names.iter().filter_map(|name| attributes.get(name)?.parse::<u64>().ok()).sum())
    }
}
