//! Seeding: what the owner of a stack writes into its tables before the first call.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::BoxError;

/// Where event source mappings that are new in this store begin to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStart {
    /// At the `StartingPosition` of the template.
    AsConfigured,
    /// At the next change, so that what was seeded is not delivered as a change.
    NextChange,
}

type Running = Pin<Box<dyn Future<Output = Result<StreamStart, BoxError>> + Send>>;

/// A hook that runs once the tables exist and before the stack answers requests. Clones share it.
#[derive(Clone)]
pub struct Seed(Arc<dyn Fn(BTreeMap<String, String>) -> Running + Send + Sync>);

impl Seed {
    /// Makes a hook. It gets the environment variables of one of the functions, with the names of the tables, the
    /// region, credentials and `AWS_ENDPOINT_URL_DYNAMODB`. It is not run if the template has no function. An error
    /// keeps the stack from starting.
    pub fn new<F, R>(seed: F) -> Self
    where
        F: Fn(BTreeMap<String, String>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<StreamStart, BoxError>> + Send + 'static,
    {
        Self(Arc::new(move |environment| Box::pin(seed(environment))))
    }

    pub(crate) async fn run(&self, environment: BTreeMap<String, String>) -> Result<StreamStart, BoxError> {
        (self.0)(environment).await
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed")
    }
}
