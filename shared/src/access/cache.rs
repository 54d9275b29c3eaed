//! An in-memory cache of one process, with a time to live of 60 s.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a process caches a token or a tenant. In a warm process, a revoked token may keep working for this long, and
/// a change of a tenant may take this long to be seen.
pub const MAX_AGE: Duration = Duration::from_secs(60);

/// The maximum number of cached values. When it is reached, the cache is emptied.
const MAX_VALUES: usize = 1_000;

/// Values by key. Misses are not cached, because callers could fill the cache with invented keys.
pub(super) struct Cache<T>(Mutex<HashMap<String, (Instant, T)>>);

impl<T: Clone> Cache<T> {
    /// The value, if it was stored within the last 60 s.
    pub(super) fn get(&self, key: &str) -> Option<T> {
        self.get_at(key, Instant::now())
    }

    fn get_at(&self, key: &str, now: Instant) -> Option<T> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = values.get(key)?;
        (now.duration_since(*since) < MAX_AGE).then(|| value.clone())
    }

    /// Stores a value. Expired values stay in memory until they are replaced or the cache is emptied.
    pub(super) fn put(&self, key: String, value: T) {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if values.len() >= MAX_VALUES {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_cached_for_60_seconds() {
        let cache = Cache::default();
        cache.put("key".into(), 1);
        let stored = Instant::now();
        assert_eq!(cache.get_at("key", stored + Duration::from_secs(59)), Some(1));
        assert_eq!(cache.get_at("key", stored + Duration::from_secs(60)), None);
    }
}
