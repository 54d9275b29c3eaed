//! The outcome of a write.

use super::error::Error;
use crate::model::{Contact, ContactId, Stored};

/// What a write did to the contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The contact did not exist and was created.
    Created,
    /// The contact existed and was changed.
    Updated,
    /// Nothing was written: the contact already had the requested values, or all events had been applied
    /// before.
    Unchanged,
}

impl Outcome {
    /// The name in answers and in stored results: `created`, `updated` or `unchanged`.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Created => "created",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "unchanged",
        }
    }
}

/// What a call that writes has done.
pub(super) struct Written {
    /// The id under whose key it was written.
    pub(super) id: ContactId,
    /// What was stored before. `None` also for the repetition of a call with an idempotency key.
    pub(super) old: Option<Stored>,
    /// What is stored now; what this call has stored, if another has deleted or created the contact since.
    pub(super) new: Stored,
    pub(super) outcome: Outcome,
}

impl Written {
    /// The contact of a rule that returns contacts.
    pub(super) fn contact(self) -> Result<(Contact, Outcome), Error> {
        let contact = self.new.into_contact().ok_or_else(|| Error::Internal("a rule deleted a contact".to_owned()))?;
        Ok((contact, self.outcome))
    }
}
