//! Lambda: processes of functions, and everything that invokes one other than HTTP.
//!
//! ```text
//! invoke_api ─────────────┐
//! async_invoke ───────────┼── pool ── process ── runtime_api ── the function's executable
//! event_source_mapping ───┘
//! ```
//!
//! This module owns processes, retries and dead letters. It knows nothing of routes or event buses, which call it.
//! Invariants: a process has at most one invocation at a time; an asynchronous invocation or a batch that failed after
//! all retries is reported exactly once. Start reading at `pool`, then `process` and `runtime_api`.

pub(crate) mod async_invoke;
mod backoff;
pub(crate) mod batch_response;
pub(crate) mod dead_letters;
pub(crate) mod event_source_mapping;
pub(crate) mod invoke_api;
pub(crate) mod launch;
mod log_tail;
pub(crate) mod outcome;
pub(crate) mod pool;
mod process;
mod runtime_api;
