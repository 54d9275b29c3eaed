//! One of the concurrent callers of a run: chooses a call and an event source, delivers, redelivers, and writes down how
//! it ended.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::client::{Client, Headers, Invocation, contact_of};
use super::generate::Generator;
use super::history::{Call, Outcome};
use super::invocation::{eventbridge_event, sqs_record};
use super::operation::{Operation, Target};
use super::population::{Person, Population};
use super::repetitions::Keyed;

/// The functions that take batches here: those that take events only, as [`Generator::event`] numbers them, and one of
/// the others.
const EVENT_FUNCTIONS: [&str; 4] = ["record-message", "record-consent", "set-contact-state", "create-contact"];
/// The name of the template's bus in the local stack.
const BUS: &str = "Bus";
/// How often a queue delivers a record.
const MAX_DELIVERIES: usize = 5;

/// A caller.
pub struct Caller {
    pub population: Arc<Population>,
    pub client: Client,
    pub generator: Generator,
    /// The address of the deployment, while it runs.
    pub url: watch::Receiver<Option<String>>,
    /// The next mark.
    pub marks: Arc<AtomicU64>,
    pub calls: Vec<Call>,
    /// The version of each contact that the caller has last seen in an `ETag`.
    pub seen: HashMap<String, u64>,
    /// The number of the caller.
    pub number: u64,
    /// How many idempotency keys it has used, by customer and function: the same keys for each of them.
    pub keys: HashMap<(usize, &'static str), u64>,
    /// By first id: the ids that it knows of contacts whose number changes.
    pub ids: HashMap<String, Vec<String>>,
    /// Its requests with an idempotency key.
    pub keyed: Vec<Keyed>,
}

/// A record of a queue on its way.
struct Record {
    /// The index of its call.
    index: usize,
    body: String,
    /// The message group, if the queue is a FIFO queue.
    group: Option<String>,
}

impl Record {
    /// The record as Lambda delivers it; `number` is its place in the queue.
    fn event(&self, number: usize) -> Value {
        sqs_record(&format!("record-{number}"), &self.body, self.group.as_deref())
    }
}

impl Caller {
    /// Makes one call, or delivers one batch. Returns how many calls that were.
    pub async fn step(&mut self) -> usize {
        let customer = self.generator.0.usize(..self.population.customers.len());
        let before = self.calls.len();
        match self.generator.0.u32(..100) {
            0..10 if !self.keyed.is_empty() => self.repeat().await,
            10..16 => self.batch(customer).await,
            16..19 => self.all_pages(customer).await,
            19..25 => self.about_mover(customer).await,
            0..70 => self.over_http(customer).await,
            70..80 => self.directly(customer).await,
            80..85 => self.over_the_bus(customer).await,
            85..93 => self.by_queue(customer, false).await,
            _ => self.by_queue(customer, true).await,
        }
        // Repetitions count too, although they belong to an earlier call.
        (self.calls.len() - before).max(1)
    }

    pub(super) async fn url(&mut self) -> String {
        let url = self.url.wait_for(Option::is_some).await.unwrap();
        url.clone().unwrap_or_default()
    }

