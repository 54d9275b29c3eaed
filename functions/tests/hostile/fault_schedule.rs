//! Which faults are injected: phases of some hundred requests, in each of which other faults are likely.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::fault_proxy::Fault;

/// Longer than the attempt timeout of the functions' SDK, which is 0.9 s.
const LATE: Duration = Duration::from_millis(1_100);

/// How long a phase is in requests, how many of a thousand requests have a fault, and which.
type Phase = (std::ops::Range<u32>, u32, &'static [Fault]);

const PHASES: [Phase; 13] = [
    (50..400, 3, &MIXED),
    (50..400, 10, &MIXED),
    (50..400, 10, &MIXED),
    (50..400, 60, &MIXED),
    (50..400, 60, &MIXED),
    (50..400, 200, &[Fault::Throttled, Fault::ThrottledTransaction]),
    (50..400, 150, &[Fault::LostRequest, Fault::LostResponse, Fault::CutResponse]),
    (50..400, 150, &[Fault::InternalError, Fault::InternalErrorAfterwards, Fault::Unavailable]),
    (50..400, 400, &[Fault::TransactionConflict]),
    (50..400, 600, &[Fault::StaleRead, Fault::StaleRows(0), Fault::UnprocessedKeys, Fault::ShortPage(2)]),
    // Outages, which outlast the retries of most calls.
    (20..120, 970, &[Fault::Throttled, Fault::ThrottledTransaction]),
    (20..120, 970, &[Fault::InternalError, Fault::Unavailable, Fault::LostRequest]),
    (20..120, 970, &[Fault::InternalErrorAfterwards, Fault::LostResponse, Fault::CutResponse]),
];

const MIXED: [Fault; 15] = [
    Fault::Throttled,
    Fault::ThrottledTransaction,
    Fault::TransactionConflict,
    Fault::InternalError,
    Fault::InternalErrorAfterwards,
    Fault::Unavailable,
    Fault::UnprocessedKeys,
    Fault::ShortPage(1),
    Fault::ShortPage(7),
    Fault::StaleRead,
    Fault::StaleRows(0),
    Fault::LostRequest,
    Fault::LostResponse,
    Fault::LostResponse,
    Fault::CutResponse,
];

/// How many faults were injected, by kind.
pub type FaultCounts = Arc<Mutex<BTreeMap<String, u64>>>;

/// Chooses faults from a seed.
pub struct FaultSchedule {
    random: fastrand::Rng,
    phase: usize,
    left: u32,
    counts: FaultCounts,
}

impl FaultSchedule {
    pub fn new(seed: u64, counts: FaultCounts) -> Self {
        FaultSchedule { random: fastrand::Rng::with_seed(seed), phase: 0, left: 0, counts }
    }

    /// The fault of the next request, which has this operation.
    pub fn next(&mut self, operation: &str) -> Fault {
        if self.left == 0 {
            self.phase = self.random.usize(..PHASES.len());
            self.left = self.random.u32(PHASES[self.phase].0.clone());
        }
        self.left -= 1;
        // Late requests and responses keep a caller waiting for seconds, so they are rare.
        let fault = match self.random.u32(..1_500) {
            0 => Fault::LateRequest(LATE),
            1 => Fault::LateResponse(LATE),
            2 => Fault::LateRequest(Duration::from_millis(300)),
            3 => Fault::LateResponse(Duration::from_millis(300)),
            _ => self.likely(),
        };
        let fault = match fault {
            _ if !fits(fault, operation) => Fault::None,
            Fault::StaleRows(_) => Fault::StaleRows(self.random.u64(..)),
            fault => fault,
        };
        if fault != Fault::None {
            *self.counts.lock().unwrap().entry(name(fault)).or_default() += 1;
        }
        fault
    }

    fn likely(&mut self) -> Fault {
        let (_, probability, faults) = &PHASES[self.phase];
        if self.random.u32(..1_000) < *probability { faults[self.random.usize(..faults.len())] } else { Fault::None }
    }
}

/// Whether DynamoDB can answer a request of this operation in this way.
fn fits(fault: Fault, operation: &str) -> bool {
    let writes = matches!(operation, "PutItem" | "UpdateItem" | "TransactWriteItems");
    if !writes && !matches!(operation, "GetItem" | "BatchGetItem" | "Query") {
        // The deployment is starting.
        return false;
    }
    match fault {
        Fault::TransactionConflict => writes,
        Fault::ThrottledTransaction => operation == "TransactWriteItems",
        Fault::UnprocessedKeys => operation == "BatchGetItem",
        Fault::ShortPage(_) | Fault::StaleRows(_) => operation == "Query",
        Fault::StaleRead => !writes,
        _ => true,
    }
}

/// The kind of a fault, without its duration or number of rows.
fn name(fault: Fault) -> String {
    let text = format!("{fault:?}");
    text.split('(').next().unwrap_or_default().to_owned()
}
