//! What this process has looked up already.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a revoked token may go on working in a warm process.
const FRESH: Duration = Duration::from_secs(60);

/// How many values are kept; a process that serves more starts over.
const MOST: usize = 1_000;

/// Values by the keys of their items. What is unknown is not kept: it would be free to invent.
pub(super) struct Cache<T>(Mutex<HashMap<String, (Instant, T)>>);

impl<T: Clone> Cache<T> {
    /// The value, if looked up within the last minute.
    pub(super) fn get(&self, key: &str) -> Option<T> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = values.get(key)?;
        (since.elapsed() < FRESH).then(|| value.clone())
    }

    pub(super) fn put(&self, key: String, value: T) {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if values.len() >= MOST {
            values.clear();
        }
        values.insert(key, (Instant::now(), value));
    }
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Cache(Mutex::default())
    }
}
