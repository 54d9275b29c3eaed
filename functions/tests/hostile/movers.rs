//! Contacts whose number, and with it their id, changes again and again, while others write and read them by their present and
//! former ids and numbers.
//!
//! Their numbers are nobody else's and they are not deleted, so each of them is one contact with one order of versions, whatever
//! its id is. Its first id stands for it.

use std::time::Instant;

use super::caller::Caller;
use super::client::{Answer, Headers};
use super::history::Outcome;
use super::operation::{Operation, Target};
use super::population::Person;
use super::repetitions::Keyed;

impl Caller {
    /// Makes one call about a contact whose number changes.
    pub(super) async fn about_mover(&mut self, customer: usize) {
        let own = self.population.movers.iter().filter(|mover| mover[0].customer == customer);
        let movers: Vec<Vec<Person>> = own.cloned().collect();
        let mover = &movers[self.generator.0.usize(..movers.len())];
        let (first, mark) = (mover[0].clone(), self.mark());
        let number = mover[self.generator.0.usize(..mover.len())].clone();
        let known = self.ids.entry(first.contact_id.clone()).or_insert_with(|| vec![first.contact_id.clone()]);
        let id = known[self.generator.0.usize(..known.len())].clone();
        let target = Target::Id(id.clone());
        let person = Person { contact_id: id.clone(), ..first.clone() };
        let mut number_id = None;
        let operation = match self.generator.0.u32(..20) {
            0..8 => self.change_of_number(id, &number, mark),
            8..11 => Operation::Get { target },
            11..13 => {
                number_id = Some(number.contact_id.clone());
                Operation::Get { target: Target::Phone(number.spellings[self.generator.0.usize(..2)].clone()) }
            }
            13..16 => Operation::Update { target, fields: self.generator.fields(&person, mark) },
            16 => Operation::AddTag { target, tag: self.generator.tag(&person) },
            17 => Operation::RemoveTag { target, tag: self.generator.tag(&person) },
            _ => {
                // Which contact a number names depends on when the event occurred, so this one names an id.
                let event = self.generator.event(0, &person, mark);
                let message = match event {
                    Operation::Message { message_id, occurred_at, source, .. } => {
                        Operation::Message { target, message_id, occurred_at, source }
                    }
                    other => other,
                };
                let url = self.url().await;
                return self.invoke(&url, mark, message, &first).await;
            }
        };
        let is_once = !matches!(operation, Operation::ChangePhone { .. }) && operation.writes();
        let key = (is_once && self.generator.0.bool()).then(|| self.key(customer, operation.function()));
        let call = self.add(mark, "http mover", operation.clone(), &first);
        (call.number_id, call.key) = (number_id, key.clone());
        let index = self.calls.len() - 1;
        if key.is_some() {
            return self
                .first_request(Keyed { customer, operation, if_match: None, key, calls: vec![Some(index)] })
                .await;
        }
        let url = self.url().await;
        let (credentials, client) = (&self.population.customers[customer], &self.client);
        let Answer { outcome, etag, .. } =
            client.call(&url, credentials, &credentials.token, &operation, &Headers::default()).await;
        if let Outcome::Updated(contact) | Outcome::Unchanged(contact) | Outcome::Read(contact) = &outcome {
            let id = contact["id"].as_str().unwrap_or_default().to_owned();
            let known = self.ids.entry(first.contact_id).or_default();
            if !known.contains(&id) {
                known.push(id);
            }
        }
        let call = &mut self.calls[index];
        (call.outcome, call.etag, call.ended) = (outcome, etag, Instant::now());
    }

    /// Now and then to a number that another contact has.
    fn change_of_number(&mut self, id: String, number: &Person, mark: u64) -> Operation {
        let mut fields = self.generator.fields(number, mark);
        fields.tags = None;
        let mut still = self.population.still.iter().filter(|person| person.customer == number.customer);
        let taken = still.next().filter(|_| self.generator.0.u32(..8) == 0);
        let spellings = &taken.unwrap_or(number).spellings;
        let phone = spellings[self.generator.0.usize(..2)].clone();
        Operation::ChangePhone { id, phone, is_taken: taken.is_some(), fields }
    }
}
