//! The interface between the event sources and the functions.
//!
//! An [`Action`] says what a function accepts, does and answers. It does not know whether it was called
//! over HTTP, directly, or by a queue or an event bus.

use std::future::Future;

use contacts::model::{ContactId, Cursor, Tenant};
use contacts::store::{ContactsTable, Outcome};
use serde::Serialize;
use tokio::time::Instant;

use crate::conditions::{Conditions, Preconditions};
use crate::error::Error;
use crate::input::{Input, Invalid};

/// What a function does. The value is the parsed input of one call.
pub trait Action: Sized + Send {
    /// The function's name: that of its executable, in logs and in the template.
    const NAME: &'static str;

    /// The product whose wire format the function speaks over HTTP.
    const DIALECT: Dialect = Dialect::Qyvo;

    /// Where the input is in an HTTP request. Events always carry it in their envelope.
    const INPUT: InputSource = InputSource::Body;

    /// Whether the action writes contacts. Then an HTTP call can have an idempotency key.
    const WRITES: bool = false;

    /// The body of the answer.
    type Answer: Serialize + Send;

    /// Parses the input. All fields are read before the first `?`, so that all violations are reported.
    ///
    /// # Errors
    /// [`Invalid`], the proof that `input` has recorded a violation.
    fn parse(input: &mut Input) -> Result<Self, Invalid>;

    /// Runs the action for the tenant of `call`.
    fn run(self, table: &ContactsTable, call: &Call)
    -> impl Future<Output = Result<Reply<Self::Answer>, Error>> + Send;

    /// Runs the action for an event from a queue or an event bus, which take no answer. An error
    /// means that the event has to be delivered again, or to go to the dead-letter queue.
    fn deliver(self, table: &ContactsTable, call: &Call) -> impl Future<Output = Result<(), Error>> + Send {
        async { self.run(table, call).await.map(drop) }
    }

    /// Whether an event that fails with `error` counts as done, because an earlier delivery may have done the
    /// work: SQS and EventBridge deliver at least once. Direct invocations get the error.
    fn is_redelivery(_error: &Error) -> bool {
        false
    }
}

/// An action whose events are applied in groups when several arrive in one batch.
pub trait BatchAction: Action {
    /// The contact that the event is about. Events with the same key are applied in one group; `None`
    /// applies an event alone.
    fn batch_key(&self, tenant: &Tenant) -> Option<ContactId>;

    /// Applies a group of events with the same key and returns exactly one result per event, in order. It
    /// must not apply an event after one that failed, because the events may come from a FIFO queue.
    fn run_batch(
        events: Vec<Self>,
        table: &ContactsTable,
        call: &Call,
    ) -> impl Future<Output = Vec<Result<(), Error>>> + Send;
}

/// The wire format that a function speaks over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Qyvo's contact actions: `POST /api/v1/actions/…`.
    Qyvo,
    /// FlowIQ's `/contact`: keys with the prefix `fiq_`, the tenant's slug in the query.
    FlowIq,
}

/// The part of an HTTP request that carries the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputSource {
    /// The JSON object in the body.
    Body,
    /// The same, for lists in pages: a `cursor` in the query string takes the place of the one in the body. So the target
    /// of the answer's `Link` header can be called with the same body.
    BodyAndCursor,
    /// The parameters of the query string, all of them strings.
    Query,
}

/// The circumstances of one call.
#[derive(Debug)]
pub struct Call {
    /// The tenant on whose behalf the action runs.
    pub tenant: Tenant,
    /// The conditional headers of the request. Empty for events. An action about one contact parses and checks them.
    pub preconditions: Preconditions,
    /// When the event source cancels the call. What is not finished then gets no answer.
    pub deadline: Instant,
}

/// The answer of an action.
#[derive(Debug)]
pub struct Reply<T> {
    /// The body.
    pub body: T,
    /// What the action did to the contact, if it can change one.
    pub outcome: Option<Outcome>,
    /// The version of the contact that the body shows, if it shows one contact.
    pub version: Option<u64>,
    /// The cursor of the next page, if there is one. Events do not show it.
    pub next_cursor: Option<Cursor>,
    pub(crate) kind: ReplyKind,
}

/// The kind of an answer. The HTTP layer maps it to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyKind {
    /// The contact was read or changed.
    Done,
    /// The contact exists now. The outcome says whether it was created.
    Upserted,
    /// The contact was read, and the caller has this version of it. The body is not sent.
    NotModified,
}

impl<T> Reply<T> {
    /// The answer of an action that reads.
    pub fn read(body: T) -> Self {
        Reply { body, kind: ReplyKind::Done, outcome: None, version: None, next_cursor: None }
    }

    /// The answer of an action that changes an existing contact.
    pub fn changed(body: T, outcome: Outcome) -> Self {
        Reply { outcome: Some(outcome), ..Reply::read(body) }
    }

    /// The answer of an action that creates the contact if it does not exist.
    pub fn upserted(body: T, outcome: Outcome) -> Self {
        Reply { kind: ReplyKind::Upserted, ..Reply::changed(body, outcome) }
    }

    /// Adds the version of the contact that the body shows.
    #[must_use]
    pub fn with_version(self, version: u64) -> Self {
        Reply { version: Some(version), ..self }
    }

    /// Checks the conditions of an action that reads the contact, whose version has been added.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] if `If-Match` is not met.
    pub fn checked(self, conditions: &Conditions) -> Result<Self, Error> {
        match self.version {
            Some(version) if conditions.check_read(version)? => Ok(Reply { kind: ReplyKind::NotModified, ..self }),
            _ => Ok(self),
        }
    }

    /// Adds the cursor of the next page.
    #[must_use]
    pub fn with_next_cursor(self, cursor: Option<Cursor>) -> Self {
        Reply { next_cursor: cursor, ..self }
    }
}
