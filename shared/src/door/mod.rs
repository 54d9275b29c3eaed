//! The ways in. An [`Action`] says what an endpoint accepts, does and answers; a door brings calls
//! to it and turns its answers and errors into what the caller understands.
//!
//! | door | event | tenant from |
//! |---|---|---|
//! | `http` | API Gateway: HTTP API, function URL, REST API | bearer token |

mod fields;
mod http;

use std::future::Future;

use serde::Serialize;

pub use fields::{Fields, Flawed};

use crate::access::{Access, Tenant};
use crate::config::Config;
use crate::error::Error;
use crate::table::{AccessTable, Client, Outcome, Table};
use crate::telemetry;

/// What an endpoint does: the value is the parsed input of one call.
pub trait Action: Sized + Send {
    /// The endpoint's name, as in its path.
    const NAME: &'static str;

    /// What it answers.
    type Answer: Serialize;

    /// Takes the input out of the fields of a call.
    ///
    /// Every field is asked for before the first `?`, so that all that is wrong is said at once.
    ///
    /// # Errors
    /// [`Flawed`], which stands for what `fields` has noted.
    fn parse(fields: &mut Fields) -> Result<Self, Flawed>;

    /// Does it, for `tenant`.
    fn run(self, table: &Table, tenant: &Tenant) -> impl Future<Output = Result<Answer<Self::Answer>, Error>> + Send;
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
    telemetry::init();
    let config = Config::from_env()?;
    let client = Client::new(&config);
    let access = Access::new(AccessTable::new(client.clone(), config.access_table));
    let table = Table::new(client, config.contacts_table);
    // A call finds out by itself whether the table can be reached.
    if let Err(error) = access.warm_up().await {
        tracing::warn!(%error, "the connection could not be opened ahead");
    }
    lambda_http::run(lambda_http::service_fn(|request| http::answer::<A>(&access, &table, request))).await
}
