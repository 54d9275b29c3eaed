//! Callers already looked up by this process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Caller;

/// How long a revoked token may go on working in a warm process.
const FRESH: Duration = Duration::from_secs(60);

/// How many callers are kept; a process that serves more starts over.
const MOST: usize = 1_000;

/// Callers by the key of their token. Unknown tokens are not kept: they would be free to invent.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<String, (Instant, Caller)>>);

impl Cache {
    /// The caller, if looked up within the last minute.
    pub(super) fn get(&self, key: &str) -> Option<Caller> {
        let callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, caller) = callers.get(key)?;
        (since.elapsed() < FRESH).then(|| caller.clone())
    }

    pub(super) fn put(&self, key: String, caller: Caller) {
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MOST {
            callers.clear();
        }
        callers.insert(key, (Instant::now(), caller));
    }
}
