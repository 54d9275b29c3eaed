//! Several contacts that a request creates or changes, each by itself.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contacts::model::{Contact, ContactId, Tags, Tenant, Violation};
use contacts::store::{self, Basis, ContactsTable, Outcome};
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use crate::action::Call;
use crate::conditions::Conditions;
use crate::contact_fields::ContactFields;
use crate::error::Error;
use crate::input::{Input, Invalid};

/// The maximum number of contacts of a call. Their keys fit into one BatchGetItem.
const MAX: usize = 100;
/// What is left of the call's time when contacts that are not finished are given up, so that the others are answered.
const RESERVE: Duration = Duration::from_millis(500);

/// The field `contacts` of an input: each contact, or why it cannot be one.
pub struct ContactBatch(Vec<Result<ContactFields, Error>>);

/// What was done with a contact.
pub type Upserted = Result<(Contact, Outcome), Error>;

/// The contacts with one number, with their places in the call.
struct Group<'a> {
    id: ContactId,
    contacts: Vec<(usize, &'a ContactFields)>,
    /// What the write of the first one is based on, if it was read.
    basis: Option<Basis>,
}

impl<'a> Group<'a> {
    /// The tags that the first contact is given.
    fn first_tags(&self) -> Option<&'a Tags> {
        self.contacts.first().and_then(|(_, contact)| contact.tags.value())
    }
}

impl ContactBatch {
    /// Reads `contacts`, a list of 1 to 100 objects, each with `read`, as strictly as the whole input.
    ///
    /// # Errors
    /// [`Invalid`], recorded in `input`, if it has another form.
    pub fn parse(
        input: &mut Input,
        read: impl Fn(&mut Input) -> Result<ContactFields, Invalid>,
    ) -> Result<Self, Invalid> {
        let contacts = input.json::<Vec<Box<RawValue>>>("contacts", Violation::NotContacts(MAX))?;
        let contacts = contacts.ok_or_else(|| input.refuse("contacts", Violation::Required))?;
        if !(1..=MAX).contains(&contacts.len()) {
            return Err(input.refuse("contacts", Violation::NotContacts(MAX)));
        }
        let read = |(index, contact): (usize, Box<RawValue>)| match Input::element("contacts", index, &contact) {
            Ok(element) => element.strict_as(input).parse(&read),
            Err(_) => Err(Error::invalid(&format!("contacts.{index}"), Violation::NotObject)),
        };
        Ok(ContactBatch(contacts.into_iter().enumerate().map(read).collect()))
    }

    /// The error of the first contact that cannot be one.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self) -> Result<(), Error> {
        self.0.iter().try_for_each(|contact| contact.as_ref().map(drop).map_err(Error::clone))
    }

    /// Applies the contacts: those with one number one after the other, in their order, until one fails that can be sent again,
    /// whose error the later ones get too. Others are applied four at once, as imports do: more would not make a batch much
    /// faster, and would leave less of the table's capacity to other calls. Returns one result per contact, in order.
    ///
    /// # Errors
    /// The errors of the read that precedes all writes. The result of each contact has its own error.
    pub async fn upsert(&self, table: &ContactsTable, call: &Call) -> Result<Vec<Upserted>, Error> {
        let until = call.deadline.checked_sub(RESERVE).unwrap_or(call.deadline);
        let mut groups = self.groups(&call.tenant);
        let table = &Box::pin(table.begin(&call.tenant)).await?;
        // With an idempotency key, each contact is read together with its recorded result.
        if !table.is_once() {
            let wanted: Vec<_> = groups.iter().map(|group| (group.id, group.first_tags())).collect();
            // Boxed: the SDK's futures are large, and every layer around this one would copy them.
            let bases = Box::pin(table.prefetch(&call.tenant, &wanted)).await?;
            groups.iter_mut().zip(bases).for_each(|(group, basis)| group.basis = basis);
        }
        let waiting = Mutex::new(groups.into_iter());
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        let worker = || async {
            let mut done = Vec::new();
            while let Some(Group { contacts, mut basis, .. }) = next() {
                let mut failed = None;
                for (index, contact) in contacts {
                    let part = table.part(index);
                    let upserted = match failed.clone() {
                        // The contact before is sent again, and would then be applied over this one.
                        Some(error) => Err(error),
                        None => upsert_until(until, contact, &part, &call.tenant, basis.take()).await,
                    };
                    failed = upserted.as_ref().err().filter(|error| is_repeatable(error)).cloned();
                    done.push((index, upserted));
                }
            }
            done
        };
        let (one, two, three, four) = tokio::join!(worker(), worker(), worker(), worker());
        let refused = |contact: &Result<ContactFields, Error>| contact.as_ref().err().cloned();
        let left_out = || Error::Internal("a contact was left out".to_owned());
        let mut results: Vec<Upserted> =
            self.0.iter().map(|contact| Err(refused(contact).unwrap_or_else(left_out))).collect();
        for (index, upserted) in [one, two, three, four].into_iter().flatten() {
            results[index] = upserted;
        }
        Ok(results)
    }

    /// The valid contacts by number, in the order in which the numbers occur.
    fn groups(&self, tenant: &Tenant) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (index, contact) in self.0.iter().enumerate() {
            let Ok(contact) = contact else { continue };
            let id = contact.id(tenant);
            match groups.iter_mut().find(|group| group.id == id) {
                Some(group) => group.contacts.push((index, contact)),
                None => groups.push(Group { id, contacts: vec![(index, contact)], basis: None }),
            }
        }
        groups
    }
}

/// Whether a contact with this error succeeds when it is sent again.
fn is_repeatable(error: &Error) -> bool {
    matches!(error, Error::Store(store::Error::Conflict | store::Error::Throttled | store::Error::Unavailable(_)))
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
    let upserted = timeout_at(until, Box::pin(contact.upsert_on(table, tenant, &Conditions::default(), basis))).await;
    upserted.unwrap_or_else(|_| Err(too_late()))
}
