//! The stack with a real function process, `examples/echo.rs`. Each test starts a stack of its own.

mod cors;
mod dynamodb;
mod event_buses;
mod http_api;
mod lambda;
mod streams;
mod support;
mod web_pages;
