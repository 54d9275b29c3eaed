//! Event source mappings: who is told of the changes of a table, as Lambda does it.
//!
//! Each mapping reads the table's stream in order, drops what its filters don't want, and calls its function with what
//! is left, a batch at a time. The next batch waits until this one is dealt with: done, tried again as often as the
//! template says, or given up. A mapping's position is kept after each batch, so a stack that stops in between tells
//! some changes twice, and none never, unless it stands still for a day.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use dynoxide::streams::shard_id;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::{task, time};

use super::body::FUNCTION_LIMIT;
use super::engine::Engine;
use super::failure::{self, Failures};
use super::pool::{Functions, Pool};
use super::process::Outcome;
use super::stream::{Beginning, Change, Failure, Streams};
use super::unattended::Backoff;
use super::{Error, Life, Options};
use crate::template::{StreamMapping, Template};

/// How often a stream is looked at while nothing happens.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Asks a mapping to say when it has nothing left to do, and how many batches it has dealt with by then.
type Question = oneshot::Sender<usize>;

/// The mappings of a stack.
#[derive(Default)]
pub(super) struct Mappings(Vec<mpsc::UnboundedSender<Question>>);

impl Mappings {
    /// Starts the mappings of the embedded engine's streams. Those of another server stay where they are.
    pub(super) fn start(
        options: &Options,
        template: &Template,
        engine: Option<Engine>,
        beginning: Beginning,
        functions: &Functions,
        failures: &Arc<Failures>,
        life: &Life,
    ) -> Result<Self, Error> {
        let wanted = template.functions.iter().flat_map(|function| {
            let mappings = function.streams.iter();
            mappings.map(|mapping| (format!("{}/{}", function.binary, mapping.name), &function.binary, mapping))
        });
        let wanted: Vec<_> = wanted.collect();
        let Some(engine) = engine else {
            for (name, _, mapping) in wanted {
                let table = &mapping.table;
                let reason = "only the embedded DynamoDB's streams are read";
                options.logs.say(&format!("{name} is not told of changes of {table}: {reason}"));
            }
            return Ok(Self::default());
        };
        let failed = |error: Failure| Error::Streams(error.to_string());
        let streams = Arc::new(Streams::open(engine.database, &engine.file).map_err(failed)?);
        let subscribers: Vec<_> = wanted.iter().map(|(name, _, mapping)| (name.as_str(), *mapping)).collect();
        streams.subscribe(&subscribers, beginning).map_err(failed)?;
        let mut mappings = Self::default();
        for (name, function, settings) in wanted {
            let Some(function) = functions.find(function).map(Arc::clone) else { continue };
            let (streams, failures) = (Arc::clone(&streams), Arc::clone(failures));
            let (settings, backoff) = (settings.clone(), Backoff(options.backoff));
            mappings.add(Mapping { name, settings, function, streams, failures, backoff }, life);
        }
        Ok(mappings)
    }

    fn add(&mut self, mapping: Mapping, life: &Life) {
        let (ask, asked) = mpsc::unbounded_channel();
        let stop = life.stop.clone();
        life.tasks.spawn(async move {
            // A call that is under way goes on without us, until the stack ends it.
            tokio::select! {
                () = stop.cancelled() => {}
                () = mapping.run(asked) => {}
            }
        });
        self.0.push(ask);
    }

