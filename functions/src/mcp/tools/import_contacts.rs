//! `import_contacts`: creates or changes up to 100 contacts, each as `create_contact` does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use contacts::model::{ContactId, Phone, Tenant, Violation};
use contacts::store::{self, ContactsTable};
use serde::Serialize;
use serde_json::value::RawValue;

use super::arguments::new_contact;
use super::contact::name;
use super::outcome::explanation;
use crate::action::{Action, Call, Reply};
use crate::conditions::Conditions;
use crate::contact_fields::ContactFields;
use crate::error::Error;
use crate::input::{Input, Invalid};

/// The maximum number of contacts of one call.
const MAX: usize = 100;

pub(super) struct ImportContacts {
    /// Each contact, or why it cannot be one.
    contacts: Vec<Result<ContactFields, Error>>,
}

#[derive(Default, Serialize)]
pub(super) struct Answer {
    created: usize,
    updated: usize,
    unchanged: usize,
    failed: usize,
    results: Vec<Imported>,
}

/// What happened to one contact.
#[derive(Clone, Serialize)]
struct Imported {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<ContactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<Phone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Action for ImportContacts {
    const NAME: &'static str = "import_contacts";
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let otherwise = Violation::NotContacts(MAX);
        let contacts: Vec<Box<RawValue>> = input.json("contacts", otherwise)?.unwrap_or_default();
        let read = |(n, contact): (usize, Box<RawValue>)| match Input::element("contacts", n, &contact) {
            Ok(element) => element.strict().parse(new_contact),
            Err(_) => Err(Error::invalid(&format!("contacts.{n}"), Violation::NotObject)),
        };
        match contacts.len() {
            1..=MAX => Ok(ImportContacts { contacts: contacts.into_iter().enumerate().map(read).collect() }),
            _ => Err(input.refuse("contacts", otherwise)),
        }
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let mut results = self.apply(table, &call.tenant).await?;
        results.sort_by_key(|(index, _)| *index);
        let mut answer = Answer::default();
        for (_, imported) in results {
            match imported.outcome {
                "created" => answer.created += 1,
                "updated" => answer.updated += 1,
                "unchanged" => answer.unchanged += 1,
                _ => answer.failed += 1,
            }
            answer.results.push(imported);
        }
        Ok(Reply::read(answer))
    }
}

impl ImportContacts {
    /// Applies the contacts, four at once, as imports of files do. Those with one number are applied one after the other, in
    /// their order.
    async fn apply(&self, table: &ContactsTable, tenant: &Tenant) -> Result<Vec<(usize, Imported)>, Error> {
        let mut done = Vec::new();
        let mut by_id: BTreeMap<ContactId, Vec<(usize, &ContactFields)>> = BTreeMap::new();
        for (index, contact) in self.contacts.iter().enumerate() {
            match contact {
                Ok(contact) => by_id.entry(contact.id(tenant)).or_default().push((index, contact)),
                Err(error) => done.push((index, failed(error)?)),
            }
        }
        let groups: Vec<_> = by_id.into_values().collect();
        let next = AtomicUsize::new(0);
        let worker = || async {
            let mut done = Vec::new();
            while let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                for (index, contact) in group {
                    let imported = match contact.upsert(table, tenant, &Conditions::default()).await {
                        Ok((contact, outcome)) => Imported {
                            outcome: name(outcome),
                            id: Some(contact.id),
                            phone: Some(contact.phone),
                            error: None,
                        },
                        Err(error) => failed(&error)?,
                    };
                    done.push((*index, imported));
                }
            }
            Ok::<_, Error>(done)
        };
        let (one, two, three, four) = tokio::try_join!(worker(), worker(), worker(), worker())?;
        done.extend([one, two, three, four].concat());
        Ok(done)
    }
}

/// A contact that failed.
///
/// # Errors
/// The error itself, if it concerns more than this contact.
fn failed(error: &Error) -> Result<Imported, Error> {
    let error = match error {
        Error::Store(store::Error::Unreadable(_)) => {
            tracing::error!(%error, "a contact was not imported, because what is stored of it cannot be read");
            "What is stored of the contact cannot be read; ask the operator.".to_owned()
        }
        error => explanation(error).ok_or_else(|| error.clone())?,
    };
    Ok(Imported { outcome: "failed", id: None, phone: None, error: Some(error) })
}
