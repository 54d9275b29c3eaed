//! What the tools do.
//!
//! A tool is an [`Action`], with the arguments of a call as its input. `tools.yaml` describes the tools to clients, and a test
//! holds the two against each other.

mod arguments;
mod contact;
mod create_contact;
mod delete_contact;
mod get_contact;
mod import_contacts;
mod list_contacts;
mod tag_contact;
mod update_contact;

use contacts::store::{self, ContactsTable};
use serde::Serialize;
use serde_json::value::RawValue;

use super::message::ProtocolError;
use crate::action::{Action, Call};
use crate::error::{Error, messages};
use crate::input::Input;
use crate::json::to_raw;

/// The result of a call: what the tool has returned, or what the agent can do about its failure.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    content: [Content; 1],
    /// What the tool has returned, which its output schema describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_error: bool,
}

/// A text: what the tool has returned, again, for clients that do not know structured content, or an error.
#[derive(Serialize)]
struct Content {
    r#type: &'static str,
    text: String,
}

/// Calls the tool with this name. `None` if there is none.
///
/// # Errors
/// [`ProtocolError::Internal`] for an unexpected error, which is logged. All other errors are outcomes.
pub(super) async fn call(
    name: &str,
    arguments: &str,
    table: &ContactsTable,
    call: &Call,
) -> Option<Result<Outcome, ProtocolError>> {
    // Boxed: the futures of the tools are large, and the layers around this one would copy the largest of them.
    let outcome = match name {
        list_contacts::ListContacts::NAME => Box::pin(run::<list_contacts::ListContacts>(arguments, table, call)).await,
        get_contact::GetContact::NAME => Box::pin(run::<get_contact::GetContact>(arguments, table, call)).await,
        create_contact::CreateContact::NAME => {
            Box::pin(run::<create_contact::CreateContact>(arguments, table, call)).await
        }
        update_contact::UpdateContact::NAME => {
            Box::pin(run::<update_contact::UpdateContact>(arguments, table, call)).await
        }
        tag_contact::TagContact::NAME => Box::pin(run::<tag_contact::TagContact>(arguments, table, call)).await,
        delete_contact::DeleteContact::NAME => {
            Box::pin(run::<delete_contact::DeleteContact>(arguments, table, call)).await
        }
        import_contacts::ImportContacts::NAME => {
            Box::pin(run::<import_contacts::ImportContacts>(arguments, table, call)).await
        }
        _ => return None,
    };
    Some(outcome)
}

async fn run<A: Action>(arguments: &str, table: &ContactsTable, call: &Call) -> Result<Outcome, ProtocolError> {
    tracing::Span::current().record("tool", A::NAME);
    let returned = async {
        let action = Input::from_json(arguments.as_bytes())?.parse(A::parse)?;
        to_raw(&action.run(table, call).await?.body)
    };
    match returned.await {
        Ok(returned) => Ok(Outcome::new(returned.get().to_owned(), Some(returned), false)),
        Err(error) => match explanation(&error) {
            Some(text) => Ok(Outcome::new(text, None, true)),
            None => {
                tracing::error!(%error, "the tool failed");
                Err(ProtocolError::Internal)
            }
        },
    }
}

impl Outcome {
    fn new(text: String, structured_content: Option<Box<RawValue>>, is_error: bool) -> Self {
        Outcome { content: [Content { r#type: "text", text }], structured_content, is_error }
    }
}

/// What went wrong and what to do about it, in the words of the HTTP API. `None` for an error that nobody but the operator
/// can do something about.
fn explanation(error: &Error) -> Option<String> {
    Some(match error {
        Error::Malformed => "The arguments must be an object.".to_owned(),
        Error::Invalid(violations) => format!("The given data was invalid. {}", messages(violations)),
        Error::Rule(rule) | Error::Missing { what: rule, .. } => (*rule).to_owned(),
        Error::NotFound { .. } | Error::Outdated => {
            "Contact not found. list_contacts finds contacts by a part of their name, phone number or email address."
                .to_owned()
        }
        Error::AlreadyExists { .. } => "Contact already exists. Another contact has this phone number.".to_owned(),
        Error::Store(store::Error::Conflict | store::Error::Throttled | store::Error::Unavailable(_)) => {
            tracing::error!(%error, "the tool failed");
            "Service Unavailable. Try again in a second. A change may have been applied; repeating it is safe."
                .to_owned()
        }
        Error::Store(store::Error::NotFound | store::Error::Unreadable(_) | store::Error::Internal(_))
        | Error::Internal(_) => return None,
    })
}
