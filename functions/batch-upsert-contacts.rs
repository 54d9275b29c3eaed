//! Creates up to 100 contacts, or changes those with the same phone numbers (upsert), in one call.
//!
//! Route: `POST /api/v1/actions/batch-upsert-contacts`.
//! Event (direct invocation, SQS, EventBridge): `{"tenant_id":"<UUID>","input":{…}}` with the same input.
//!
//! # Input
//! | field | required | type and limits |
//! |---|---|---|
//! | `contacts` | yes | list of 1 to 100 objects, each as `create-contact` takes it: `phone`, `name`, `email`, `tags`, `metadata` |
//!
//! The whole request is at most 6 MB (Lambda), which 100 contacts with the largest metadata exceed.
//!
//! # Answer
//! 200, with one result per contact, in order: the status and body that `create-contact` would have answered.
//! ```json
//! {"results":[{"status":201,"outcome":"created","contact":{"id":"d6f0d85e-ad08-59b1-a837-e0bfdcd1a434","phone":"+5511987654321","name":"José","email":null,"tags":["vip"],"created_at":"2026-11-20T10:58:35+00:00"}},
//!             {"status":422,"errors":{"contacts.1.phone":["The contacts.1.phone must be in international format, starting with +."]}},
//!             {"status":503,"message":"Service Unavailable.","error":"Service Unavailable."}]}
//! ```
//! `outcome` is `created`, `updated` or `unchanged`. A result with 422 has the path of every invalid field. One with 503
//! means what it means for `create-contact`, or that the time limit of the call was reached: the contact may have been
//! written, and it can be sent again. One with 500 is an unexpected error, which is logged.
//!
//! # Errors
//! | status | body | when |
//! |---|---|---|
//! | 401 | `{"message":"Unauthenticated."}` | the token is missing, unknown, expired or revoked, or its tenant does not exist or is being deleted |
//! | 422 | `{"error":"No workspace configured for this account."}` | the token's user has no tenant |
//! | 422 | `{"message":"Malformed JSON.","error":"Malformed JSON."}` | the body is not a JSON object; an empty body and `[]` count as `{}` |
//! | 422 | `{"message":"The given data was invalid.","errors":{"contacts":["<message>"]}}` | `contacts` is missing, no list, empty, or has more than 100 elements |
//! | 422 | `{"message":"<text>","error":"<text>"}` | the `Idempotency-Key` is not 1–255 visible ASCII characters, or was used with another body |
//! | 410 | `{"message":"<text>","error":"<text>"}` | a call with this `Idempotency-Key` was carried out, and its answer was deleted with the contact |
//! | 429 | `{"message":"Too Many Attempts.","error":"Too Many Attempts."}` | more calls than the token's limit in any 60 s (default 120); `Retry-After` in seconds |
//! | 503 | `{"message":"Service Unavailable.","error":"Service Unavailable."}` | DynamoDB throttles the first read or cannot be reached: no contact was written; or the call takes 28.5 s; `Retry-After: 1` |
//! | 500 | `{"message":"Server Error.","error":"Server Error."}` | an unexpected error, which is logged |
//!
//! As an event: `ValidationFailed`, `UnknownTenant`, `UnknownEvent`,
//! `Conflict`, `Throttled`, `Unavailable`, `TimedOut` or `InternalError`. The rate limit does not apply to events.
//! A direct invocation gets the answer above. A queue and the event bus read no answer, so for them an event with an invalid
//! contact fails with `ValidationFailed` before anything is written, and with any other failed contact it fails with that
//! contact's error after all have been tried. It is delivered again, which is safe because it is idempotent, and at last
//! goes to the dead-letter queue.
//!
//! # Guarantees
//! Idempotent. Each contact is written in one atomic request, the batch is not: contacts that fail leave the others as they
//! are. Contacts with the same number, in any spelling, are applied in their order, so the last one wins; others are applied
//! four at once. One call counts as one call of the rate limit, because the limit protects the API from calls, and the
//! table from writes only together with the number of contacts of a call.
//!
//! With the header `Idempotency-Key`, a repetition with the same token, key and body within 24 h has no effect and gets the
//! first answer with `Idempotency-Replayed: true`, even if the contact has changed since. Only successes are remembered.
//! Each contact's result is recorded with it, so the repetition of a call that was cut off does the rest.
//!
//! # Cost
//! Per contact that of `create-contact`, but the contacts, and the tags that they are given, are read together:
//! 1 BatchGetItem for each 100 of them, with the same read units. 100 new contacts without tags are 101 requests. The second
//! contact with one number is read by itself.
//! An `Idempotency-Key` costs one PutItem for the call; each contact is read by itself then, and recorded as in `create-contact`.
//! On a token-cache or tenant-cache miss (60 s each), one extra GetItem each. If the token has a rate limit, one more
//! UpdateItem (1 write unit for a limit of up to 120).

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use contacts::model::{Contact, ContactId, Tags, Tenant, Violation};
use contacts::store::{self, Basis, ContactsTable, Outcome};
use functions::{Action, Call, ContactFields, CreatedContact, Error, Input, Invalid, ItemAnswer, Reply};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

/// The maximum number of contacts of a call. Their keys fit into one BatchGetItem.
const MAX: usize = 100;
/// What is left of the call's time when contacts that are not finished are given up, so that the others are answered.
const RESERVE: Duration = Duration::from_millis(500);

struct BatchUpsertContacts {
    /// Each contact, or why it cannot be one.
    contacts: Vec<Result<ContactFields, Error>>,
}

#[derive(Serialize)]
struct Answer {
    results: Vec<ItemAnswer<CreatedContact>>,
}

