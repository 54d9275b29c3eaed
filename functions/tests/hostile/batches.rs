//! Batches of contacts, over HTTP, directly and by queues. To the judge, each contact of a batch is a call that it holds to the
//! rules of create-contact.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::{Value, json};

use super::caller::{Caller, failed, failed_records};
use super::client::{Client, Headers, Invocation};
use super::history::Outcome;
use super::invocation::sqs_record;
use super::operation::Operation;
use super::population::Person;
use super::repetitions::Keyed;

/// The most contacts of a batch, about so many persons.
const CONTACTS: usize = 8;
const PERSONS: usize = 4;
/// The most records of a queue that are delivered together.
const RECORDS: usize = 3;

/// A contact of a batch, as create-contact would take it, with the mark of its call. `None` is one without a valid number.
type Contact = Option<(u64, Operation, Person)>;

impl Caller {
    /// Sends a batch, or delivers some of a queue.
    pub(super) async fn batch(&mut self, customer: usize) {
        match self.generator.0.u32(..4) {
            0 | 1 => self.batch_over_http(customer).await,
            2 => self.batch_directly(customer).await,
            _ => self.batches_by_queue(customer).await,
        }
    }

    async fn batch_over_http(&mut self, customer: usize) {
        let contacts = self.contacts(customer);
        let operation = request(&contacts);
        let calls = self.add_contacts("http batch", contacts);
        if self.generator.0.bool() {
            let key = Some(self.key(customer, operation.function()));
            calls.iter().flatten().for_each(|index| self.calls[*index].key.clone_from(&key));
            self.first_request(Keyed { customer, operation, if_match: None, key, calls }).await;
            return;
        }
        let url = self.url().await;
        let credentials = &self.population.customers[customer];
        let token = &credentials.token;
        let answer = self.client.call(&url, credentials, token, &operation, &Headers::default()).await;
        self.end_contacts(&calls, &answer.outcome);
    }

    async fn batch_directly(&mut self, customer: usize) {
        let contacts = self.contacts(customer);
        let operation = request(&contacts);
        let calls = self.add_contacts("direct batch", contacts);
        let (url, envelope) = (self.url().await, self.envelope(customer, &operation));
        let outcome = match self.client.invoke(&url, operation.function(), &envelope).await {
            Invocation::Answered(answer) => Outcome::Read(answer),
            Invocation::Failed(error) => failed(&error),
            Invocation::Lost => Outcome::Unknown("no response".to_owned()),
        };
        self.end_contacts(&calls, &outcome);
    }

    /// Delivers records of a queue, each with a batch. A record with an invalid contact fails before anything is written, so the
    /// judge does not get calls for its contacts, and whatever it writes is a violation.
    async fn batches_by_queue(&mut self, customer: usize) {
        let (mut records, mut calls) = (Vec::new(), Vec::new());
        for number in 0..self.generator.0.usize(1..=RECORDS) {
            let contacts = self.contacts(customer);
            let body = self.envelope(customer, &request(&contacts)).to_string();
            records.push(sqs_record(&format!("record-{number}"), &body, None));
            let is_valid = contacts.iter().all(Option::is_some);
            calls.push(is_valid.then(|| self.add_contacts("sqs batch", contacts)));
        }
        let url = self.url().await;
        let function = request(&[]).function();
        let invocation = self.client.invoke(&url, function, &json!({ "Records": records })).await;
        let failed = failed_records(&invocation);
        let now = Instant::now();
        for (number, calls) in calls.iter().enumerate() {
            let is_failed = failed.as_ref().is_none_or(|failed| failed.contains(&format!("record-{number}")));
            if calls.is_none() && !is_failed {
                let sentence = format!("the queue's record {number} of {} succeeds", records[number]["body"]);
                self.client.violate("an event with an invalid contact fails", sentence);
            }
            for index in calls.iter().flatten().flatten() {
                let call = &mut self.calls[*index];
                call.ended = now;
                // Delivered again, it would overwrite later values.
                call.outcome =
                    if is_failed { Outcome::Unknown("the record failed".to_owned()) } else { Outcome::Done(None) };
            }
        }
    }

