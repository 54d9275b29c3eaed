//! Import: rows of a table, such as a CSV file, become contacts.
//!
//! It owns which columns are understood ([`Mapping`]), how cells become values ([`Mapping::read`] gives a [`Row`] or all of
//! its [`Problem`]s), what a row does to a stored contact ([`Row::apply_to`], a pure rule), and how it is written
//! ([`apply`]), through the store's one way to write. It knows neither files nor encodings nor concurrency: callers decode
//! a file or an event into a header and cells of text.
//!
//! Invariants: **an import never re-opens consent**, so an opt-out that is stored stays; an empty cell keeps what is
//! stored; a repeated import changes nothing and writes nothing; no [`Problem`] quotes a cell.
//!
//! ```text
//! header ──► Mapping::new ──► Mapping::read(cells) ──► Seen::first_line(id, line) ──► apply / predict ──► Counts, FailedRows
//! ```
//!
//! Start reading at [`Mapping`].

mod apply;
mod cell;
mod column;
mod country;
mod history;
mod mapping;
mod outcome;
mod read;
mod report;
mod row;
mod seen;

pub use apply::{ApplyError, apply, predict};
pub use cell::{protect, unprotect};
pub use column::REPORT;
pub use country::{Country, UnknownCountry};
pub use history::EXPORT;
pub use mapping::{ColumnUse, Mapping, MappingError, Options};
pub use outcome::{Counts, Problem};
pub use report::{FailedRows, reasons};
pub use row::Row;
pub use seen::Seen;
