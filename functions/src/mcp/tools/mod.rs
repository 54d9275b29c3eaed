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
mod outcome;
mod tag_contact;
mod update_contact;

use contacts::store::ContactsTable;

use super::message::ProtocolError;
use crate::action::{Action, Call};
use crate::error::Error;
use crate::input::Input;
use crate::json::to_raw;
pub(super) use outcome::Outcome;
use outcome::explanation;

/// The tools in JSON: what `tools/list` answers.
pub const TOOLS: &str = include_str!(concat!(env!("OUT_DIR"), "/tools.json"));

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
        // A misspelt argument would otherwise be ignored, and the agent would believe that it has had an effect.
        let action = Input::from_json(arguments.as_bytes())?.strict().parse(A::parse)?;
        to_raw(&action.run(table, call).await?.body)
    };
    returned.await.map(Outcome::returned).or_else(|error: Error| match explanation(&error) {
        Some(text) => Ok(Outcome::failed(text)),
        None => {
            tracing::error!(%error, "the tool failed");
            Err(ProtocolError::Internal)
        }
    })
}
