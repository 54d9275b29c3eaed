//! The ways in. An [`Action`] says what an endpoint accepts, does and answers; a door brings calls
//! to it and turns its answers and errors into what the caller understands.
//!
//! | door | event | tenant from |
//! |---|---|---|
//! | `http` | API Gateway: HTTP API, function URL, REST API; a load balancer | bearer token |
//! | `event` | envelopes: direct, in a queue's records, on a bus | the envelope, under IAM |
//!
//! Over HTTP an endpoint speaks one of two [dialects](Dialect): same contacts, other words.

mod event;
mod fields;
mod http;
mod who;

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_http::http::Response;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, Context, LambdaEvent, Request, Service, lambda_runtime, service_fn};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use event::Failed;
pub use fields::{Fields, Flawed};
use http::Contract;
pub use who::Who;

use crate::access::{Access, Caller, Tenant};
use crate::aws;
use crate::config::{Config, FeedConfig};
use crate::contact::ContactId;
use crate::error::Error;
use crate::feed::Bus;
use crate::table::{AccessTable, Client, Outcome, Table};
use crate::telemetry;

/// What an endpoint does: the value is the parsed input of one call.
pub trait Action: Sized + Send {
    /// The endpoint's name, which is its executable's.
    const NAME: &'static str;

    /// Which product's clients it is for.
    const DIALECT: Dialect = Dialect::Qyvo;

    /// Whether it may change anything: then a call is counted before it is made, not meanwhile.
    const CHANGES: bool;

    /// What it answers.
    type Answer: Serialize + Send;

    /// Takes the input out of the fields of a call.
    ///
    /// Every field is asked for before the first `?`, so that all that is wrong is said at once.
    ///
    /// # Errors
    /// [`Flawed`], which stands for what `fields` has noted.
    fn parse(fields: &mut Fields) -> Result<Self, Flawed>;

    /// Does it, for `tenant`.
    fn run(self, table: &Table, tenant: &Tenant) -> impl Future<Output = Result<Answer<Self::Answer>, Error>> + Send;

    /// The contact it is about, where calls about one contact are better done together.
    fn together_about(&self, _tenant: &Tenant) -> Option<ContactId> {
        None
    }

    /// Does what came in one event about one contact; all of it has one result. It is one action, unless
    /// they say with [`together_about`](Action::together_about) that they are better done together.
    fn run_together(
        actions: Vec<Self>,
        table: &Table,
        tenant: &Tenant,
    ) -> impl Future<Output = Result<Answer<Self::Answer>, Error>> + Send {
        async move {
            let mut result = Err(Error::Internal("there is nothing to do together".to_owned()));
            for action in actions {
                result = action.run(table, tenant).await;
            }
            result
        }
    }
}

/// Whose wire format an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Qyvo's actions: `POST /api/v1/actions/…`.
    Qyvo,
    /// FlowIQ's `/contact`: keys that begin with `fiq_`, and the tenant's slug in the query.
    FlowIq,
}

/// The answer of an action, and what it says about the contact.
#[derive(Debug)]
pub struct Answer<T> {
    body: T,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Found,
    Upserted(Outcome),
    Changed(Outcome),
}

impl<T> Answer<T> {
    /// Here is what was asked for.
    pub fn found(body: T) -> Self {
        Answer { body, kind: Kind::Found }
    }

    /// The contact is there now, whether it was before or not.
    pub fn upserted(body: T, outcome: Outcome) -> Self {
        Answer { body, kind: Kind::Upserted(outcome) }
    }

    /// The contact is as wanted now.
    pub fn changed(body: T, outcome: Outcome) -> Self {
        Answer { body, kind: Kind::Changed(outcome) }
    }
}

/// Why a function could not start, or had to stop.
pub use lambda_http::Error as StartError;

/// Serves an action until Lambda ends the process: the `main` of every function.
///
/// The client is built and its connection opened here, before the first event, where a TLS
/// handshake costs nobody's time.
///
/// # Errors
/// When the configuration is incomplete, or Lambda's runtime API goes away.
pub async fn serve<A: Action>() -> Result<(), StartError> {
    let (config, client) = start()?;
    let access = Access::new(AccessTable::new(client.clone(), config.access_table), config.rate_limit);
    let table = Table::new(client, config.contacts_table);
    // Where a call is counted while it reads, two connections are used at once.
    let connections = if A::CHANGES || config.rate_limit == 0 { 1 } else { 2 };
    connect(&access, connections).await;
    let http = |request| http::action::<A>(&access, &table, request);
    listen(http, async |event: &str, context: &Context| event::action::<A>(&access, &table, event, context).await).await
}

