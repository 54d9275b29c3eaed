//! Verifying a tenant's items, and repairing them.
//!
//! Everything that is stored about contacts besides the contacts themselves is derived from them: memberships, index
//! attributes, the tag catalogue. [`verify`](super::ContactsTable::verify) computes it anew and compares. Functions keep
//! it correct by themselves; items differ after they were edited or deleted by hand, or written with another program.
//!
//! Only operators call this, and no function does. The tenant may be in use meanwhile: what looks wrong on the pages of
//! a Query is read again in one transaction before it is reported, and a repair is written only if the contact still has
//! the version that it is computed from.
//!
//! | file | owns |
//! |---|---|
//! | `finding.rs` | [`Finding`]: what can be wrong |
//! | `pace.rs` | [`Pace`]: read units per second |
//! | `reading.rs` | the requests, with their units |
//! | `census.rs` | what is remembered of each contact until its memberships are read: 36 bytes or more |
//! | `inspect.rs` | one contact and its memberships, read in one transaction |
//! | `verify.rs` | all items of a tenant |
//! | `repair.rs` | writing what is missing, and deleting what is left over |

mod census;
mod finding;
mod inspect;
mod pace;
mod reading;
mod repair;
mod verify;

pub use finding::{Finding, FindingKind, Place};
pub use pace::Pace;
pub use reading::TableSize;
pub use repair::Repair;
pub use verify::{Counts, Verification};
