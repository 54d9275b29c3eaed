//! The outcome of a write.

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
