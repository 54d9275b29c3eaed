//! What a caller says about a field.

/// Left out, emptied or given: three things that `Option` can't tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field was left out: what is stored stays.
    Keep,
    /// The field was given as `""` or `null`: what is stored goes.
    Clear,
    /// The field was given a value.
    Set(T),
}

impl<T: Clone> Patch<T> {
    /// Does to `stored` what the caller said.
    pub fn apply(&self, stored: &mut Option<T>) {
        match self {
            Patch::Keep => {}
            Patch::Clear => *stored = None,
            Patch::Set(value) => *stored = Some(value.clone()),
        }
    }

    /// The same for a field whose empty form is a value, such as a list.
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

    /// What the field is to be, where anything was said of it.
    pub fn given(&self) -> Option<Option<T>> {
        match self {
            Patch::Keep => None,
            Patch::Clear => Some(None),
            Patch::Set(value) => Some(Some(value.clone())),
        }
    }

    /// The value, where one was given.
    pub fn value(&self) -> Option<&T> {
        match self {
            Patch::Set(value) => Some(value),
            Patch::Keep | Patch::Clear => None,
        }
    }
}
