//! Event source mappings of DynamoDB streams.
//!
//! Each mapping reads its table's stream in order, drops the records that its filters do not let through, and invokes
//! its function with the others, one batch at a time. The next batch waits until this one is processed: answered, or
//! retried as the template says and then reported as a dead letter. The position is kept after each batch. A stack
//! that stops in between delivers some records again (at-least-once delivery); records are lost only if it stands
//! still for a day.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use dynoxide::streams::shard_id;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::{task, time};

use super::backoff::Backoff;
use super::batch_response::failed_items;
use super::dead_letters::{self, DeadLetters};
use super::outcome::InvocationOutcome;
use super::pool::{Functions, Pool};
use crate::body::FUNCTION_LIMIT;
use crate::dynamodb::engine::Engine;
use crate::dynamodb::stream::{StreamRecord, Streams};
use crate::error::{BoxError, Error};
use crate::seed::StreamStart;
use crate::shutdown::Shutdown;
use crate::template::{StreamMapping, Template};

/// How often a stream is read while it has no new records.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Asks a mapping to report when it has processed all records, and how many batches it has processed by then.
type Question = oneshot::Sender<usize>;

/// The mappings of a stack.
#[derive(Default)]
pub(crate) struct Mappings(Vec<mpsc::UnboundedSender<Question>>);

/// What mappings work with.
pub(crate) struct MappingContext<'a> {
    /// Their functions.
    pub(crate) functions: &'a Functions,
    /// Where batches go that failed after all retries.
    pub(crate) dead_letters: &'a Arc<DeadLetters>,
    /// The pause before the first retry.
    pub(crate) backoff: Duration,
    /// Ends them.
    pub(crate) shutdown: &'a Shutdown,
}

impl Mappings {
    /// Starts the template's mappings on the streams of the embedded engine. Without one, they are left out and a log
    /// line says so.
    ///
    /// # Errors
    /// [`Error::Streams`].
    pub(crate) fn start(
        template: &Template,
        engine: Option<Engine>,
        start: StreamStart,
        context: &MappingContext<'_>,
    ) -> Result<Self, Error> {
        let configured = template.functions.iter().flat_map(|function| {
            let mappings = function.streams.iter();
            mappings.map(|mapping| (format!("{}/{}", function.binary, mapping.name), &function.binary, mapping))
        });
        let configured: Vec<_> = configured.collect();
        let Some(engine) = engine else {
            for (name, _, mapping) in configured {
                let table = &mapping.table;
                context
                    .dead_letters
                    .logs
                    .say(&format!("{name} gets no records of {table}: only streams of the embedded DynamoDB are read"));
            }
            return Ok(Self::default());
        };
        let streams = Arc::new(Streams::open(engine.database, &engine.file).map_err(Error::Streams)?);
        let registered: Vec<_> = configured.iter().map(|(name, _, mapping)| (name.as_str(), *mapping)).collect();
        streams.register(&registered, start).map_err(Error::Streams)?;
        let mut mappings = Self::default();
        for (name, function, settings) in configured {
            let Some(function) = context.functions.find(function).map(Arc::clone) else { continue };
            let mapping = Mapping {
                name,
                settings: settings.clone(),
                function,
                streams: Arc::clone(&streams),
                dead_letters: Arc::clone(context.dead_letters),
                backoff: Backoff(context.backoff),
            };
            mappings.add(mapping, context.shutdown);
        }
        Ok(mappings)
    }

    fn add(&mut self, mapping: Mapping, shutdown: &Shutdown) {
        let (ask, asked) = mpsc::unbounded_channel();
        let stop = shutdown.begun();
        shutdown.spawn(async move {
            // An invocation that is under way goes on until the stack ends its process.
            tokio::select! {
                () = stop => {}
                () = mapping.run(asked) => {}
            }
        });
        self.0.push(ask);
    }

    /// Waits until every mapping has processed all records so far. Returns how many batches that were in all.
    pub(crate) async fn caught_up(&self) -> usize {
        let asked = self.0.iter().filter_map(|mapping| {
            let (answer, answered) = oneshot::channel();
            mapping.send(answer).ok().map(|()| answered)
        });
        let mut batches = 0;
        for answered in asked.collect::<Vec<_>>() {
            // A mapping that has stopped answers nothing and has nothing left to do.
            batches += answered.await.unwrap_or(0);
        }
        batches
    }
}

/// A mapping of a table's stream to a function.
struct Mapping {
    /// Its name within the stack.
    name: String,
    settings: StreamMapping,
    function: Arc<Pool>,
    streams: Arc<Streams>,
    dead_letters: Arc<DeadLetters>,
    backoff: Backoff,
}

/// Records to be delivered together.
struct Batch {
    records: Vec<StreamRecord>,
    /// How many attempts have failed.
    failures: u32,
}

impl Mapping {
    async fn run(self, mut asked: mpsc::UnboundedReceiver<Question>) {
        let mut position = loop {
            match self.database(|streams, name, _| streams.position(name)).await {
                Some(position) => break position,
                None => time::sleep(POLL_EVERY).await,
            }
        };
        let (mut questions, mut batches) = (Vec::new(), 0);
        loop {
            // Questions asked before this read are answered by it.
            questions.extend(std::iter::from_fn(|| asked.try_recv().ok()));
            let records = self.database(move |streams, _, table| streams.read(table, position)).await;
            match records.as_deref().map(<[StreamRecord]>::last) {
                Some(Some(last)) => {
                    position = last.position;
                    match self.process(records.unwrap_or_default()).await {
                        ControlFlow::Continue(more) => batches += more,
                        ControlFlow::Break(()) => return,
                    }
                    self.advance(position).await;
                }
                Some(None) => {
                    for question in questions.drain(..) {
                        // The receiver may be gone.
                        let _ = Question::send(question, batches);
                    }
                    let question = time::timeout(POLL_EVERY, asked.recv()).await;
                    questions.extend(question.ok().flatten());
                }
                None => time::sleep(POLL_EVERY).await,
            }
        }
    }

