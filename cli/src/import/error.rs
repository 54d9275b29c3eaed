//! Why an import ends before its last row.

use std::process::ExitCode;

use carnet_local::BoxError;

/// Why an import ended before its last row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file or its header cannot be imported.
    #[error("{0}")]
    File(String),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] BoxError),
}

impl Error {
    /// The exit status.
    pub(crate) fn status(&self) -> ExitCode {
        match self {
            Error::File(_) => ExitCode::from(2),
            Error::Other(_) => ExitCode::FAILURE,
        }
    }
}
