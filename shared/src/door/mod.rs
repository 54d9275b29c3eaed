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

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_http::request::RequestContext;
use lambda_http::{Context, Request, RequestExt, service_fn};
use serde::Serialize;

use event::Failed;
pub use fields::{Fields, Flawed};
use http::Contract;

use crate::access::{Access, Caller, Tenant};
use crate::config::{Config, FeedConfig};
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

    /// Does several that came together, for one tenant: a result each, in order.
    ///
    /// One after the other; `in_order`, none after one that failed. An action that can do better
    /// says so here.
    fn run_all(
        actions: Vec<Self>,
        table: &Table,
        tenant: &Tenant,
        in_order: bool,
    ) -> impl Future<Output = Vec<Result<Answer<Self::Answer>, Error>>> + Send {
        async move {
            let mut results: Vec<Result<_, Error>> = Vec::with_capacity(actions.len());
            for action in actions {
                let held = in_order && results.last().is_some_and(Result::is_err);
                results.push(if held { Err(Error::OutOfTurn) } else { action.run(table, tenant).await });
            }
            results
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
    let (access, table) = start(A::CHANGES).await?;
    lambda_http::run(service_fn(async |request| match origin(&request) {
        Origin::Http => Ok(http::action::<A>(&access, &table, request).await),
        Origin::Event => event::action::<A>(&access, &table, request).await,
    }))
    .await
}

/// Serves what a token says about its caller, who may have no tenant: `about` makes the answer.
///
/// # Errors
/// As [`serve`].
pub async fn serve_caller<T: Serialize>(
    name: &'static str,
    about: impl Fn(&Caller) -> T + Send + Sync,
) -> Result<(), StartError> {
    let (access, _) = start(true).await?;
    lambda_http::run(service_fn(async |request| {
        only_http(&request)?;
        Ok::<_, Failed>(http::caller(name, &access, &about, request).await)
    }))
    .await
}

/// Serves the [contract's document](crate::openapi), and answers what no endpoint takes as the
/// contract says. Needs no table, and no token.
///
/// # Errors
/// When Lambda's runtime API goes away.
pub async fn serve_contract(name: &'static str) -> Result<(), StartError> {
    telemetry::init();
    let contract = Contract::read()?;
    lambda_http::run(service_fn(async |request| {
        only_http(&request)?;
        Ok::<_, Failed>(http::unrouted(name, &contract, request).await)
    }))
    .await
}

/// How a call has come.
enum Origin {
    Http,
    Event,
}

fn origin(request: &Request) -> Origin {
    match request.request_context_ref() {
        Some(RequestContext::PassThrough) | None => Origin::Event,
        Some(_) => Origin::Http,
    }
}

fn only_http(request: &Request) -> Result<(), Failed> {
    match origin(request) {
        Origin::Http => Ok(()),
        Origin::Event => Err(Failed::from(&Error::UnknownEvent("this function answers HTTP alone"))),
    }
}

/// What answering takes, at the most.
const TO_SPARE: Duration = Duration::from_millis(500);

/// How long a call may take, with enough to spare to answer it. Lambda would end the process
/// instead, and API Gateway would answer in its own words.
fn time_left(context: &Context) -> Duration {
    let end = UNIX_EPOCH + Duration::from_millis(context.deadline);
    end.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(TO_SPARE)
}

/// Publishes what the table's stream tells: the `main` of the change feed.
///
/// # Errors
/// As [`serve`].
pub async fn serve_feed(name: &'static str) -> Result<(), StartError> {
    telemetry::init();
    let config = Config::from_env()?;
    let feed = FeedConfig::from_env()?;
    let access = Access::new(AccessTable::new(Client::new(&config), config.access_table.clone()), 0);
    let bus = Bus::new(&config, feed.bus, feed.endpoint);
    lambda_http::run(service_fn(async |request| event::publish(name, &access, &bus, feed.detail, request).await)).await
}

/// Configured, and connected: once, or twice where a call is counted while it reads.
async fn start(one_at_a_time: bool) -> Result<(Access, Table), StartError> {
    telemetry::init();
    let config = Config::from_env()?;
    let client = Client::new(&config);
    let access = Access::new(AccessTable::new(client.clone(), config.access_table), config.rate_limit);
    let table = Table::new(client, config.contacts_table);
    let connected = if one_at_a_time || config.rate_limit == 0 {
        access.warm_up().await
    } else {
        tokio::try_join!(access.warm_up(), access.warm_up()).map(drop)
    };
    // A call finds out by itself whether the table can be reached.
    if let Err(error) = connected {
        tracing::warn!(%error, "the connection could not be opened ahead");
    }
    Ok((access, table))
}
