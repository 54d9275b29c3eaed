//! Start-up of a function, and the loop over Lambda's Runtime API.

use std::future::Future;

use contacts::access::{Access, Caller};
use contacts::aws::{SdkConfig, sdk_config};
use contacts::store::{AccessTable, Client, ContactsTable};
use lambda_http::http::Response;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, Context, LambdaEvent, Request, Service, lambda_runtime, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::action::{Action, BatchAction};
use crate::config::{ChangeFeedConfig, Config};
use crate::events::{self, EventError, Grouped, InvocationError, OneByOne, Runner};
use crate::http::{self, openapi::OpenApiDocument};
use crate::json::to_raw;
use crate::stream::{self, ChangeFeed, EventBus};
use crate::telemetry;

/// Why a function could not start, or had to stop.
pub use lambda_http::Error as StartError;

/// Serves an action until Lambda ends the process. The `main` of most functions.
///
/// The DynamoDB client is built and its connection opened in Lambda's init phase, which has more CPU than an
/// invocation and does not count towards its time limit.
///
/// # Errors
/// When an environment variable is missing or invalid, or the Runtime API fails.
pub async fn serve<A: Action>() -> Result<(), StartError> {
    let (access, table) = open(2).await?;
    let http = |request| http::run_action::<A>(&access, &table, request);
    let event =
        async |event: &str, context: &Context| events::run_action::<OneByOne<A>>(&access, &table, event, context).await;
    listen(http, event).await
}

/// Serves an action that has no HTTP route. HTTP requests, for example of a function URL, get 404; what they need
/// otherwise, such as the rate limit, is not part of the executable.
///
/// # Errors
/// As [`serve`].
pub async fn serve_events<A: Action>() -> Result<(), StartError> {
    serve_runner::<OneByOne<A>>().await
}

/// Serves an action without an HTTP route that applies the events of a batch in groups.
///
/// # Errors
/// As [`serve`].
pub async fn serve_batches<A: BatchAction>() -> Result<(), StartError> {
    serve_runner::<Grouped<A>>().await
}

async fn serve_runner<R: Runner>() -> Result<(), StartError> {
    let (access, table) = open(1).await?;
    let event = async |event: &str, context: &Context| events::run_action::<R>(&access, &table, event, context).await;
    listen(|request| http::not_found(R::Action::NAME, request), event).await
}

/// Starts logging, and opens both tables and the connections to them. If calls are counted, a function with a route uses two
/// connections at once, one for the action and one for the rate-limit check.
async fn open(connections: usize) -> Result<(Access, ContactsTable), StartError> {
    telemetry::init();
    let config = Config::from_env()?;
    let client = client(&sdk_config(&config.aws), &config);
    let access = Access::new(AccessTable::new(client.clone(), config.access_table), config.rate_limit);
    let table = ContactsTable::new(client, config.contacts_table);
    connect(&access, if config.rate_limit > 0 { connections } else { 1 }).await;
    Ok((access, table))
}

/// Serves `GET /api/v1/me`: `describe` makes the answer from the caller, who may have no tenant.
///
/// # Errors
/// As [`serve`].
pub async fn serve_caller<T: Serialize>(
    name: &'static str,
    describe: impl Fn(&Caller) -> T + Send + Sync,
) -> Result<(), StartError> {
    let (access, _) = open(1).await?;
    listen(|request| http::describe_caller(name, &access, &describe, request), no_events).await
}

/// Serves the Model Context Protocol: the tools of `mcp/`.
///
/// # Errors
/// As [`serve`].
pub async fn serve_mcp(name: &'static str) -> Result<(), StartError> {
    let (access, table) = open(2).await?;
    listen(|request| http::answer_mcp(name, &access, &table, request), no_events).await
}

/// Serves the OpenAPI document, and answers requests that match no route. Uses no table and no token.
///
/// # Errors
/// When the document cannot be parsed, or the Runtime API fails.
pub async fn serve_openapi(name: &'static str) -> Result<(), StartError> {
    telemetry::init();
    let document = OpenApiDocument::parse()?;
    listen(|request| http::serve_document(name, &document, request), no_events).await
}

/// Serves the change feed: publishes the changes in the contacts table's stream on EventBridge.
///
/// # Errors
/// As [`serve`].
pub async fn serve_change_feed(name: &'static str) -> Result<(), StartError> {
    telemetry::init();
    let (config, feed) = (Config::from_env()?, ChangeFeedConfig::from_env()?);
    let sdk = sdk_config(&config.aws);
    let bus = EventBus::new(&sdk, feed.bus, feed.eventbridge_endpoint);
    let access = Access::new(AccessTable::new(client(&sdk, &config), config.access_table), config.rate_limit);
    let feed = ChangeFeed { access, bus, detail: feed.detail };
    let publish = async |event: &str, context: &Context| stream::publish(name, &feed, event, context).await;
    listen(|request| http::not_found(name, request), publish).await
}

fn client(sdk: &SdkConfig, config: &Config) -> Client {
    Client::new(sdk, config.dynamodb_endpoint.clone())
}

/// Opens connections before the first event, with one GetItem of an absent item each. If that fails, the
/// first call opens one.
async fn connect(access: &Access, connections: usize) {
    let connected = match connections {
        2 => tokio::try_join!(access.warm_up(), access.warm_up()).map(drop),
        _ => access.warm_up().await,
    };
    if let Err(error) = connected {
        tracing::warn!(%error, "the connection to DynamoDB could not be opened in advance");
    }
    // What these requests consume belongs to no call.
    let _ = access.take_units();
}

/// Answers everything that Lambda delivers: HTTP requests with `http`, anything else with `event`.
///
/// `lambda_http::run` cannot be used for events: it parses an answer and serializes it again, which
/// changes the spelling of numbers in metadata.
async fn listen<H, F>(
    http: H,
    event: impl AsyncFn(&str, &Context) -> Result<Box<RawValue>, InvocationError>,
) -> Result<(), StartError>
where
    H: Fn(Request) -> F,
    F: Future<Output = Response<Body>> + Send,
{
    let answer = async |delivered: LambdaEvent<Box<RawValue>>| {
        // Boxed, both: the futures of a call are large, and each layer of the runtime around this one would copy them.
        Box::pin(async {
            let LambdaEvent { payload, context } = delivered;
            let Some(mut request) = http_request(payload.get()) else {
                return Box::pin(event(payload.get(), &context)).await;
            };
            http::sanitize(&mut request);
            let mut http = Adapter::from(service_fn(|request| {
                let response = http(request);
                async { Ok::<_, InvocationError>(response.await) }
            }));
            let response = http.call(LambdaEvent { payload: request, context }).await?;
            to_raw(&response).map_err(|error| InvocationError::from(&EventError::from(error)))
        })
        .await
    };
    lambda_runtime::run(service_fn(answer)).await
}

/// The HTTP request that an event is, or `None` for any other event.
///
/// `lambda_http` tries the formats in turn and that of REST APIs first, so an event that begins as HTTP APIs and
/// function URLs write it is tried as one of theirs before.
fn http_request(event: &str) -> Option<LambdaRequest> {
    if event.starts_with(r#"{"version":"2.0""#)
        && let Ok(request) = serde_json::from_str(event)
    {
        return Some(LambdaRequest::ApiGatewayV2(request));
    }
    serde_json::from_str(event).ok()
}

/// The event handler of functions that take HTTP requests only.
async fn no_events(_: &str, _: &Context) -> Result<Box<RawValue>, InvocationError> {
    let error = EventError::UnknownEvent("this function takes HTTP requests only");
    error.log();
    Err(InvocationError::from(&error))
}
