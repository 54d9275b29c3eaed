//! Upgrades: every function reads and rewrites items as every earlier version of Carnet stored them.
//!
//! | file | owns |
//! |---|---|
//! | `layouts/*.json` | real items of one layout each, oldest layout first |
//! | `calls.json` | the calls that wrote them, and the calls whose answers were recorded with them |
//! | `layout.rs` | reading and writing these files, and putting their items into tables |
//! | `upgrade.rs` | every function over the items of every layout |
//! | `today.rs` | today's functions store nothing that the newest layout does not have |
//!
//! A layout file holds everything that a version stored for the calls of `calls.json`, as DynamoDB JSON: the items of
//! both tables, their keys and indexes, and what that version answered. Those of earlier layouts were made by checking
//! out the commit named in the file, running `cargo run -- --memory --empty --dynamodb-port …`, sending the calls, and
//! scanning the tables of its DynamoDB.
//!
//! # When the layout changes
//! The test `today::functions_store_only_what_the_newest_layout_has` fails. Then
//! `CARNET_NEW_LAYOUT=<name> cargo test --test bundle stored::today` writes `layouts/<number>-<name>.json` from today's
//! functions; say in its `differs` what has changed. The tests of `upgrade.rs` then hold the new functions against the
//! items of the layout before. If they fail, `shared/src/store/earlier.rs` is where earlier layouts are converted.

pub mod layout;
mod today;
mod upgrade;
