//! The result of a call, and the words for its errors.

use contacts::store;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::{Error, messages};

/// The result of a call: what the tool has returned, or what the agent can do about its failure.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
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

impl Outcome {
    /// The tool has returned this.
    pub(super) fn returned(returned: Box<RawValue>) -> Self {
        let content = [Content { r#type: "text", text: returned.get().to_owned() }];
        Outcome { content, structured_content: Some(returned), is_error: false }
    }

    /// The tool has failed, for this reason.
    pub(super) fn failed(text: String) -> Self {
        Outcome { content: [Content { r#type: "text", text }], structured_content: None, is_error: true }
    }
}

/// What went wrong and what to do about it, in the words of the HTTP API. `None` for an error that only the operator can
/// resolve.
pub(super) fn explanation(error: &Error) -> Option<String> {
    Some(match error {
        Error::Malformed => "The arguments must be an object.".to_owned(),
        Error::Invalid(violations) => format!("The given data was invalid. {}", messages(violations)),
        Error::Rule(rule)
        | Error::NoKey(rule)
        | Error::PreconditionFailed(rule)
        | Error::Missing { what: rule, .. } => (*rule).to_owned(),
        Error::NotFound { .. } | Error::Deleted => {
            "Contact not found. list_contacts finds contacts by a part of their name, phone number or email address."
                .to_owned()
        }
        Error::AlreadyExists { .. } => "Contact already exists. Another contact has this phone number.".to_owned(),
        Error::Store(store::Error::Conflict | store::Error::Throttled | store::Error::Unavailable(_)) => {
            tracing::error!(%error, "the tool failed");
            "Service Unavailable. Try again in a second. A change may have been applied; repeating it is safe."
                .to_owned()
        }
        Error::Store(
            store::Error::NotFound
            | store::Error::NumberTaken
            // Tools have no idempotency keys.
            | store::Error::KeyReused
            | store::Error::AnswerGone
            | store::Error::Unreadable(_)
            | store::Error::Internal(_),
        )
        | Error::Internal(_) => return None,
    })
}