    /// Processes a page of records, batch by batch. Returns how many batches.
    async fn process(&self, mut records: Vec<StreamRecord>) -> ControlFlow<(), usize> {
        let filters = &self.settings.filters;
        records.retain(|record| filters.is_empty() || filters.iter().any(|filter| filter.matches(&record.event)));
        let (mut records, mut batches) = (records.into_iter().peekable(), 0);
        while records.peek().is_some() {
            let mut size = 0;
            let mut batch = Vec::new();
            while let Some(record) = records.next_if(|record| {
                size += record.event.to_string().len() + 1;
                batch.is_empty() || batch.len() < self.settings.batch_size && size < FUNCTION_LIMIT - ENVELOPE
            }) {
                batch.push(record);
            }
            self.deliver(batch).await?;
            batches += 1;
        }
        ControlFlow::Continue(batches)
    }

    /// Delivers a batch until it is processed or given up.
    async fn deliver(&self, records: Vec<StreamRecord>) -> ControlFlow<()> {
        // A stack: the second half of a bisected batch waits below the first.
        let mut waiting = vec![Batch { records, failures: 0 }];
        while let Some(mut batch) = waiting.pop() {
            let outcome = self.function.invoke(event(&batch.records)).await;
            if self.function.has_stopped() {
                return ControlFlow::Break(());
            }
            let processed = self.processed(&batch.records, &outcome);
            let finished: Vec<StreamRecord> = batch.records.drain(..processed).collect();
            if let Some(last) = finished.last() {
                self.advance(last.position).await;
                // The records that are left are another batch, with attempts of its own.
                batch.failures = 0;
            }
            let Some(last) = batch.records.last().map(|record| record.position) else { continue };

            let mut pause = self.backoff.before(0);
            if finished.is_empty() && self.settings.bisect && batch.records.len() > 1 {
                // Bisecting does not count as an attempt.
                let second = batch.records.split_off(batch.records.len() / 2);
                waiting.push(Batch { records: second, failures: batch.failures });
            } else if finished.is_empty() {
                pause = self.backoff.before(batch.failures);
                batch.failures += 1;
            }
            if self.is_exhausted(&batch) {
                self.give_up(&batch).await;
                self.advance(last).await;
                continue;
            }
            waiting.push(batch);
            time::sleep(pause).await;
        }
        ControlFlow::Continue(())
    }

    /// How many of the records are processed: all those before the first one that failed.
    fn processed(&self, records: &[StreamRecord], outcome: &InvocationOutcome) -> usize {
        let InvocationOutcome::Answered(answer) = outcome else { return 0 };
        if !self.settings.reports_failures {
            return records.len();
        }
        // An answer that is not a partial batch response, and an identifier that is not in the batch, fail all of it.
        let Ok(failed) = failed_items(answer) else { return 0 };
        let place = |identifier: &Option<String>| {
            let identifier = identifier.as_deref()?;
            records.iter().position(|record| record.sequence_number() == identifier)
        };
        failed.iter().map(|identifier| place(identifier).unwrap_or(0)).min().unwrap_or(records.len())
    }

    /// Whether a batch has had all its retries, or its first record is too old.
    fn is_exhausted(&self, batch: &Batch) -> bool {
        let is_old = |age: Duration| {
            let made_at = batch.records.first().map_or(0, StreamRecord::made_at);
            u64::try_from(Timestamp::now().as_second() - made_at).is_ok_and(|seconds| seconds > age.as_secs())
        };
        self.settings.retries.is_some_and(|retries| batch.failures > retries)
            || self.settings.max_age.is_some_and(is_old)
    }

    async fn give_up(&self, batch: &Batch) {
        let stream = self.database(|streams, _, table| streams.arn(table)).await.unwrap_or_default();
        let shard = shard_id(&self.settings.table);
        let function = &self.function.launch.name;
        let message = dead_letters::of_batch(function, &stream, &shard, &batch.records, batch.failures);
        let what = format!("{} changes of {}", batch.records.len(), self.settings.table);
        self.dead_letters.report(&what, function, self.settings.on_failure.as_deref(), &message);
    }

    async fn advance(&self, position: i64) {
        self.database(move |streams, name, table| streams.advance(name, table, position)).await;
    }

    /// Runs blocking work on the database. An error is logged and returned as `None`; the caller tries again.
    async fn database<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Streams, &str, &str) -> Result<T, BoxError> + Send + 'static,
    ) -> Option<T> {
        let streams = Arc::clone(&self.streams);
        let (name, table) = (self.name.clone(), self.settings.table.clone());
        let done = task::spawn_blocking(move || work(&streams, &name, &table)).await.ok()?;
        let log = |error: &BoxError| self.dead_letters.logs.say(&format!("{}: reading the stream: {error}", self.name));
        done.inspect_err(log).ok()
    }
}

/// The bytes of an event beside its records.
const ENVELOPE: usize = r#"{"Records":[]}"#.len();

/// The event for a batch, as Lambda sends it.
fn event(records: &[StreamRecord]) -> Bytes {
    let records: Vec<&Value> = records.iter().map(|record| &record.event).collect();
    json!({ "Records": records }).to_string().into()
}
