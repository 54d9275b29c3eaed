//! `import_contacts`: creates or changes up to 100 contacts, each as `create_contact` does.

use contacts::model::{ContactId, Phone};
use contacts::store::{self, ContactsTable, Outcome};
use serde::Serialize;

use super::arguments::new_contact;
use super::outcome::explanation;
use crate::action::{Action, Call, Reply};
use crate::contact_batch::{ContactBatch, Upserted};
use crate::error::Error;
use crate::input::{Input, Invalid};

pub(super) struct ImportContacts(ContactBatch);

#[derive(Default, Serialize)]
pub(super) struct Answer {
    created: usize,
    updated: usize,
    unchanged: usize,
    failed: usize,
    results: Vec<Imported>,
}

/// What happened to one contact.
#[derive(Serialize)]
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
        ContactBatch::parse(input, new_contact).map(ImportContacts)
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let mut answer = Answer::default();
        for upserted in self.0.upsert(table, call).await? {
            let count = match &upserted {
                Ok((_, Outcome::Created)) => &mut answer.created,
                Ok((_, Outcome::Updated)) => &mut answer.updated,
                Ok((_, Outcome::Unchanged)) => &mut answer.unchanged,
                Err(_) => &mut answer.failed,
            };
            *count += 1;
            answer.results.push(imported(upserted)?);
        }
        Ok(Reply::read(answer))
    }
}

/// What was done with a contact, or why it failed.
///
/// # Errors
/// An error that concerns more than this contact, and that only the operator can resolve.
fn imported(upserted: Upserted) -> Result<Imported, Error> {
    let error = match upserted {
        Ok((contact, outcome)) => {
            let (id, phone) = (Some(contact.id), Some(contact.phone));
            return Ok(Imported { outcome: outcome.name(), id, phone, error: None });
        }
        Err(error @ Error::Store(store::Error::Unreadable(_))) => {
            tracing::error!(%error, "a contact was not imported, because what is stored of it cannot be read");
            "What is stored of the contact cannot be read; ask the operator.".to_owned()
        }
        Err(error) => explanation(&error).ok_or(error)?,
    };
    Ok(Imported { outcome: "failed", id: None, phone: None, error: Some(error) })
}
