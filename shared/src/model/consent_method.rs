//! How a person gave or withdrew consent.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::violation::{Violation, plain, text_value};

/// How a person gave or withdrew consent, for example `keyword`, `web form` or `telephone`. At most
/// 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConsentMethod(String);

text_value!(ConsentMethod);

impl FromStr for ConsentMethod {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        Ok(ConsentMethod(plain(text, 100)?.to_owned()))
    }
}