    /// Waits until every change made so far has been dealt with by every mapping; says in how many batches.
    pub(super) async fn caught_up(&self) -> usize {
        let asked = self.0.iter().filter_map(|mapping| {
            let (answer, answered) = oneshot::channel();
            mapping.send(answer).ok().map(|()| answered)
        });
        let mut batches = 0;
        for answered in asked.collect::<Vec<_>>() {
            // One that has stopped has nothing to do any more.
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
    failures: Arc<Failures>,
    backoff: Backoff,
}

/// Changes to be delivered together.
struct Batch {
    changes: Vec<Change>,
    /// How many times they have failed.
    failures: u32,
}

/// A function's report of the records it failed at.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Report {
    batch_item_failures: Option<Vec<ItemFailure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: Option<String>,
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
            // Whoever has asked before this look is answered by it.
            questions.extend(std::iter::from_fn(|| asked.try_recv().ok()));
            let changes = self.database(move |streams, _, table| streams.read(table, position)).await;
            match changes.as_deref().map(<[Change]>::last) {
                Some(Some(last)) => {
                    position = last.position;
                    match self.deal_with(changes.unwrap_or_default()).await {
                        ControlFlow::Continue(more) => batches += more,
                        ControlFlow::Break(()) => return,
                    }
                    self.advance(position).await;
                }
                Some(None) => {
                    for question in questions.drain(..) {
                        // Whoever has asked may have turned away.
                        let _ = Question::send(question, batches);
                    }
                    let question = time::timeout(POLL_EVERY, asked.recv()).await;
                    questions.extend(question.ok().flatten());
                }
                None => time::sleep(POLL_EVERY).await,
            }
        }
    }

    /// A page of changes, batch by batch: so many.
    async fn deal_with(&self, mut changes: Vec<Change>) -> ControlFlow<(), usize> {
        let filters = &self.settings.filters;
        changes.retain(|change| filters.is_empty() || filters.iter().any(|filter| filter.matches(&change.record)));
        let (mut changes, mut batches) = (changes.into_iter().peekable(), 0);
        while changes.peek().is_some() {
            let mut size = 0;
            let mut batch = Vec::new();
            while let Some(change) = changes.next_if(|change| {
                size += change.record.to_string().len() + 1;
                batch.is_empty() || batch.len() < self.settings.batch_size && size < FUNCTION_LIMIT - ENVELOPE
            }) {
                batch.push(change);
            }
            self.deliver(batch).await?;
            batches += 1;
        }
        ControlFlow::Continue(batches)
    }

    /// A batch, until it is done or given up, in as many calls as that takes.
    async fn deliver(&self, changes: Vec<Change>) -> ControlFlow<()> {
        // What has been cut off waits below what comes before it.
        let mut waiting = vec![Batch { changes, failures: 0 }];
        while let Some(mut batch) = waiting.pop() {
            let outcome = self.function.call(event(&batch.changes)).await;
            if self.function.has_stopped() {
                return ControlFlow::Break(());
            }
            let done = self.done(&batch.changes, &outcome);
            let finished: Vec<Change> = batch.changes.drain(..done).collect();
            if let Some(last) = finished.last() {
                self.advance(last.position).await;
                // What is left is another batch, with attempts of its own.
                batch.failures = 0;
            }
            let Some(last) = batch.changes.last().map(|change| change.position) else { continue };

            let mut wait = self.backoff.before(0);
            if finished.is_empty() && self.settings.bisect && batch.changes.len() > 1 {
                // Cutting isn't counted as an attempt.
                let second = batch.changes.split_off(batch.changes.len() / 2);
                waiting.push(Batch { changes: second, failures: batch.failures });
            } else if finished.is_empty() {
                wait = self.backoff.before(batch.failures);
                batch.failures += 1;
            }
            if self.is_hopeless(&batch) {
                self.give_up(&batch).await;
                self.advance(last).await;
                continue;
            }
            waiting.push(batch);
            time::sleep(wait).await;
        }
        ControlFlow::Continue(())
    }

    /// How many of the changes the function is through with: all those before the first it failed at.
    fn done(&self, changes: &[Change], outcome: &Outcome) -> usize {
        let Outcome::Answered(answer) = outcome else { return 0 };
        if !self.settings.reports_failures || answer.iter().all(u8::is_ascii_whitespace) {
            return changes.len();
        }
        // What is no report, and a number that isn't in the batch, fail the batch as a whole.
        let Ok(report) = serde_json::from_slice::<Option<Report>>(answer) else { return 0 };
        let failed = report.unwrap_or_default().batch_item_failures.unwrap_or_default();
        let place = |failure: &ItemFailure| {
            let number = failure.item_identifier.as_deref()?;
            changes.iter().position(|change| change.sequence_number() == number)
        };
        failed.iter().map(|failure| place(failure).unwrap_or(0)).min().unwrap_or(changes.len())
    }

    fn is_hopeless(&self, batch: &Batch) -> bool {
        let is_old = |age: Duration| {
            let made_at = batch.changes.first().map_or(0, Change::made_at);
            u64::try_from(Timestamp::now().as_second() - made_at).is_ok_and(|seconds| seconds > age.as_secs())
        };
        self.settings.retries.is_some_and(|retries| batch.failures > retries)
            || self.settings.max_age.is_some_and(is_old)
    }

    async fn give_up(&self, batch: &Batch) {
        let stream = self.database(|streams, _, table| streams.arn(table)).await.unwrap_or_default();
        let shard = shard_id(&self.settings.table);
        let function = &self.function.launch.name;
        let message = failure::of_batch(function, &stream, &shard, &batch.changes, batch.failures);
        let what = format!("{} changes of {}", batch.changes.len(), self.settings.table);
        self.failures.report(&what, function, self.settings.on_failure.as_deref(), &message);
    }

    async fn advance(&self, position: i64) {
        self.database(move |streams, name, table| streams.advance(name, table, position)).await;
    }

    /// Does something with the database, which blocks. What goes wrong is said, and left for the next time.
    async fn database<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Streams, &str, &str) -> Result<T, Failure> + Send + 'static,
    ) -> Option<T> {
        let streams = Arc::clone(&self.streams);
        let (name, table) = (self.name.clone(), self.settings.table.clone());
        let done = task::spawn_blocking(move || work(&streams, &name, &table)).await.ok()?;
        done.inspect_err(|error| self.failures.logs.say(&format!("{}: the stream: {error}", self.name))).ok()
    }
}

/// What an event has beside its records.
const ENVELOPE: usize = r#"{"Records":[]}"#.len();

/// The event for a batch, as Lambda sends it.
fn event(changes: &[Change]) -> Bytes {
    let records: Vec<&Value> = changes.iter().map(|change| &change.record).collect();
    json!({ "Records": records }).to_string().into()
}
