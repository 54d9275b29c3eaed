//! The bundle from outside: real executables, real events, a real engine. One file per endpoint,
//! and one for each promise that is about more than one of them.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by panicking")]

mod access;
mod bad_input;
mod common;
mod consent;
mod cost;
mod create_contact;
mod event_sources;
mod faults;
mod feed;
mod flowiq;
mod get_contact;
mod histories;
mod invariants;
mod layers;
mod messages;
mod openapi;
mod quotas;
mod qyvo;
mod recorded;
mod search_contacts;
mod support;
mod tags;
mod together;
mod update_contact;