/// Serves what a token says about its caller, who may have no tenant: `about` makes the answer.
///
/// # Errors
/// As [`serve`].
pub async fn serve_caller<T: Serialize>(
    name: &'static str,
    about: impl Fn(&Caller) -> T + Send + Sync,
) -> Result<(), StartError> {
    let (config, client) = start()?;
    let access = Access::new(AccessTable::new(client, config.access_table), config.rate_limit);
    connect(&access, 1).await;
    listen(|request| http::caller(name, &access, &about, request), no_event).await
}

/// Serves the [contract's document](crate::openapi), and answers what no endpoint takes as the
/// contract says. Needs no table, and no token.
///
/// # Errors
/// When Lambda's runtime API goes away.
pub async fn serve_contract(name: &'static str) -> Result<(), StartError> {
    telemetry::init();
    let contract = Contract::read()?;
    listen(|request| http::unrouted(name, &contract, request), no_event).await
}

/// Publishes what the table's stream tells: the `main` of the change feed.
///
/// # Errors
/// As [`serve`].
pub async fn serve_feed(name: &'static str) -> Result<(), StartError> {
    telemetry::init();
    let (config, feed) = (Config::from_env()?, FeedConfig::from_env()?);
    let sdk = aws::sdk(&config);
    let bus = Bus::new(&sdk, feed.bus, feed.endpoint);
    let access = Access::new(AccessTable::new(Client::of(&sdk, &config), config.access_table), config.rate_limit);
    let publish =
        async |event: &str, context: &Context| event::publish(name, &access, &bus, feed.detail, event, context).await;
    listen(|request| http::nothing(name, request), publish).await
}

fn start() -> Result<(Config, Client), StartError> {
    telemetry::init();
    let config = Config::from_env()?;
    let client = Client::new(&config);
    Ok((config, client))
}

/// Opens connections ahead. A call finds out by itself whether the table can be reached.
async fn connect(access: &Access, connections: usize) {
    let connected = match connections {
        2 => tokio::try_join!(access.warm_up(), access.warm_up()).map(drop),
        _ => access.warm_up().await,
    };
    if let Err(error) = connected {
        tracing::warn!(%error, "the connection could not be opened ahead");
    }
}

/// Answers whatever Lambda hands over: requests by `http`, anything else by `event`.
///
/// Not by way of `lambda_http::run`: that would read an event's answer and write it again, and lose
/// the spelling of numbers, or all of it.
async fn listen<H, F>(
    http: H,
    event: impl AsyncFn(&str, &Context) -> Result<Box<RawValue>, Failed>,
) -> Result<(), StartError>
where
    H: Fn(Request) -> F,
    F: Future<Output = Response<Body>> + Send,
{
    let answer = async |handed: LambdaEvent<Box<RawValue>>| {
        let LambdaEvent { payload, context } = handed;
        let Ok(request) = serde_json::from_str::<LambdaRequest>(payload.get()) else {
            // Boxed: the SDK's futures in ours are nested deeper than the compiler follows.
            return Box::pin(event(payload.get(), &context)).await;
        };
        let mut http = Adapter::from(service_fn(|request| {
            let response = http(request);
            async { Ok::<_, Failed>(response.await) }
        }));
        let response = http.call(LambdaEvent { payload: request, context }).await?;
        to_raw_value(&response).map_err(|error| Failed::from(&Error::Internal(format!("writing a response: {error}"))))
    };
    lambda_runtime::run(service_fn(answer)).await
}

/// For functions that answer requests alone.
async fn no_event(_: &str, _: &Context) -> Result<Box<RawValue>, Failed> {
    let error = Error::UnknownEvent("this function answers HTTP alone");
    tracing::warn!(%error, "failed");
    Err(Failed::from(&error))
}

/// What answering takes, at the most.
const TO_SPARE: Duration = Duration::from_millis(500);

/// How long a call may take, with enough to spare to answer it. Lambda would end the process
/// instead, and API Gateway would answer in its own words.
fn time_left(context: &Context) -> Duration {
    let end = UNIX_EPOCH + Duration::from_millis(context.deadline);
    end.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(TO_SPARE)
}
