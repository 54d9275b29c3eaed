//! Configuration: the environment of a function, read once, before the first event.

use std::env;

/// What a function needs to know, from environment variables.
pub struct Config {
    /// `CONTACTS_TABLE`: the table of contacts.
    pub contacts_table: String,
    /// `ACCESS_TABLE`: the table of tokens.
    pub access_table: String,
    /// `AWS_REGION`, which Lambda sets.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`, which Lambda sets; the credentials outlive the process.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`, which Lambda sets.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`, which Lambda sets.
    pub session_token: Option<String>,
    /// `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`: another DynamoDB than the region's.
    pub endpoint: Option<String>,
}

/// A variable that is needed and not set.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is not set")]
pub struct Missing(&'static str);

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`Missing`], naming the first variable that is.
    pub fn from_env() -> Result<Self, Missing> {
        Ok(Config {
            contacts_table: need("CONTACTS_TABLE")?,
            access_table: need("ACCESS_TABLE")?,
            region: need("AWS_REGION")?,
            access_key_id: need("AWS_ACCESS_KEY_ID")?,
            secret_access_key: need("AWS_SECRET_ACCESS_KEY")?,
            session_token: set("AWS_SESSION_TOKEN"),
            endpoint: set("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| set("AWS_ENDPOINT_URL")),
        })
    }
}

fn need(name: &'static str) -> Result<String, Missing> {
    set(name).ok_or(Missing(name))
}

fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
