//! Configuration: the environment of a function, read once, before the first event.

use std::env;

use crate::feed::Detail;

/// What a function needs to know, from environment variables.
pub struct Config {
    /// `CONTACTS_TABLE`: the table of contacts.
    pub contacts_table: String,
    /// `ACCESS_TABLE`: the table of tokens.
    pub access_table: String,
    /// `RATE_LIMIT`: how many calls a token may make in any minute; 0 is no limit.
    pub rate_limit: u32,
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

/// What the change feed needs to know beside, from environment variables.
pub struct FeedConfig {
    /// `EVENT_BUS`: the name of the bus.
    pub bus: String,
    /// `EVENT_DETAIL`: `names` or `contact`.
    pub detail: Detail,
    /// `AWS_ENDPOINT_URL_EVENTBRIDGE` or `AWS_ENDPOINT_URL`: another EventBridge than the region's.
    pub endpoint: Option<String>,
}

/// A variable that is needed, and of no use.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is not set, or empty.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// It should be a whole number.
    #[error("the environment variable {0} is no whole number")]
    NoNumber(&'static str),
    /// It should be one of two words.
    #[error("the environment variable {0} is neither `names` nor `contact`")]
    NoDetail(&'static str),
}

impl Config {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// [`Unusable`], naming the first variable that is.
    pub fn from_env() -> Result<Self, Unusable> {
        Self::read(|name| env::var(name).ok())
    }

    /// Reads an environment. An empty variable is a missing one.
    ///
    /// # Errors
    /// [`Unusable`], naming the first variable that is.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Unusable> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let need = |name| set(name).ok_or(Unusable::Missing(name));
        Ok(Config {
            contacts_table: need("CONTACTS_TABLE")?,
            access_table: need("ACCESS_TABLE")?,
            rate_limit: need("RATE_LIMIT")?.parse().map_err(|_| Unusable::NoNumber("RATE_LIMIT"))?,
            region: need("AWS_REGION")?,
            access_key_id: need("AWS_ACCESS_KEY_ID")?,
            secret_access_key: need("AWS_SECRET_ACCESS_KEY")?,
            session_token: set("AWS_SESSION_TOKEN"),
            endpoint: set("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| set("AWS_ENDPOINT_URL")),
        })
    }
}

impl FeedConfig {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// [`Unusable`], naming the first variable that is.
    pub fn from_env() -> Result<Self, Unusable> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let need = |name| set(name).ok_or(Unusable::Missing(name));
        let detail = match need("EVENT_DETAIL")?.as_str() {
            "names" => Detail::Names,
            "contact" => Detail::Contact,
            _ => return Err(Unusable::NoDetail("EVENT_DETAIL")),
        };
        let endpoint = set("AWS_ENDPOINT_URL_EVENTBRIDGE").or_else(|| set("AWS_ENDPOINT_URL"));
        Ok(FeedConfig { bus: need("EVENT_BUS")?, detail, endpoint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
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
        let Err(error) = Config::read(|name| Some(format!("the {name}"))) else { panic!("no number") };
        assert_eq!(error.to_string(), "the environment variable RATE_LIMIT is no whole number");
    }
}
