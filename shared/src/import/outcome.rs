//! What became of the rows.

use serde::Serialize;

use crate::model::Violation;
use crate::store::Outcome;

/// What is wrong with a row. It never quotes a cell, so it may be logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The field of the contact, such as `phone` or `metadata`.
    pub field: String,
    /// What is wrong and what to write instead: a sentence.
    pub reason: String,
}

impl Problem {
    /// A problem of a field.
    pub fn new(field: &str, reason: impl Into<String>) -> Self {
        Problem { field: field.to_owned(), reason: reason.into() }
    }

    /// A value that was refused.
    pub(super) fn of(field: &str, violation: Violation) -> Self {
        Problem::new(field, violation.message(field))
    }
}

/// How many rows had which outcome. Serialized, it is the summary of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// The contact did not exist and was created.
    pub created: u64,
    /// The contact existed and was changed.
    pub updated: u64,
    /// The contact existed with these values; nothing was written.
    pub unchanged: u64,
    /// An earlier row of the file has the same phone number; nothing was written.
    pub duplicates: u64,
    /// The row is invalid; nothing was written.
    pub failed: u64,
}

impl Counts {
    /// Counts a row that was applied.
    pub fn applied(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.duplicates + self.failed
    }
}