    pub(super) fn mark(&self) -> u64 {
        self.marks.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn person(&mut self, customer: usize) -> Person {
        let persons = &self.population.present[customer];
        if self.population.is_crowded && self.generator.0.u32(..10) < 7 {
            // A new one.
            return persons[persons.len() - 1].clone();
        }
        // The first ones are named more often than the others.
        let index = self.generator.0.usize(..persons.len()).min(self.generator.0.usize(..persons.len()));
        persons[index].clone()
    }

    pub(super) fn add(&mut self, mark: u64, source: &'static str, operation: Operation, person: &Person) -> &mut Call {
        let names_none = matches!(
            operation,
            Operation::Search { .. }
                | Operation::GetByEmail { .. }
                | Operation::ListTags
                | Operation::Me
                | Operation::Pages { .. }
                | Operation::Batch { .. }
                | Operation::Refused { .. }
        );
        let now = Instant::now();
        self.calls.push(Call {
            id: mark,
            source,
            operation,
            customer: person.customer,
            contact_id: (!names_none).then(|| person.contact_id.clone()),
            began: now,
            ended: now,
            outcome: Outcome::Unknown("not sent".to_owned()),
            if_match: None,
            etag: None,
            place: None,
            key: None,
            deliveries: Vec::new(),
            number_id: None,
        });
        self.calls.last_mut().unwrap()
    }

    async fn over_http(&mut self, customer: usize) {
        let (url, person, mark) = (self.url().await, self.person(customer), self.mark());
        let population = Arc::clone(&self.population);
        let operation = self.generator.call(&population, &person, mark);
        let credentials = &population.customers[customer];
        let limited = self.generator.0.u32(..100) == 0;
        let token = if limited { &credentials.limited_token } else { &credentials.token };
        let client = self.client.clone();
        // A version that others may have overwritten since.
        let is_conditional = operation.writes() && self.generator.0.u32(..4) == 0;
        let if_match = self.seen.get(&person.contact_id).copied().filter(|_| is_conditional);
        let has_key = !limited && operation.writes() && self.generator.0.u32(..3) == 0;
        let key = has_key.then(|| self.key(customer, operation.function()));
        let call = self.add(mark, "http", operation, &person);
        call.if_match = if_match;
        if key.is_some() {
            call.key.clone_from(&key);
            let (operation, calls) = (call.operation.clone(), vec![Some(self.calls.len() - 1)]);
            self.first_request(Keyed { customer, operation, if_match, key, calls }).await;
            let call = &self.calls[self.calls.len() - 1];
            self.seen.extend(call.contact_id.clone().zip(call.etag));
            return;
        }
        let headers = Headers { if_match, ..Headers::default() };
        let answer = client.call(&url, credentials, token, &call.operation, &headers).await;
        (call.outcome, call.etag) = (answer.outcome, answer.etag);
        call.ended = Instant::now();
        let seen = call.contact_id.clone().zip(call.etag);
        self.seen.extend(seen);
        let call = &self.calls[self.calls.len() - 1];
        if limited && matches!(call.operation, Operation::Refused { .. }) {
            // The rate limit is checked before the input.
            self.calls.pop();
        }
    }

    async fn directly(&mut self, customer: usize) {
        let (url, person, mark) = (self.url().await, self.person(customer), self.mark());
        let kind = self.generator.0.usize(..6);
        let population = Arc::clone(&self.population);
        let operation = match kind {
            0..3 => self.generator.event(kind, &person, mark),
            _ => self.generator.call(&population, &person, mark),
        };
        // These are about tokens, which events do not have.
        let operation = match operation {
            Operation::Me | Operation::Refused { .. } => self.generator.create(&person, mark),
            other => other,
        };
        self.invoke(&url, mark, operation, &person).await;
    }

    /// Invokes the function of a call.
    pub(super) async fn invoke(&mut self, url: &str, mark: u64, operation: Operation, person: &Person) {
        let envelope = self.envelope(person.customer, &operation);
        let client = self.client.clone();
        let call = self.add(mark, "direct", operation, person);
        call.outcome = match client.invoke(url, call.operation.function(), &envelope).await {
            Invocation::Answered(answer) if call.operation.writes() => Outcome::Done(Some(contact_of(answer))),
            Invocation::Answered(answer) => Outcome::Read(contact_of(answer)),
            Invocation::Failed(error) => failed(&error),
            Invocation::Lost => Outcome::Unknown("no response".to_owned()),
        };
        call.ended = Instant::now();
    }

    /// Creates the contacts that stand still from then on, and records a message of every other one. Creates those whose
    /// number changes.
    pub async fn create_still(&mut self) {
        for (number, person) in self.population.still.clone().into_iter().enumerate() {
            let (url, mark) = (self.url().await, self.mark());
            let create = self.generator.create(&person, mark);
            self.invoke(&url, mark, create, &person).await;
            if number % 2 == 0 {
                let mark = self.mark();
                let message = self.generator.event(0, &person, mark);
                self.invoke(&url, mark, message, &person).await;
            }
        }
        for mover in self.population.movers.clone() {
            let (url, mark) = (self.url().await, self.mark());
            let create = self.generator.create(&mover[0], mark);
            self.invoke(&url, mark, create, &mover[0]).await;
        }
    }

    /// Sends an event to the bus, or delivers it as the bus does, up to three times.
    async fn over_the_bus(&mut self, customer: usize) {
        let (url, person, mark) = (self.url().await, self.person(customer), self.mark());
        let kind = self.generator.0.usize(..3);
        let operation = self.generator.event(kind, &person, mark);
        let envelope = self.envelope(customer, &operation);
        let client = self.client.clone();
        if self.generator.0.bool() {
            let call = self.add(mark, "bus", operation, &person);
            let taken = client.put_event(&url, BUS, call.operation.function(), &envelope).await;
            call.outcome = Outcome::Unknown(if taken { "taken by the bus" } else { "lost" }.to_owned());
            call.ended = Instant::now();
            return;
        }
        let event = eventbridge_event(operation.function(), &envelope);
        let again = self.generator.0.bool();
        let call = self.add(mark, "eventbridge", operation, &person);
        for _ in 0..3 {
            let invocation = client.invoke(&url, call.operation.function(), &event).await;
            if !call.succeeded() {
                call.outcome = match invocation {
                    Invocation::Answered(_) => Outcome::Done(None),
                    Invocation::Failed(error) => failed(&error),
                    Invocation::Lost => Outcome::Unknown("no response".to_owned()),
                };
                call.ended = Instant::now();
            }
            if call.succeeded() && !again {
                break;
            }
        }
    }

    /// Delivers a batch of a queue until every record is processed, and some of the processed records once more. The
    /// records of a FIFO queue have a message group for each person, or one for all.
    async fn by_queue(&mut self, customer: usize, fifo: bool) {
        let kind = [0, 0, 0, 0, 1, 1, 2, 2, 3][self.generator.0.usize(..9)];
        // An upsert that is delivered again would overwrite later values, so it is delivered once.
        let deliveries = if kind == 3 { 1 } else { MAX_DELIVERIES };
        let persons: Vec<Person> = (0..self.generator.0.usize(1..4)).map(|_| self.person(customer)).collect();
        let first = self.calls.len();
        let mut records = Vec::new();
        let groups: Vec<u64> = persons.iter().map(|_| self.mark()).collect();
        let one_group = self.generator.0.bool();
        for place in 0..self.generator.0.usize(1..=10) {
            let number = self.generator.0.usize(..persons.len());
            let (person, mark) = (persons[number].clone(), self.mark());
            let group = fifo.then_some(groups[if one_group { 0 } else { number }]);
            let operation = match kind {
                3 => self.generator.create(&person, mark),
                _ => self.generator.event(kind, &person, mark),
            };
            let body = self.envelope(customer, &operation).to_string();
            let call = self.add(mark, if fifo { "fifo" } else { "sqs" }, operation, &person);
            call.place = group.map(|group| (group, place));
            records.push(Record { index: first + place, body, group: group.map(|group| format!("group-{group}")) });
        }
        let mut waiting: Vec<usize> = (0..records.len()).collect();
        for _ in 0..deliveries {
            let batch: Vec<Value> = waiting.iter().map(|record| records[*record].event(*record)).collect();
            // After a kill, the deployment has another address.
            let url = self.url().await;
            let invocation = self.client.invoke(&url, EVENT_FUNCTIONS[kind], &json!({ "Records": batch })).await;
            let failed = failed_records(&invocation);
            let now = Instant::now();
            for record in &waiting {
                let call = &mut self.calls[records[*record].index];
                let is_failed = failed.as_ref().is_none_or(|failed| failed.contains(&format!("record-{record}")));
                if !call.succeeded() {
                    call.ended = now;
                    call.outcome =
                        if is_failed { Outcome::Unknown("redelivered".to_owned()) } else { Outcome::Done(None) };
                }
            }
            waiting.retain(|record| failed.as_ref().is_none_or(|failed| failed.contains(&format!("record-{record}"))));
            if waiting.is_empty() {
                break;
            }
        }
        if !fifo && deliveries > 1 && self.generator.0.u32(..3) == 0 {
            // A standard queue may deliver a record again after it was processed.
            let again: Vec<Value> = records.iter().enumerate().map(|(number, record)| record.event(number)).collect();
            let event = json!({ "Records": again });
            let url = self.url().await;
            self.client.invoke(&url, EVENT_FUNCTIONS[kind], &event).await;
        }
    }

    pub(super) fn envelope(&self, customer: usize, operation: &Operation) -> Value {
        json!({ "tenant_id": self.population.customers[customer].id, "input": operation.input() })
    }
}

/// The records that an answer names as failed; `None` if the whole batch failed.
pub(super) fn failed_records(invocation: &Invocation) -> Option<HashSet<String>> {
    let Invocation::Answered(answer) = invocation else { return None };
    let failures = answer["batchItemFailures"].as_array()?;
    Some(failures.iter().filter_map(|failure| failure["itemIdentifier"].as_str().map(str::to_owned)).collect())
}

pub(super) fn failed(error_type: &str) -> Outcome {
    match error_type {
        "ValidationFailed" | "ContactNotFound" | "ContactExists" => Outcome::Refused(error_type.to_owned()),
        _ => Outcome::Unknown(error_type.to_owned()),
    }
}

/// Whether a call names its contact by id, so that it does not create it.
pub fn needs_contact(operation: &Operation) -> bool {
    match operation {
        Operation::Message { target, .. } | Operation::Consent { target, .. } => matches!(target, Target::Id(_)),
        Operation::ChangePhone { .. } => true,
        Operation::Update { .. } | Operation::AddTag { .. } | Operation::RemoveTag { .. } => true,
        Operation::Delete { .. } => true,
        Operation::SetState { .. } | Operation::Get { .. } | Operation::FlowiqGet { .. } => true,
        _ => false,
    }
}