    /// Random contacts, some of them with the same number.
    fn contacts(&mut self, customer: usize) -> Vec<Contact> {
        let persons: Vec<Person> = (0..self.generator.0.usize(1..=PERSONS)).map(|_| self.person(customer)).collect();
        let mut contacts = Vec::new();
        for _ in 0..self.generator.0.usize(1..=CONTACTS) {
            let (person, mark) = (persons[self.generator.0.usize(..persons.len())].clone(), self.mark());
            let is_valid = self.generator.0.u32(..25) > 0;
            contacts.push(is_valid.then(|| (mark, self.generator.create(&person, mark), person)));
        }
        contacts
    }

    /// Adds the calls of the contacts. Those with one number have to be applied in their order.
    fn add_contacts(&mut self, source: &'static str, contacts: Vec<Contact>) -> Vec<Option<usize>> {
        let mut groups: HashMap<String, u64> = HashMap::new();
        let mut add = |(place, contact): (usize, Contact)| {
            let (mark, operation, person) = contact?;
            let group = *groups.entry(person.contact_id.clone()).or_insert(mark);
            self.add(mark, source, operation, &person).place = Some((group, place));
            Some(self.calls.len() - 1)
        };
        contacts.into_iter().enumerate().map(&mut add).collect()
    }

    /// Writes down how the calls of a batch with this outcome ended.
    fn end_contacts(&mut self, calls: &[Option<usize>], outcome: &Outcome) {
        let now = Instant::now();
        for (call, (outcome, _)) in calls.iter().zip(outcomes(&self.client, outcome, calls)) {
            if let Some(index) = *call {
                (self.calls[index].outcome, self.calls[index].ended) = (outcome, now);
            }
        }
    }
}

fn request(contacts: &[Contact]) -> Operation {
    let input = |contact: &Contact| match contact {
        Some((_, operation, _)) => operation.input(),
        None => json!({ "phone": "12", "name": "nobody" }),
    };
    Operation::Batch { contacts: contacts.iter().map(input).collect() }
}

/// The outcome of each contact of a batch that ended like this, with its result as text. `calls` are those of the contacts,
/// `None` for an invalid one.
pub fn outcomes(client: &Client, outcome: &Outcome, calls: &[Option<usize>]) -> Vec<(Outcome, String)> {
    let Outcome::Read(answer) = outcome else { return vec![(outcome.clone(), String::new()); calls.len()] };
    let results = answer["results"].as_array().map_or(&[][..], Vec::as_slice);
    if results.len() != calls.len() {
        let sentence = format!("{} results for {} contacts", results.len(), calls.len());
        client.violate("the answer to a batch has a result for each contact", sentence);
        return vec![(Outcome::Unknown("no result".to_owned()), String::new()); calls.len()];
    }
    let result = |(call, result): (&Option<usize>, &Value)| {
        let outcome = of_result(client, result);
        if call.is_none() && outcome != Outcome::Refused("422".to_owned()) {
            client.violate("a wrong call is refused", format!("the result of an invalid contact is {result}"));
        }
        (outcome, result.to_string())
    };
    calls.iter().zip(results).map(result).collect()
}

fn of_result(client: &Client, result: &Value) -> Outcome {
    let contact = || result["contact"].clone();
    match (result["status"].as_u64(), result["outcome"].as_str()) {
        (Some(201), Some("created")) => Outcome::Created(contact()),
        (Some(201), Some("updated")) => Outcome::Updated(contact()),
        (Some(201), Some("unchanged")) => Outcome::Unchanged(contact()),
        (Some(status @ (410 | 422)), None) => Outcome::Refused(status.to_string()),
        (Some(503), None) => Outcome::Unknown("503 in a batch".to_owned()),
        _ => {
            client.violate("answers have a documented status", format!("a result of a batch is {result}"));
            Outcome::Unknown("no result".to_owned())
        }
    }
}
