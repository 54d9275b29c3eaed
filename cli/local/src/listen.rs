//! Taking a port of 127.0.0.1. Nothing of a stack listens on another address.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use crate::error::Error;

/// Listens on a port, 0 for any free one. `option` is what the user changes when the port is in use.
///
/// # Errors
/// [`Error::PortTaken`], [`Error::Listen`].
pub(crate) fn bind(port: u16, option: &'static str) -> Result<TcpListener, Error> {
    let bind = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortTaken { port, option },
        _ => Error::Listen { port, source },
    })
}

/// Checks that a stack could listen on this port, before time is spent on starting one.
///
/// # Errors
/// [`Error::PortTaken`], [`Error::Listen`].
pub fn check_port(port: u16, option: &'static str) -> Result<(), Error> {
    bind(port, option).map(drop)
}