/// What was done with a contact.
type Upserted = Result<(Contact, Outcome), Error>;

/// The contacts with one number, with their places in the call.
struct Group<'a> {
    id: ContactId,
    contacts: Vec<(usize, &'a ContactFields)>,
}

impl<'a> Group<'a> {
    /// The tags that the first contact is given.
    fn first_tags(&self) -> Option<&'a Tags> {
        self.contacts.first().and_then(|(_, contact)| contact.tags.value())
    }
}

impl Action for BatchUpsertContacts {
    const NAME: &'static str = "batch-upsert-contacts";
    const WRITES: bool = true;
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let contacts = input.json::<Vec<Box<RawValue>>>("contacts", Violation::NotContacts(MAX))?;
        let contacts = contacts.ok_or_else(|| input.refuse("contacts", Violation::Required))?;
        if !(1..=MAX).contains(&contacts.len()) {
            return Err(input.refuse("contacts", Violation::NotContacts(MAX)));
        }
        let read = |(index, contact): (usize, Box<RawValue>)| match Input::element("contacts", index, &contact) {
            Ok(element) => element.strict_as(input).parse(ContactFields::parse),
            Err(_) => Err(Error::invalid(&format!("contacts.{index}"), Violation::NotObject)),
        };
        Ok(BatchUpsertContacts { contacts: contacts.into_iter().enumerate().map(read).collect() })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let upserted = self.upsert(table, call).await?;
        let answer = |upserted: Upserted| {
            ItemAnswer::new(upserted.map(|(contact, outcome)| (CreatedContact::from(contact), outcome)))
        };
        Ok(Reply::read(Answer { results: upserted.into_iter().map(answer).collect() }))
    }

    async fn deliver(self, table: &ContactsTable, call: &Call) -> Result<(), Error> {
        // An invalid contact stays invalid however often the event is delivered, and each delivery would write the others
        // again, over what has been written since.
        for contact in &self.contacts {
            contact.as_ref().map_err(Error::clone)?;
        }
        self.upsert(table, call).await?.into_iter().try_for_each(|upserted| upserted.map(drop))
    }
}

impl BatchUpsertContacts {
    /// Applies the contacts: those with one number one after the other, in their order, and others four at once, as imports
    /// do. More would not make a batch much faster, and would leave less of the table's capacity to other calls.
    ///
    /// # Errors
    /// The errors of the read that precedes all writes. The result of each contact has its own error.
    async fn upsert(&self, table: &ContactsTable, call: &Call) -> Result<Vec<Upserted>, Error> {
        let until = call.deadline.checked_sub(RESERVE).unwrap_or(call.deadline);
        let groups = self.groups(&call.tenant);
        let table = &Box::pin(table.begin(&call.tenant)).await?;
        // With an idempotency key, each contact is read together with its recorded result.
        let bases = if table.is_once() { HashMap::new() } else { self.prefetch(table, &call.tenant, &groups).await? };
        let bases = Mutex::new(bases);
        let next = AtomicUsize::new(0);
        let worker = || async {
            let mut done = Vec::new();
            while let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut basis = bases.lock().ok().and_then(|mut bases| bases.remove(&group.id));
                for (index, contact) in &group.contacts {
                    let part = table.part(*index);
                    done.push((*index, upsert_until(until, contact, &part, &call.tenant, basis.take()).await));
                }
            }
            done
        };
        let (one, two, three, four) = tokio::join!(worker(), worker(), worker(), worker());
        let mut done: HashMap<usize, Upserted> = [one, two, three, four].into_iter().flatten().collect();
        let result = |(index, contact): (usize, &Result<ContactFields, Error>)| match contact {
            Ok(_) => done.remove(&index).unwrap_or_else(|| Err(Error::Internal("a contact was left out".to_owned()))),
            Err(error) => Err(error.clone()),
        };
        Ok(self.contacts.iter().enumerate().map(result).collect())
    }

    /// The valid contacts by number, in the order in which the numbers occur.
    fn groups(&self, tenant: &Tenant) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut known: HashMap<ContactId, usize> = HashMap::new();
        for (index, contact) in self.contacts.iter().enumerate() {
            let Ok(contact) = contact else { continue };
            let id = contact.id(tenant);
            let group = *known.entry(id).or_insert(groups.len());
            if group == groups.len() {
                groups.push(Group { id, contacts: Vec::new() });
            }
            groups[group].contacts.push((index, contact));
        }
        groups
    }

    /// What the first write of each contact is based on.
    async fn prefetch(
        &self,
        table: &ContactsTable,
        tenant: &Tenant,
        groups: &[Group<'_>],
    ) -> Result<HashMap<ContactId, Basis>, Error> {
        let wanted = groups.iter().map(|group| (group.id, group.first_tags())).collect();
        // Boxed: the SDK's futures are large, and every layer around this one would copy them.
        Ok(Box::pin(table.prefetch(tenant, &wanted)).await?)
    }
}

/// Creates or changes one contact, unless the time is over before.
async fn upsert_until(
    until: Instant,
    contact: &ContactFields,
    table: &ContactsTable,
    tenant: &Tenant,
    basis: Option<Basis>,
) -> Upserted {
    let too_late = || Error::Store(store::Error::Unavailable("the time limit of the call was reached".to_owned()));
    if Instant::now() >= until {
        return Err(too_late());
    }
    let upserted = timeout_at(until, Box::pin(contact.upsert_on(table, tenant, basis))).await;
    upserted.unwrap_or_else(|_| Err(too_late()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::StartError> {
    functions::serve::<BatchUpsertContacts>().await
}
