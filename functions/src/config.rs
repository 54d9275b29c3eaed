//! Configuration: the environment variables of a function, read once, before the first event.

use std::env;

use contacts::access::MAX_RATE_LIMIT;
use contacts::aws::{AwsEnvironment, RootCertificates};

/// The configuration of every function except `openapi`, which reads none of it.
pub struct Config {
    /// `CONTACTS_TABLE`: the name of the contacts table.
    pub contacts_table: String,
    /// `ACCESS_TABLE`: the name of the access table.
    pub access_table: String,
    /// `RATE_LIMIT`: the number of calls in any 60 s for tokens without a limit of their own; 0 means
    /// unlimited; at most 1,000.
    pub rate_limit: u32,
    /// Region and credentials, which Lambda sets, and root certificates, which an operator may name.
    pub aws: AwsEnvironment,
    /// `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`: a DynamoDB endpoint to use instead of the
    /// region's, for example a local one.
    pub dynamodb_endpoint: Option<String>,
}

/// The additional configuration of the change feed.
pub struct ChangeFeedConfig {
    /// `EVENT_BUS`: the name of the event bus.
    pub bus: String,
    /// `EVENT_DETAIL`: `names` or `contact`.
    pub detail: EventDetail,
    /// `AWS_ENDPOINT_URL_EVENTBRIDGE` or `AWS_ENDPOINT_URL`: an EventBridge endpoint to use instead of
    /// the region's, for example a local one.
    pub eventbridge_endpoint: Option<String>,
}

/// How much a change event reveals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventDetail {
    /// Ids and the names of the changed fields.
    Names,
    /// The contact and the tags as well, which are personal data.
    Contact,
}

/// A required environment variable is missing or invalid.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The variable is not set or empty.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// The value is not a whole number.
    #[error("the environment variable {0} is not a whole number")]
    NotNumber(&'static str),
    /// The value is above the maximum, because one DynamoDB item takes 1,000 write units per second.
    #[error("the environment variable RATE_LIMIT is above {MAX_RATE_LIMIT}")]
    RateLimitTooHigh,
    /// The value is not one of the listed ones.
    #[error("the environment variable {0} is neither `names` nor `contact`")]
    NotDetail(&'static str),
}

impl Config {
    /// Reads the environment variables of this process.
    ///
    /// # Errors
    /// [`ConfigError`], which names the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| env::var(name).ok())
    }

    /// Reads environment variables from `variable`. An empty variable counts as missing.
    ///
    /// # Errors
    /// [`ConfigError`], which names the variable.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let need = |name| set(name).ok_or(ConfigError::Missing(name));
        Ok(Config {
            contacts_table: need("CONTACTS_TABLE")?,
            access_table: need("ACCESS_TABLE")?,
            rate_limit: rate_limit(&need("RATE_LIMIT")?)?,
            aws: AwsEnvironment {
                region: need("AWS_REGION")?,
                access_key_id: need("AWS_ACCESS_KEY_ID")?,
                secret_access_key: need("AWS_SECRET_ACCESS_KEY")?,
                session_token: set("AWS_SESSION_TOKEN"),
                root_certificates: RootCertificates::new(set("SSL_CERT_FILE"), set("SSL_CERT_DIR")),
            },
            dynamodb_endpoint: set("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| set("AWS_ENDPOINT_URL")),
        })
    }
}

fn rate_limit(text: &str) -> Result<u32, ConfigError> {
    let limit = text.parse().map_err(|_| ConfigError::NotNumber("RATE_LIMIT"))?;
    if limit > MAX_RATE_LIMIT { Err(ConfigError::RateLimitTooHigh) } else { Ok(limit) }
}

impl ChangeFeedConfig {
    /// Reads the environment variables of this process.
    ///
    /// # Errors
    /// [`ConfigError`], which names the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let need = |name| set(name).ok_or(ConfigError::Missing(name));
        let detail = match need("EVENT_DETAIL")?.as_str() {
            "names" => EventDetail::Names,
            "contact" => EventDetail::Contact,
            _ => return Err(ConfigError::NotDetail("EVENT_DETAIL")),
        };
        let eventbridge_endpoint = set("AWS_ENDPOINT_URL_EVENTBRIDGE").or_else(|| set("AWS_ENDPOINT_URL"));
        Ok(ChangeFeedConfig { bus: need("EVENT_BUS")?, detail, eventbridge_endpoint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_invalid_variables_are_named() {
        let all = |name: &str| Some(if name == "RATE_LIMIT" { "120".into() } else { format!("the {name}") });
        assert_eq!(Config::read(all).unwrap().contacts_table, "the CONTACTS_TABLE");
        assert_eq!(Config::read(all).unwrap().rate_limit, 120);
        let names = [
            "CONTACTS_TABLE",
            "ACCESS_TABLE",
            "RATE_LIMIT",
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
        ];
        for missing in names {
            let empty = |name: &str| if name == missing { Some(String::new()) } else { all(name) };
            let Err(error) = Config::read(empty) else { panic!("{missing}") };
            assert_eq!(error.to_string(), format!("the environment variable {missing} is not set"));
        }
        let too_high = |name: &str| if name == "RATE_LIMIT" { Some("1001".into()) } else { all(name) };
        let Err(error) = Config::read(too_high) else { panic!("RATE_LIMIT is above the maximum") };
        assert_eq!(error.to_string(), "the environment variable RATE_LIMIT is above 1000");
        let Err(error) = Config::read(|name| Some(format!("the {name}"))) else { panic!("RATE_LIMIT is not a number") };
        assert_eq!(error.to_string(), "the environment variable RATE_LIMIT is not a whole number");
    }
}
