//! A field of a request that is omitted, cleared or set.

/// What a request does to a field. `Option` cannot distinguish omitting a field from clearing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field was omitted: the stored value stays.
    Keep,
    /// The field was `""` or `null`: the stored value is removed.
    Clear,
    /// The field had a value, which replaces the stored one.
    Set(T),
}

impl<T: Clone> Patch<T> {
    /// Applies the patch to `stored`.
    pub fn apply(&self, stored: &mut Option<T>) {
        match self {
            Patch::Keep => {}
            Patch::Clear => *stored = None,
            Patch::Set(value) => *stored = Some(value.clone()),
        }
    }

    /// Applies the patch to a field that is never absent; clearing it stores the default.
    pub fn apply_or_default(&self, stored: &mut T)
    where
        T: Default,
    {
        match self {
            Patch::Keep => {}
            Patch::Clear => *stored = T::default(),
            Patch::Set(value) => *stored = value.clone(),
        }
    }

    /// The new value of the field, or `None` when the field was omitted.
    pub fn given(&self) -> Option<Option<T>> {
        match self {
            Patch::Keep => None,
            Patch::Clear => Some(None),
            Patch::Set(value) => Some(Some(value.clone())),
        }
    }

    /// The value that was given, if any.
    pub fn value(&self) -> Option<&T> {
        match self {
            Patch::Set(value) => Some(value),
            Patch::Keep | Patch::Clear => None,
        }
    }
}
